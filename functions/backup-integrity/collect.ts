import { type AccessibleAccount, enterAccounts } from '../../shared/aws/accounts.ts';
import { scopeType } from '../../shared/coverage.ts';
import type { Unchecked } from '../../shared/report.ts';
import { collectArtifacts } from './artifacts/collect-artifacts.ts';
import { collectAwsBackup } from './aws-backup/collect-aws-backup.ts';
import type { AwsBackupFacts } from './aws-backup/facts.ts';
import { collectBuckets } from './buckets/collect-buckets.ts';
import type { BucketFacts } from './buckets/facts.ts';
import type { Context } from './context.ts';
import { collectDatabases } from './databases/collect-databases.ts';
import type { DatabaseFacts } from './databases/facts.ts';
import { collectKeys } from './keys/collect-keys.ts';
import { collectOthers } from './protection/collect-others.ts';
import { type Facts, joinProtection } from './protection/join.ts';
import { policiesFor } from './protection/policies.ts';
import type { BlindSpot, ProtectedResource } from './protection/protected-resource.ts';
import { replicaFacts } from './replicas/replica-work.ts';
import type { Verification } from './verification/facts.ts';
import { verificationFacts } from './verification/verification-facts.ts';

/** Everything that the rules judge. */
export interface BackupItems {
  readonly facts: Facts;
  readonly protection: readonly ProtectedResource[];
  readonly verifications: readonly Verification[];
  /** What collect could not look at. */
  readonly unseen: readonly Unchecked[];
}

const noDatabases: DatabaseFacts = { databases: [], snapshots: [] };
const noBuckets: BucketFacts = { buckets: [] };
const noAwsBackup: AwsBackupFacts = {
  places: new Set(),
  vaults: [],
  recoveryPoints: [],
  jobs: [],
  rules: [],
  selections: [],
  restoreJobs: [],
  protectedResources: [],
  optedOut: new Set(),
};

/** Returns what the estate has and what it could be restored from; what could not be read is in the coverage ledger. */
export async function collect(context: Context): Promise<BackupItems> {
  const { config, estate, clients, coverage } = context;
  const sources = new Set(config.sources);
  const accounts = await enterAccounts(estate, clients, coverage);
  const [databases, awsBackup, { buckets }, others, artifacts] = await Promise.all([
    sources.has('rds') ? collectDatabases(accounts, context) : noDatabases,
    sources.has('aws-backup') ? collectAwsBackup(accounts, context) : noAwsBackup,
    sources.has('s3') ? collectBuckets(accounts, context) : noBuckets,
    sources.has('others') ? collectOthers(accounts, context) : [],
    sources.has('s3') ? collectArtifacts(context) : [],
  ]);
  const replicas = replicaFacts(context.work, context);
  const verifications = verificationFacts(context.work, context);
  const facts: Facts = { databases, awsBackup, buckets, others, artifacts, replicas };
  const protection = await protect(facts, accounts, context);
  requireMinimum(protection, context);
  return { facts, protection, verifications, unseen: coverage.summary().unchecked };
}

async function protect(
  facts: Facts,
  accounts: readonly AccessibleAccount[],
  context: Context,
): Promise<ProtectedResource[]> {
  const { config, coverage, now } = context;
  const join = (keys: ProtectedResource['keys']) =>
    joinProtection(facts, config, now, { keys, blindSpots: blindSpots(context) });
  // Which keys matter shows once it is known which points there are.
  const needed = new Set(join(new Map()).flatMap(({ points }) => points.flatMap(({ kmsKeyArn }) => kmsKeyArn ?? [])));
  const keys = await collectKeys(needed, accounts, context);
  return join(keys).filter(({ resource }) => coverage.selects(resource));
}

/**
 * Listings that could not be read, vaults whose content could not, and regions and accounts that policies want copies in and this run does
 * not look at.
 */
function blindSpots({ config, coverage, estate, scope }: Context): BlindSpot[] {
  const unread = coverage
    .summary()
    .unchecked.filter(({ resource }) => resource.type === 'backup-vault' || resource.type === scopeType)
    .map(({ resource }) => ({ name: resource.name, account: resource.account, region: resource.region }));
  const copies = config.policies.flatMap((policy) => policy.copies ?? []);
  const regions = copies.flatMap((wanted) => wanted.regions).filter((region) => !estate.regions.includes(region));
  const accounts =
    scope.accounts === undefined
      ? []
      : copies
          .flatMap((wanted) => wanted.accounts)
          .filter((id) => !estate.accounts.some((account) => account.id === id));
  return [
    ...unread,
    ...[...new Set(regions)].map((region) => ({
      name: `the region ${region}, which this run does not look at`,
      account: undefined,
      region,
    })),
    ...[...new Set(accounts)].map((account) => ({
      name: `the account ${account}, which this run does not look at`,
      account,
      region: undefined,
    })),
  ];
}

/** A policy that finds less than it expects looks in the wrong place, or somebody has deleted what it was to protect. */
function requireMinimum(protection: readonly ProtectedResource[], context: Context): void {
  const { config, coverage, scope, estate } = context;
  const isNarrowed = coverage.isNarrowed || scope.accounts !== undefined || scope.regions !== undefined;
  // What could not be listed explains itself.
  const isPartial = coverage.summary().unchecked.some(({ resource }) => resource.type === scopeType);
  if (isNarrowed || isPartial) return;
  for (const policy of config.policies) {
    const found = protection.filter(
      ({ resource, tags }) => policiesFor(resource, tags, { policies: [policy] }).length > 0,
    );
    if (found.length >= policy.minimumResources) continue;
    coverage.fail(
      { type: scopeType, id: `policy/${estate.name}/${policy.id}`, name: `resources of the policy ${policy.id}` },
      'fewer-than-expected',
      `${found.length} resources match, at least ${policy.minimumResources} expected. Is this the right account, region and ` +
        'pattern, or have they been deleted? If all is well, lower minimumResources.',
    );
  }
}
