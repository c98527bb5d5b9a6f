import {
  type DBSnapshot,
  DescribeDBClusterAutomatedBackupsCommand,
  DescribeDBClusterParameterGroupsCommand,
  DescribeDBClusterSnapshotAttributesCommand,
  DescribeDBClusterSnapshotsCommand,
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBParameterGroupsCommand,
  DescribeDBSnapshotAttributesCommand,
  DescribeDBSnapshotsCommand,
  type DescribeDBSnapshotsCommandInput,
  DescribeDBSubnetGroupsCommand,
  paginateDescribeDBSnapshots,
  RDSClient,
} from '@aws-sdk/client-rds';
import { expect, test } from 'vitest';
import { testPlane } from '../test-plane.ts';
import type { RdsDocument } from './rds.ts';

const home = '123456789012';
const other = '210987654321';
const createdAt = new Date('2026-10-01T03:00:00.123Z');
const arnOf = (account: string, id: string) => `arn:aws:rds:us-east-1:${account}:snapshot:${id}`;

function snapshot(account: string, id: string, SnapshotType: string, details: DBSnapshot = {}): DBSnapshot {
  return {
    DBSnapshotIdentifier: id,
    DBSnapshotArn: arnOf(account, id),
    DBInstanceIdentifier: 'music',
    DbiResourceId: 'db-MUSIC',
    SnapshotType,
    Status: 'available',
    SnapshotCreateTime: createdAt,
    AllocatedStorage: 100,
    Encrypted: true,
    PercentProgress: 100,
    TagList: [{ Key: '<&>"é🎵', Value: '' }],
    ...details,
  };
}

const restore = (...AttributeValues: string[]) => [{ AttributeName: 'restore', AttributeValues }];

const document: RdsDocument = {
  snapshots: [
    { snapshot: snapshot(home, 'rds:music-1', 'automated') },
    { snapshot: snapshot(home, 'rds:music-2', 'automated') },
    { snapshot: snapshot(home, 'awsbackup:job-1', 'awsbackup', { DbiResourceId: 'db-OLD' }) },
    { snapshot: snapshot(home, 'by-hand', 'manual', { DBInstanceIdentifier: 'rights' }), attributes: restore(other) },
  ],
  clusterSnapshots: [
    {
      snapshot: {
        DBClusterSnapshotIdentifier: 'cluster-by-hand',
        DBClusterSnapshotArn: `arn:aws:rds:us-east-1:${home}:cluster-snapshot:cluster-by-hand`,
        DBClusterIdentifier: 'listens',
        SnapshotType: 'manual',
        SnapshotCreateTime: createdAt,
        StorageEncrypted: true,
      },
      attributes: restore('all'),
    },
    { snapshot: { DBClusterSnapshotIdentifier: 'rds:listens', SnapshotType: 'automated' } },
  ],
  automatedBackups: [
    {
      DBInstanceIdentifier: 'music',
      DbiResourceId: 'db-MUSIC',
      DBInstanceAutomatedBackupsArn: `arn:aws:rds:us-east-1:${home}:auto-backup:ab-1`,
      Status: 'retained',
      RestoreWindow: { EarliestTime: new Date('2026-09-01T00:00:00Z'), LatestTime: createdAt },
      BackupRetentionPeriod: 7,
    },
  ],
  clusterAutomatedBackups: [
    {
      DBClusterIdentifier: 'listens',
      DbClusterResourceId: 'cluster-LISTENS',
      RestoreWindow: { LatestTime: createdAt },
    },
  ],
  subnetGroups: [{ DBSubnetGroupName: 'private', Subnets: [{ SubnetIdentifier: 'subnet-1' }] }],
  parameterGroups: [{ DBParameterGroupName: 'pg16', DBParameterGroupFamily: 'postgres16' }],
  clusterParameterGroups: [{ DBClusterParameterGroupName: 'aurora16', DBParameterGroupFamily: 'aurora-postgresql16' }],
};

const tested = testPlane({
  homeAccount: home,
  accounts: {
    [home]: { regions: { 'us-east-1': { rds: document } } },
    [other]: {
      regions: {
        'us-east-1': {
          rds: {
            snapshots: [
              { snapshot: snapshot(other, 'for-us', 'manual'), attributes: restore(home) },
              { snapshot: snapshot(other, 'for-all', 'manual'), attributes: restore('all') },
              { snapshot: snapshot(other, 'theirs', 'manual') },
            ],
          },
        },
      },
    },
  },
});

const rds = () => tested.client(RDSClient);

async function listed(input: DescribeDBSnapshotsCommandInput): Promise<(string | undefined)[]> {
  const ids: (string | undefined)[] = [];
  for await (const page of paginateDescribeDBSnapshots({ client: rds() }, { ...input })) {
    ids.push(...(page.DBSnapshots ?? []).map(({ DBSnapshotIdentifier }) => DBSnapshotIdentifier));
  }
  return ids;
}

const own = ['rds:music-1', 'rds:music-2', 'awsbackup:job-1', 'by-hand'];

test.each<[string, DescribeDBSnapshotsCommandInput, string[]]>([
  ["the account's own of all types", {}, own],
  ['automated ones', { SnapshotType: 'automated' }, ['rds:music-1', 'rds:music-2']],
  ['those of AWS Backup', { SnapshotType: 'awsbackup' }, ['awsbackup:job-1']],
  ['manual ones', { SnapshotType: 'manual' }, ['by-hand']],
  ['those that others share', { SnapshotType: 'shared' }, ['for-us']],
  ['public ones', { SnapshotType: 'public' }, ['for-all']],
  ['shared ones too', { IncludeShared: true }, [...own, 'for-us']],
  ['public ones too', { IncludePublic: true }, [...own, 'for-all']],
  ['those of an instance', { DBInstanceIdentifier: 'rights' }, ['by-hand']],
  ['those of an instance that is gone', { DbiResourceId: 'db-OLD' }, ['awsbackup:job-1']],
  ['none of an instance without any', { DBInstanceIdentifier: 'none' }, []],
  ['one by id', { DBSnapshotIdentifier: 'by-hand' }, ['by-hand']],
  ['a shared one by ARN', { DBSnapshotIdentifier: arnOf(other, 'for-us'), IncludeShared: true }, ['for-us']],
])('lists of snapshots %s', async (_, input, ids) => {
  expect(await listed(input)).toEqual(ids);
});

test('describes snapshots in full, no more than a page at a time', async () => {
  const { DBSnapshots, Marker } = await rds().send(new DescribeDBSnapshotsCommand({}));
  expect(DBSnapshots).toMatchObject((document.snapshots ?? []).slice(0, 3).map((entry) => entry.snapshot));
  expect(Marker).toEqual(expect.any(String));
});

test('tells whom a snapshot is shared with', async () => {
  const read = async (DBSnapshotIdentifier: string) => {
    const { DBSnapshotAttributesResult } = await rds().send(
      new DescribeDBSnapshotAttributesCommand({ DBSnapshotIdentifier }),
    );
    return DBSnapshotAttributesResult?.DBSnapshotAttributes;
  };
  expect(await read('by-hand')).toEqual(restore(other));
  expect(await read('rds:music-1')).toEqual(restore());
});

test('describes snapshots of clusters and tells whom they are shared with', async () => {
  const client = rds();
  const { DBClusterSnapshots } = await client.send(
    new DescribeDBClusterSnapshotsCommand({ DBClusterIdentifier: 'listens', SnapshotType: 'manual' }),
  );
  expect(DBClusterSnapshots).toMatchObject([document.clusterSnapshots?.[0]?.snapshot ?? {}]);
  const { DBClusterSnapshotAttributesResult } = await client.send(
    new DescribeDBClusterSnapshotAttributesCommand({ DBClusterSnapshotIdentifier: 'cluster-by-hand' }),
  );
  expect(DBClusterSnapshotAttributesResult?.DBClusterSnapshotAttributes).toEqual(restore('all'));
});

test('describes automated backups of instances and clusters', async () => {
  const client = rds();
  const { DBInstanceAutomatedBackups } = await client.send(
    new DescribeDBInstanceAutomatedBackupsCommand({ DbiResourceId: 'db-MUSIC' }),
  );
  expect(DBInstanceAutomatedBackups).toMatchObject(document.automatedBackups ?? []);
  const { DBClusterAutomatedBackups } = await client.send(new DescribeDBClusterAutomatedBackupsCommand({}));
  expect(DBClusterAutomatedBackups).toMatchObject(document.clusterAutomatedBackups ?? []);
});

test('describes subnet and parameter groups', async () => {
  const client = rds();
  const { DBSubnetGroups } = await client.send(new DescribeDBSubnetGroupsCommand({ DBSubnetGroupName: 'private' }));
  expect(DBSubnetGroups).toMatchObject(document.subnetGroups ?? []);
  const { DBParameterGroups } = await client.send(new DescribeDBParameterGroupsCommand({}));
  expect(DBParameterGroups).toEqual(document.parameterGroups);
  const { DBClusterParameterGroups } = await client.send(new DescribeDBClusterParameterGroupsCommand({}));
  expect(DBClusterParameterGroups).toEqual(document.clusterParameterGroups);
});

test.each([
  [
    'DBSnapshotNotFoundFault',
    () => rds().send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: arnOf(other, 'theirs') })),
  ],
  [
    'DBSnapshotNotFoundFault',
    () => rds().send(new DescribeDBSnapshotAttributesCommand({ DBSnapshotIdentifier: 'for-us' })),
  ],
  [
    'DBClusterSnapshotNotFoundFault',
    () => rds().send(new DescribeDBClusterSnapshotsCommand({ DBClusterSnapshotIdentifier: 'x' })),
  ],
  [
    'DBClusterSnapshotNotFoundFault',
    () => rds().send(new DescribeDBClusterSnapshotAttributesCommand({ DBClusterSnapshotIdentifier: 'x' })),
  ],
  [
    'DBInstanceAutomatedBackupNotFoundFault',
    () => rds().send(new DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceIdentifier: 'x' })),
  ],
  [
    'DBClusterAutomatedBackupNotFoundFault',
    () => rds().send(new DescribeDBClusterAutomatedBackupsCommand({ DBClusterIdentifier: 'x' })),
  ],
  ['DBSubnetGroupNotFoundFault', () => rds().send(new DescribeDBSubnetGroupsCommand({ DBSubnetGroupName: 'x' }))],
  [
    'DBParameterGroupNotFoundFault',
    () => rds().send(new DescribeDBParameterGroupsCommand({ DBParameterGroupName: 'x' })),
  ],
  [
    'DBParameterGroupNotFoundFault',
    () => rds().send(new DescribeDBClusterParameterGroupsCommand({ DBClusterParameterGroupName: 'x' })),
  ],
])('answers %s for what is not there', async (name, send) => {
  await expect(send()).rejects.toMatchObject({ name });
});

test('strikes the requests about one snapshot', async () => {
  tested.plane.inject({ service: 'rds', resourceId: arnOf(home, 'by-hand'), fault: 'access-denied' });
  const read = (DBSnapshotIdentifier: string) =>
    rds().send(new DescribeDBSnapshotAttributesCommand({ DBSnapshotIdentifier }));
  await expect(read('by-hand')).rejects.toMatchObject({ name: 'AccessDenied' });
  await expect(read('rds:music-1')).resolves.toBeDefined();
});
