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

type Context = CollectContext<ConfigOf<typeof task>>;

/** Returns the certificates that AWS keeps in every account and region of the estate, of the sources switched on. */
export async function collectAccounts(context: Context): Promise<CertificateItem[]> {
  const { estate, clients, coverage, accountIds } = context;
  const accounts = await enterAccounts(estate, clients, coverage, accountIds);
  const collected = await Promise.all(accounts.flatMap((account) => collectAccount(account, context)));
  return collected.flat();
}

function collectAccount(account: AccessibleAccount, context: Context): Promise<CertificateItem[]>[] {
  const sources = new Set(context.config.sources);
  const { regions } = context.estate;
  const acmRegions = [...new Set([...regions, cloudFrontRegion])];
  return [
    ...(sources.has('acm') ? acmRegions.map((region) => collectAcm(account, region, context)) : []),
    ...(sources.has('iam') ? [collectIam(account, context)] : []),
    ...(sources.has('rds') ? regions.map((region) => collectRds(account, region, context)) : []),
  ];
}
