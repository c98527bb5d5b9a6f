import { type AccessibleAccount, enterAccounts } from '../../shared/aws/accounts.ts';
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
import { blindSpots } from './protection/blind-spots.ts';
import { collectOthers } from './protection/collect-others.ts';
import { type Facts, joinProtection } from './protection/join.ts';
import { requireMinimum } from './protection/minimum-resources.ts';
import type { ProtectedResource } from './protection/protected-resource.ts';
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
  const isNarrowed = coverage.isNarrowed || context.scope.accounts !== undefined || context.scope.regions !== undefined;
  if (!isNarrowed) requireMinimum(protection, config, coverage, estate.name);
  return { facts, protection, verifications, unseen: coverage.summary().unchecked };
}

async function protect(
  facts: Facts,
  accounts: readonly AccessibleAccount[],
  context: Context,
): Promise<ProtectedResource[]> {
  const { config, coverage, estate, now } = context;
  const hidden = blindSpots({
    config,
    homeRegion: context.homeRegion,
    regions: estate.regions,
    accounts: estate.accounts.map(({ id }) => id),
    scope: context.scope,
    unchecked: coverage.summary().unchecked,
    artifacts: facts.artifacts,
    replicas: facts.replicas,
  });
  const join = (keys: ProtectedResource['keys']) => joinProtection(facts, config, now, { keys, blindSpots: hidden });
  // Which keys matter shows once it is known which points there are.
  const needed = new Set(join(new Map()).flatMap(({ points }) => points.flatMap(({ kmsKeyArn }) => kmsKeyArn ?? [])));
  const keys = await collectKeys(needed, accounts, context);
  return join(keys).filter(({ resource }) => coverage.selects(resource));
}
