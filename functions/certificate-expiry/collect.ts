import { scopeType } from '../../shared/coverage.ts';
import type { CollectContext } from '../../shared/run-task.ts';
import type { ConfigOf } from '../../shared/task.ts';
import type { CertificateItem } from './items.ts';
import { scanEndpoints } from './scan-endpoints.ts';
import type { task } from './task.ts';

type Context = CollectContext<ConfigOf<typeof task>>;

/** Returns every certificate of the sources that are switched on; what could not be read is in the coverage ledger. */
export async function collect(context: Context): Promise<CertificateItem[]> {
  const { sources } = context.config;
  const usesAws = sources.some((source) => source !== 'endpoints');
  const [inAccounts, served] = await Promise.all([
    usesAws ? fromAccounts(context) : [],
    sources.includes('endpoints') ? scanEndpoints(context) : [],
  ]);
  const items = [...inAccounts, ...served];
  requireMinimum(context, items.length);
  return items;
}

/** Four SDK clients are a third of the memory and most of the start of a scan that needs only sockets. */
async function fromAccounts(context: Context): Promise<CertificateItem[]> {
  const { collectAccounts } = await import('./collect-accounts.ts');
  return collectAccounts(context);
}

/** An empty estate is far more often a wrong account, region or pattern than an estate without certificates. */
function requireMinimum({ config, coverage, estate }: Context, found: number): void {
  // An estate that really has none says so.
  if (config.minimumResources === 0) coverage.allowEmpty();
  const summary = coverage.summary();
  // A narrowed run is meant to find less, and what could not be listed explains itself.
  if (coverage.isNarrowed || summary.unchecked.length > 0) return;
  const seen = summary.expected - (summary.byType[scopeType]?.expected ?? 0);
  if (seen >= config.minimumResources) return;
  coverage.unchecked(
    { type: scopeType, id: `estate/${estate.name}`, name: `the estate ${estate.name}` },
    'fewer-than-expected',
    `${found} certificates and endpoints were found, at least ${config.minimumResources} expected. Is this the right account, ` +
      'region and pattern? If so, lower minimumResources.',
  );
}
