import pMap from 'p-map';
import { type AccessibleAccount, enterAccounts } from '../../shared/aws/accounts.ts';
import type { CollectContext } from '../../shared/run-task.ts';
import type { ConfigOf } from '../../shared/task.ts';
import { collectAcm } from './collect-acm.ts';
import { collectIam } from './collect-iam.ts';
import { collectRds } from './collect-rds.ts';
import type { CertificateItem } from './items.ts';
import type { task } from './task.ts';

/** CloudFront takes its certificates from this region, whatever the estate's own are. */
const cloudFrontRegion = 'us-east-1';

/** Listings under way: SDK clients and their connections stay few however many accounts there are. */
const listingConcurrency = 12;

type Context = CollectContext<ConfigOf<typeof task>>;

/** Returns the certificates that AWS keeps in every account and region of the estate, of the sources switched on. */
export async function collectAccounts(context: Context): Promise<CertificateItem[]> {
  const { estate, clients, coverage } = context;
  const accounts = await enterAccounts(estate, clients, coverage);
  const parts = accounts.flatMap((account) => partsOf(account, context));
  return (await pMap(parts, (part) => part(), { concurrency: listingConcurrency })).flat();
}

/** One listing for each service, account and region; what is listed is read with a bound of its own. */
function partsOf(account: AccessibleAccount, context: Context): (() => Promise<CertificateItem[]>)[] {
  const sources = new Set(context.config.sources);
  const { regions } = context.estate;
  // A run that is narrowed to regions keeps to them; other partitions of AWS have no us-east-1.
  const isWhole =
    context.scope.regions === undefined && !regions.some((region) => /^(cn|us-gov|us-iso|eu-isoe)/.test(region));
  const acmRegions = isWhole ? [...new Set([...regions, cloudFrontRegion])] : regions;
  return [
    ...(sources.has('acm') ? acmRegions.map((region) => () => collectAcm(account, region, context)) : []),
    ...(sources.has('iam') ? [() => collectIam(account, context)] : []),
    ...(sources.has('rds') ? regions.map((region) => () => collectRds(account, region, context)) : []),
  ];
}
