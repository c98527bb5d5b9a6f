import {
  type DBClusterSnapshot,
  DBClusterSnapshotNotFoundFault,
  type DBSnapshot,
  DBSnapshotNotFoundFault,
  DescribeDBClusterSnapshotAttributesCommand,
  DescribeDBSnapshotAttributesCommand,
  paginateDescribeDBClusterSnapshots,
  paginateDescribeDBSnapshots,
} from '@aws-sdk/client-rds';
import pMap from 'p-map';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { isEncryptedAtRest, kmsKeyArn } from './encryption.ts';
import type { Snapshot } from './facts.ts';
import { listingOf, type RdsPlace, resourceIn } from './rds-place.ts';
import { isOfCluster } from './snapshot-arn.ts';
import { tagsOf } from './tags.ts';

/** A snapshot with the ARN of the one that it was copied from, if it is a copy of a cluster's. */
export interface ListedSnapshot {
  readonly snapshot: Snapshot;
  readonly sourceArn: string | undefined;
}

const attributeConcurrency = 4;

/**
 * Returns the account's own snapshots in one region: automated ones, manual ones, and those of AWS Backup. A snapshot whose sharing
 * could not be asked about is unchecked, and in the result all the same: it can be restored.
 */
export async function readSnapshots(place: RdsPlace): Promise<ListedSnapshot[]> {
  const listed = new Map<string, ListedSnapshot>();
  const cancel = { abortSignal: place.signal };
  const add = (found: ListedSnapshot | undefined) => {
    if (found === undefined) return;
    place.coverage.expect(found.snapshot.resource);
    listed.set(found.snapshot.resource.id, found);
  };
  await Promise.all([
    place.coverage.look(listingOf(place, 'snapshots', 'RDS snapshots'), async () => {
      // By its reference, a listing without a type has automated and manual ones only.
      for (const type of [{}, { SnapshotType: 'awsbackup' }]) {
        for await (const page of paginateDescribeDBSnapshots({ client: place.client }, { ...type }, cancel)) {
          for (const snapshot of page.DBSnapshots ?? []) add(fromSnapshot(place, snapshot));
        }
      }
    }),
    place.coverage.look(listingOf(place, 'cluster-snapshots', 'RDS cluster snapshots'), async () => {
      for await (const page of paginateDescribeDBClusterSnapshots({ client: place.client }, {}, cancel)) {
        for (const snapshot of page.DBClusterSnapshots ?? []) add(fromClusterSnapshot(place, snapshot));
      }
    }),
  ]);
  const known = await pMap(listed.values(), (found) => withSharing(place, found), {
    concurrency: attributeConcurrency,
  });
  return known.filter((found) => found !== undefined);
}

function fromSnapshot(place: RdsPlace, snapshot: DBSnapshot): ListedSnapshot | undefined {
  const { DBSnapshotArn: arn, DBSnapshotIdentifier: name } = snapshot;
  if (arn === undefined) return undefined;
  return {
    sourceArn: undefined,
    snapshot: {
      resource: resourceIn(place, 'rds-snapshot', arn, name),
      databaseImmutableId: snapshot.DbiResourceId,
      databaseName: snapshot.DBInstanceIdentifier ?? '',
      type: snapshot.SnapshotType ?? 'unknown',
      status: snapshot.Status ?? 'unknown',
      createdAt: snapshot.SnapshotCreateTime,
      originalCreatedAt: snapshot.OriginalSnapshotCreateTime ?? snapshot.SnapshotCreateTime,
      isEncrypted: isEncryptedAtRest({ flag: snapshot.Encrypted, type: snapshot.StorageEncryptionType }),
      kmsKeyArn: kmsKeyArn(snapshot.KmsKeyId, arn),
      sizeBytes: snapshot.FullSnapshotSizeInBytes,
      sharedWith: undefined,
      tags: tagsOf(snapshot.TagList),
    },
  };
}

function fromClusterSnapshot(place: RdsPlace, snapshot: DBClusterSnapshot): ListedSnapshot | undefined {
  const { DBClusterSnapshotArn: arn, DBClusterSnapshotIdentifier: name } = snapshot;
  if (arn === undefined) return undefined;
  return {
    sourceArn: snapshot.SourceDBClusterSnapshotArn || undefined,
    snapshot: {
      resource: resourceIn(place, 'rds-snapshot', arn, name),
      databaseImmutableId: snapshot.DbClusterResourceId,
      databaseName: snapshot.DBClusterIdentifier ?? '',
      type: snapshot.SnapshotType ?? 'unknown',
      status: snapshot.Status ?? 'unknown',
      createdAt: snapshot.SnapshotCreateTime,
      originalCreatedAt: snapshot.SnapshotCreateTime,
      isEncrypted: isEncryptedAtRest({ flag: snapshot.StorageEncrypted, type: snapshot.StorageEncryptionType }),
      kmsKeyArn: kmsKeyArn(snapshot.KmsKeyId, arn),
      // RDS tells the size of no cluster's snapshot: Aurora allocates one gibibyte whatever there is.
      sizeBytes: undefined,
      sharedWith: undefined,
      tags: tagsOf(snapshot.TagList),
    },
  };
}

/** Returns the snapshot with the accounts that may restore it; undefined when it has been deleted since it was listed. */
async function withSharing(place: RdsPlace, found: ListedSnapshot): Promise<ListedSnapshot | undefined> {
  const { snapshot, sourceArn } = found;
  // Neither automated ones nor those of AWS Backup can be shared:
  // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html
  if (snapshot.type === 'automated' || snapshot.type === 'awsbackup') {
    place.coverage.checked(snapshot.resource);
    return { sourceArn, snapshot: { ...snapshot, sharedWith: [] } };
  }
  const sharedWith = await place.coverage.look(snapshot.resource, async () => {
    try {
      return await sharingOf(place, snapshot);
    } catch (error) {
      const isGone = error instanceof DBSnapshotNotFoundFault || error instanceof DBClusterSnapshotNotFoundFault;
      if (isGone) return 'gone';
      throw error;
    }
  });
  if (sharedWith === 'gone') return undefined;
  return { sourceArn, snapshot: { ...snapshot, sharedWith } };
}

/** @throws UncheckedError when RDS does not tell. */
async function sharingOf({ client, signal }: RdsPlace, { resource }: Snapshot): Promise<readonly string[]> {
  const cancel = { abortSignal: signal };
  if (isOfCluster(resource.id)) {
    const command = new DescribeDBClusterSnapshotAttributesCommand({ DBClusterSnapshotIdentifier: resource.name });
    const { DBClusterSnapshotAttributesResult: result } = await client.send(command, cancel);
    return restorers(result?.DBClusterSnapshotAttributes);
  }
  const command = new DescribeDBSnapshotAttributesCommand({ DBSnapshotIdentifier: resource.name });
  const { DBSnapshotAttributesResult: result } = await client.send(command, cancel);
  return restorers(result?.DBSnapshotAttributes);
}

interface Attribute {
  readonly AttributeName?: string | undefined;
  readonly AttributeValues?: readonly string[] | undefined;
}

function restorers(attributes: readonly Attribute[] | undefined): readonly string[] {
  if (attributes === undefined) {
    throw new UncheckedError('aws-error', 'RDS answered without the attributes of the snapshot');
  }
  return attributes.flatMap(({ AttributeName, AttributeValues }) =>
    AttributeName === 'restore' ? (AttributeValues ?? []) : [],
  );
}
