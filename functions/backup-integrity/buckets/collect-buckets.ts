import {
  type DefaultRetention,
  GetBucketReplicationCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  paginateListBuckets,
  S3Client,
  type ReplicationRule as SdkReplicationRule,
} from '@aws-sdk/client-s3';
import pMap from 'p-map';
import type { AccessibleAccount } from '../../../shared/aws/accounts.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { scopeType } from '../../../shared/coverage.ts';
import { bucketArn } from '../../../shared/objects/bucket-arn.ts';
import type { Resource } from '../../../shared/resource.ts';
import type { Context } from '../context.ts';
import type { Tags } from '../items.ts';
import type { Bucket, BucketFacts, ReplicationRule } from './facts.ts';

/** Accounts listed at a time. */
const accountConcurrency = 6;

/** Buckets asked at a time, in four calls each. */
const bucketConcurrency = 6;

/** Only whoever asks for pages is told the buckets' regions: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html */
const bucketsPerPage = 1000;

/**
 * Returns how the buckets of these accounts are guarded, those in the run's regions. What of a bucket could not be read is undefined
 * in it, and the bucket is unchecked.
 */
export async function collectBuckets(accounts: readonly AccessibleAccount[], context: Context): Promise<BucketFacts> {
  const listed = await pMap(accounts, (account) => listBuckets(account, context), { concurrency: accountConcurrency });
  const buckets = await pMap(listed.flat(), (bucket) => readBucket(bucket, context), {
    concurrency: bucketConcurrency,
  });
  return { buckets };
}

interface ListedBucket {
  readonly resource: Resource;
  readonly name: string;
  readonly createdAt: Date | undefined;
  readonly client: S3Client;
}

async function listBuckets(
  account: AccessibleAccount,
  { clients, coverage, estate, signal }: Context,
): Promise<ListedBucket[]> {
  const listing: Resource = {
    type: scopeType,
    id: `s3/${account.id}`,
    name: `S3 buckets of ${account.id}`,
    account: account.id,
  };
  const homeRegion = estate.regions[0] as string;
  const listed: ListedBucket[] = [];
  await coverage.look(listing, async () => {
    const client = clients.get(S3Client, account.in(homeRegion));
    for await (const page of paginateListBuckets({ client }, { MaxBuckets: bucketsPerPage }, { abortSignal: signal })) {
      for (const { Name: name, BucketRegion: region, CreationDate: createdAt } of page.Buckets ?? []) {
        if (name === undefined) continue;
        const resource = { type: 's3-bucket', id: bucketArn(name, region ?? homeRegion), name, account: account.id };
        if (region === undefined) {
          coverage.unchecked(resource, 'aws-error', 's3:ListBuckets does not say in which region it is.');
          continue;
        }
        if (!estate.regions.includes(region)) continue;
        const placed = { ...resource, region };
        coverage.expect(placed);
        listed.push({ resource: placed, name, createdAt, client: clients.get(S3Client, account.in(region)) });
      }
    }
  });
  return listed;
}

async function readBucket({ resource, name, createdAt, client }: ListedBucket, context: Context): Promise<Bucket> {
  const { coverage, signal } = context;
  const input = { Bucket: name };
  const cancel = { abortSignal: signal };
  const failures: { reason: string; detail: string }[] = [];
  /** Returns what `read` returns; `absent` for the error that S3 has for what there is none of. */
  async function ask<T>(absentError: string | undefined, absent: T, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof Error && error.name === absentError) return absent;
      const why = uncheckedReason(error);
      if (why === undefined) throw error;
      failures.push(why);
      return undefined;
    }
  }

  const [tags, versioning, objectLock, replicationRules] = await Promise.all([
    ask<Tags>('NoSuchTagSet', {}, async () => {
      const { TagSet } = await client.send(new GetBucketTaggingCommand(input), cancel);
      return Object.fromEntries((TagSet ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
    }),
    ask<Bucket['versioning']>(undefined, undefined, async () => {
      const { Status } = await client.send(new GetBucketVersioningCommand(input), cancel);
      if (Status === 'Enabled') return 'enabled';
      return Status === 'Suspended' ? 'suspended' : 'never';
    }),
    ask<Bucket['objectLock']>('ObjectLockConfigurationNotFoundError', 'none', async () => {
      const { ObjectLockConfiguration } = await client.send(new GetObjectLockConfigurationCommand(input), cancel);
      if (ObjectLockConfiguration?.ObjectLockEnabled !== 'Enabled') return 'none';
      return retentionOf(ObjectLockConfiguration.Rule?.DefaultRetention);
    }),
    ask<readonly ReplicationRule[]>('ReplicationConfigurationNotFoundError', [], async () => {
      const { ReplicationConfiguration } = await client.send(new GetBucketReplicationCommand(input), cancel);
      return (ReplicationConfiguration?.Rules ?? []).map(replicationRule);
    }),
  ]);
  const failure = failures[0];
  if (failure === undefined) coverage.checked(resource);
  else coverage.unchecked(resource, failure.reason, failure.detail);
  return { resource, tags, createdAt, versioning, objectLock, replicationRules };
}

function retentionOf({ Mode, Days, Years }: DefaultRetention = {}): Bucket['objectLock'] {
  const days = Days ?? (Years === undefined ? undefined : Years * 365);
  if (days === undefined || (Mode !== 'COMPLIANCE' && Mode !== 'GOVERNANCE')) return 'no-default';
  return { mode: Mode, days };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRuleFilter.html; `Prefix` of the rule itself is the older form. */
function replicationRule(rule: SdkReplicationRule): ReplicationRule {
  const { ID, Status, Prefix, Filter, Destination, DeleteMarkerReplication } = rule;
  return {
    id: ID ?? '',
    isEnabled: Status === 'Enabled',
    prefix: Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? '',
    isForSomeTags: Filter?.Tag !== undefined || (Filter?.And?.Tags ?? []).length > 0,
    destinationBucket: (Destination?.Bucket ?? '').replace(/^arn:[^:]*:s3:::/, ''),
    destinationAccount: Destination?.Account,
    copiesDeleteMarkers: DeleteMarkerReplication?.Status === 'Enabled',
  };
}
