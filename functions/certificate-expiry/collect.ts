import { type AccessibleAccount, enterAccounts } from '../../shared/aws/accounts.ts';
import { scopeType } from '../../shared/coverage.ts';
import type { CollectContext } from '../../shared/run-task.ts';
import type { ConfigOf } from '../../shared/task.ts';
import { collectAcm } from './collect-acm.ts';
import { collectIam } from './collect-iam.ts';
import { collectRds } from './collect-rds.ts';
import type { CertificateItem } from './items.ts';
import { scanEndpoints } from './scan-endpoints.ts';
import type { task } from './task.ts';

/** CloudFront takes its certificates from this region, whatever the estate's own are. */
const cloudFrontRegion = 'us-east-1';

type Context = CollectContext<ConfigOf<typeof task>>;

/** Returns every certificate of the sources that are switched on; what could not be read is in the coverage ledger. */
export async function collect(context: Context): Promise<CertificateItem[]> {
  const sources = new Set(context.config.sources);
  const usesAws = sources.has('acm') || sources.has('iam') || sources.has('rds');
  const [inAccounts, served] = await Promise.all([
    usesAws ? collectAccounts(context, sources) : [],
    sources.has('endpoints') ? scanEndpoints(context) : [],
  ]);
  const items = [...inAccounts, ...served];
  requireMinimum(context, items.length);
  return items;
}

async function collectAccounts(context: Context, sources: ReadonlySet<string>): Promise<CertificateItem[]> {
  const { estate, clients, coverage, accountIds } = context;
  const accounts = await enterAccounts(estate, clients, coverage, accountIds);
  const collected = await Promise.all(accounts.flatMap((account) => collectAccount(account, context, sources)));
  return collected.flat();
}

function collectAccount(
  account: AccessibleAccount,
  context: Context,
  sources: ReadonlySet<string>,
): Promise<CertificateItem[]>[] {
  const { regions } = context.estate;
  const acmRegions = [...new Set([...regions, cloudFrontRegion])];
  return [
    ...(sources.has('acm') ? acmRegions.map((region) => collectAcm(account, region, context)) : []),
    ...(sources.has('iam') ? [collectIam(account, context)] : []),
    ...(sources.has('rds') ? regions.map((region) => collectRds(account, region, context)) : []),
  ];
}

/** An empty estate is far more often a wrong account, region or pattern than an estate without certificates. */
function requireMinimum({ config, coverage, estate }: Context, found: number): void {
  const summary = coverage.summary();
  const seen = summary.expected - (summary.byType[scopeType]?.expected ?? 0);
  if (seen >= config.minimumResources) return;
  coverage.unchecked(
    { type: scopeType, id: `estate/${estate.name}`, name: `the estate ${estate.name}` },
    'fewer-than-expected',
    `${found} certificates and endpoints were found, at least ${config.minimumResources} expected. Is this the right account, ` +
      'region and pattern? If so, lower minimumResources.',
  );
}
