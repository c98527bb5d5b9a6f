import { DescribeRegionSettingsCommand, paginateListProtectedResources } from '@aws-sdk/client-backup';
import pMap from 'p-map';
import type { AccessibleAccount } from '../../../shared/aws/accounts.ts';
import type { Context } from '../context.ts';
import { collectJobs, collectRestoreJobs } from './collect-jobs.ts';
import { collectPlans } from './collect-plans.ts';
import { collectVaults } from './collect-vaults.ts';
import type { AwsBackupFacts, RestoreJob } from './facts.ts';
import { clientIn, listingIn, type Place, pageSize } from './place.ts';

/** Regions of accounts looked at at a time; each has a few requests under way. */
const placeConcurrency = 4;

/**
 * Returns what AWS Backup holds in every account and region of the estate. What cannot be listed or read there is unchecked in the
 * ledger, and everything else is returned: vault by vault, plan by plan, selection by selection, region by region.
 */
export async function collectAwsBackup(
  accounts: readonly AccessibleAccount[],
  context: Context,
): Promise<AwsBackupFacts> {
  const { regions } = context.estate;
  const places = accounts.flatMap((account) => regions.map((region): Place => ({ account, region })));
  const parts = await pMap(places, (place) => collectPlace(place, context), { concurrency: placeConcurrency });
  const recoveryPoints = parts.flatMap((part) => part.recoveryPoints);
  const protectedBy = new Map(recoveryPoints.map(({ resource, protectedArn }) => [resource.id, protectedArn]));
  return {
    places: new Set(knownPlaces(accounts, context)),
    vaults: parts.flatMap((part) => part.vaults),
    recoveryPoints,
    jobs: parts.flatMap((part) => part.jobs),
    rules: parts.flatMap((part) => part.rules),
    selections: parts.flatMap((part) => part.selections),
    restoreJobs: parts.flatMap((part) => part.restoreJobs).map((job) => ofResource(job, protectedBy)),
    protectedResources: parts.flatMap((part) => part.protectedResources),
    optedOut: new Set(parts.flatMap((part) => part.optedOut)),
  };
}

/** Accounts that could not be entered are unchecked, and belong to the estate all the same. */
function knownPlaces(accounts: readonly AccessibleAccount[], { estate }: Context): string[] {
  const ids = new Set([...accounts.map(({ id }) => id), ...estate.accounts.map(({ id }) => id)]);
  return [...ids].flatMap((id) => estate.regions.map((region) => `${id}/${region}`));
}

async function collectPlace(place: Place, context: Context) {
  const [held, plans, jobs, restoreJobs, protectedResources, optedOut] = await Promise.all([
    collectVaults(place, context),
    collectPlans(place, context),
    collectJobs(place, context),
    collectRestoreJobs(place, context),
    collectProtectedResources(place, context),
    collectOptedOut(place, context),
  ]);
  return { ...held, ...plans, jobs, restoreJobs, protectedResources, optedOut };
}

async function collectProtectedResources(
  place: Place,
  { clients, coverage, signal }: Context,
): Promise<AwsBackupFacts['protectedResources'][number][]> {
  const client = clientIn(place, clients);
  const found: AwsBackupFacts['protectedResources'][number][] = [];
  await coverage.look(listingIn('protected-resources', 'protected resources', place), async () => {
    for await (const page of paginateListProtectedResources({ client, pageSize }, {}, { abortSignal: signal })) {
      for (const { ResourceArn: arn, ResourceType: type = 'unknown' } of page.Results ?? []) {
        if (arn !== undefined) found.push({ arn, type, account: place.account.id, region: place.region });
      }
    }
  });
  return found;
}

async function collectOptedOut(place: Place, { clients, coverage, signal }: Context): Promise<string[]> {
  const settings = await coverage.look(listingIn('region-settings', 'settings of AWS Backup', place), () =>
    clientIn(place, clients).send(new DescribeRegionSettingsCommand({}), { abortSignal: signal }),
  );
  return Object.entries(settings?.ResourceTypeOptInPreference ?? {})
    .filter(([, isOptedIn]) => !isOptedIn)
    .map(([type]) => `${place.account.id}/${place.region}/${type}`);
}

/** Not every restore job says what it restored; its recovery point does. */
function ofResource(job: RestoreJob, protectedBy: ReadonlyMap<string, string>): RestoreJob {
  return job.protectedArn === undefined ? { ...job, protectedArn: protectedBy.get(job.recoveryPointArn) } : job;
}
