import {
  DBSnapshotNotFoundFault,
  DescribeDBSnapshotAttributesCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../../sandbox/control-plane/control-plane.ts';
import type { Fault } from '../../../sandbox/control-plane/faults.ts';
import type { RdsDocument } from '../../../sandbox/control-plane/services/rds.ts';
import { AwsClients } from '../../../shared/aws/clients.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import { contextFor } from '../context-fixtures.ts';
import { collectDatabases } from './collect-databases.ts';
import { arnOf, daysAgo, hoursAgo, minutesAgo, now } from './database-fixtures.ts';

const account = '123456789012';
const west = 'us-west-2';

let environment: NodeJS.ProcessEnv;
let plane: ControlPlane | undefined;

beforeEach(() => {
  environment = { ...process.env };
});

afterEach(async () => {
  vi.restoreAllMocks();
  process.env = environment;
  await plane?.stop();
  plane = undefined;
});

/** Collects from an estate of two regions, in which `faults` are in force; returns the facts and what is unchecked. */
async function collectFrom(regions: Readonly<Record<string, RdsDocument>>, ...faults: Omit<Fault, 'service'>[]) {
  const documents = Object.fromEntries(Object.entries(regions).map(([region, rds]) => [region, { rds }]));
  plane = await startControlPlane({
    estate: { homeAccount: account, accounts: { [account]: { regions: documents } } },
  });
  for (const fault of faults) plane.inject({ service: 'rds', ...fault });
  Object.assign(process.env, plane.environment);
  return collect();
}

async function collect() {
  const clients = new AwsClients();
  const coverage = new CoverageLedger({ classify: uncheckedReason });
  const facts = await collectDatabases(
    [{ id: account, in: (region) => ({ region }) }],
    contextFor({ now, clients, coverage }),
  );
  clients.destroy();
  const { unchecked, byType } = coverage.summary();
  return { ...facts, byType, unchecked: unchecked.map(({ resource, reason }) => `${resource.id} ${reason}`) };
}

const instance = (name: string, details = {}, region = 'us-east-1') => ({
  DBInstanceIdentifier: name,
  DBInstanceArn: arnOf('db', name, region),
  DbiResourceId: `db-${name.toUpperCase()}`,
  DBInstanceStatus: 'available',
  Engine: 'postgres',
  ...details,
});

const cluster = (name: string, details = {}) => ({
  DBClusterIdentifier: name,
  DBClusterArn: arnOf('cluster', name),
  DbClusterResourceId: `cluster-${name.toUpperCase()}`,
  Status: 'available',
  Engine: 'aurora-postgresql',
  ...details,
});

const snapshotOf = (database: string, name: string, details = {}) => ({
  snapshot: {
    DBSnapshotIdentifier: name,
    DBSnapshotArn: arnOf('snapshot', name),
    DBInstanceIdentifier: database,
    DbiResourceId: `db-${database.toUpperCase()}`,
    SnapshotType: 'manual',
    Status: 'available',
    SnapshotCreateTime: daysAgo(1),
    ...details,
  },
});

const clusterSnapshotOf = (database: string, name: string, details = {}, region = 'us-east-1') => ({
  snapshot: {
    DBClusterSnapshotIdentifier: name,
    DBClusterSnapshotArn: arnOf('cluster-snapshot', name, region),
    DBClusterIdentifier: database,
    SnapshotType: 'manual',
    Status: 'available',
    SnapshotCreateTime: daysAgo(1),
    ...details,
  },
});

const manyInstances = Array.from({ length: 7 }, (_, index) => instance(`rights-${index}`));

describe('databases', () => {
  test('every page is read, and everything that RDS says is taken over', async () => {
    const told = instance('catalog', {
      InstanceCreateTime: daysAgo(400),
      LatestRestorableTime: minutesAgo(4),
      BackupRetentionPeriod: 14,
      StorageEncrypted: true,
      KmsKeyId: '1234abcd-12ab-34cd-56ef-1234567890ab',
      DeletionProtection: false,
      ReadReplicaSourceDBInstanceIdentifier: 'tracks',
      TagList: [{ Key: 'tier', Value: 'critical' }],
    });
    const { databases, unchecked, byType } = await collectFrom({
      'us-east-1': { instances: [...manyInstances, told] },
    });
    expect(unchecked).toEqual([]);
    expect(byType['rds-instance']).toEqual({ expected: 8, checked: 8 });
    expect(databases).toHaveLength(8);
    expect(databases.at(-1)).toEqual({
      resource: {
        type: 'rds-instance',
        id: arnOf('db', 'catalog'),
        name: 'catalog',
        account,
        region: 'us-east-1',
      },
      immutableId: 'db-CATALOG',
      tags: { tier: 'critical' },
      createdAt: daysAgo(400),
      status: 'available',
      engine: 'postgres',
      replicaOf: 'tracks',
      latestRestorableTime: minutesAgo(4),
      backupRetentionDays: 14,
      isStorageEncrypted: true,
      kmsKeyArn: `arn:aws:kms:us-east-1:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
      hasDeletionProtection: false,
      missingSubnetGroup: undefined,
      missingParameterGroups: [],
      replicatedBackups: [],
    });
  });

  test('a cluster stands for its members, with the times of the cluster', async () => {
    const { databases } = await collectFrom({
      'us-east-1': {
        instances: [
          instance('stream-1', { DBClusterIdentifier: 'stream', LatestRestorableTime: daysAgo(9) }),
          instance('awsbackup-restore-test-1a2b'),
        ],
        clusters: [cluster('stream', { LatestRestorableTime: minutesAgo(4) }), cluster('events', { Engine: 'docdb' })],
      },
    });
    expect(databases.map(({ resource: { type, name } }) => `${type} ${name}`).sort()).toEqual([
      'rds-cluster events',
      'rds-cluster stream',
      'rds-instance awsbackup-restore-test-1a2b',
    ]);
    const stream = databases.find(({ resource }) => resource.name === 'stream');
    expect(stream).toMatchObject({ latestRestorableTime: minutesAgo(4), immutableId: 'cluster-STREAM' });
  });

  test('a listing that is denied is unchecked, and the other listings and regions go on', async () => {
    const { databases, unchecked } = await collectFrom(
      {
        'us-east-1': { instances: manyInstances, clusters: [cluster('stream')] },
        [west]: { instances: manyInstances },
      },
      { operation: 'DescribeDBInstances', region: 'us-east-1', fault: 'access-denied' },
    );
    expect(unchecked).toEqual([`rds/instances/${account}/us-east-1 access-denied`]);
    expect(databases).toHaveLength(1 + 7);
  });

  test('what came before a page that is denied is kept, and the listing is unchecked', async () => {
    const { databases, unchecked } = await collectFrom(
      { 'us-east-1': { instances: manyInstances } },
      { operation: 'DescribeDBInstances', region: 'us-east-1', fault: 'access-denied', afterRequests: 1 },
    );
    expect(unchecked).toEqual([`rds/instances/${account}/us-east-1 access-denied`]);
    expect(databases.map(({ resource }) => resource.name)).toEqual(['rights-0', 'rights-1', 'rights-2']);
  });
});

describe('groups that a restore needs', () => {
  const grouped = instance('rights', {
    DBSubnetGroup: { DBSubnetGroupName: 'private' },
    DBParameterGroups: [{ DBParameterGroupName: 'postgres18-own' }, { DBParameterGroupName: 'default.postgres18' }],
  });
  const names = (kind: string, ...given: string[]) => given.map((name) => ({ [kind]: name }));
  const others = ['a', 'b', 'c'];

  async function missingWith(rds: RdsDocument, ...faults: Omit<Fault, 'service'>[]) {
    const { databases, unchecked } = await collectFrom({ 'us-east-1': { instances: [grouped], ...rds } }, ...faults);
    const [found] = databases;
    return { subnets: found?.missingSubnetGroup, parameters: found?.missingParameterGroups, unchecked };
  }

  test('nothing is missing when they are listed, on whatever page', async () => {
    const missing = await missingWith({
      subnetGroups: names('DBSubnetGroupName', ...others, 'Private'),
      parameterGroups: names('DBParameterGroupName', ...others, 'postgres18-own'),
    });
    expect(missing).toEqual({ subnets: undefined, parameters: [], unchecked: [] });
  });

  test('those that are not listed are missing, but default ones', async () => {
    const missing = await missingWith({
      subnetGroups: names('DBSubnetGroupName', ...others),
      parameterGroups: names('DBParameterGroupName', ...others),
    });
    expect(missing).toEqual({ subnets: 'private', parameters: ['postgres18-own'], unchecked: [] });
  });

  test('a cluster’s are of their own kind', async () => {
    const { databases, unchecked } = await collectFrom({
      'us-east-1': {
        clusters: [cluster('stream', { DBSubnetGroup: 'gone', DBClusterParameterGroup: 'aurora17-own' })],
        subnetGroups: names('DBSubnetGroupName', 'private'),
        parameterGroups: names('DBParameterGroupName', 'aurora17-own'),
        clusterParameterGroups: names('DBClusterParameterGroupName', 'other'),
      },
    });
    expect(databases).toMatchObject([{ missingSubnetGroup: 'gone', missingParameterGroups: ['aurora17-own'] }]);
    expect(unchecked).toEqual([]);
  });

  test('a listing that is denied, breaks off or is empty makes nothing missing, and is unchecked', async () => {
    const whole = {
      subnetGroups: names('DBSubnetGroupName', ...others, 'private'),
      parameterGroups: names('DBParameterGroupName', ...others, 'postgres18-own'),
    };
    const denied = await missingWith(
      whole,
      { operation: 'DescribeDBSubnetGroups', fault: 'access-denied' },
      { operation: 'DescribeDBParameterGroups', fault: 'access-denied', afterRequests: 1 },
    );
    const scope = (part: string, reason: string) => `rds/${part}/${account}/us-east-1 ${reason}`;
    expect(denied).toEqual({
      subnets: undefined,
      parameters: [],
      unchecked: [scope('subnet-groups', 'access-denied'), scope('parameter-groups', 'access-denied')],
    });
    await plane?.stop();
    const empty = await missingWith({});
    expect(empty).toEqual({
      subnets: undefined,
      parameters: [],
      unchecked: [scope('subnet-groups', 'unreadable'), scope('parameter-groups', 'unreadable')],
    });
  });

  test('where no database uses any, none are asked for', async () => {
    await collectFrom({ 'us-east-1': { instances: [instance('rights')] } });
    expect(plane?.requests.filter(({ operation }) => operation.includes('Group'))).toEqual([]);
  });
});

describe('replicated backups', () => {
  const entry = (name: string, details = {}) => ({
    DBInstanceArn: arnOf('db', name),
    DbiResourceId: `db-${name.toUpperCase()}`,
    Region: 'us-east-1',
    DBInstanceAutomatedBackupsArn: arnOf('auto-backup', `ab-${name}`, west),
    Status: 'replicating',
    RestoreWindow: { EarliestTime: daysAgo(7), LatestTime: minutesAgo(15) },
    BackupRetentionPeriod: 7,
    Encrypted: true,
    KmsKeyId: 'alias/west',
    ...details,
  });

  test('a copy belongs to the database with its id, and is where it is listed', async () => {
    const { databases } = await collectFrom({
      'us-east-1': {
        instances: [instance('rights')],
        automatedBackups: [entry('rights', { DBInstanceAutomatedBackupsArn: arnOf('auto-backup', 'ab-here') })],
      },
      [west]: { automatedBackups: [entry('rights', { DbiResourceId: 'DB-rights' })] },
    });
    expect(databases[0]?.replicatedBackups).toEqual([
      {
        arn: arnOf('auto-backup', 'ab-rights', west),
        region: west,
        account,
        status: 'replicating',
        latestRestorableTime: minutesAgo(15),
        backupRetentionDays: 7,
        isEncrypted: true,
        kmsKeyArn: `arn:aws:kms:${west}:${account}:alias/west`,
      },
    ]);
  });

  test('a predecessor’s copy is not that of the database which has its name now', async () => {
    const { databases } = await collectFrom({
      'us-east-1': { instances: [instance('rights')] },
      [west]: { automatedBackups: [entry('rights', { DbiResourceId: 'db-OLD', Status: 'retained' })] },
    });
    expect(databases[0]?.replicatedBackups).toEqual([]);
  });

  test('clusters have copies too, and without an id the ARN decides', async () => {
    const { databases } = await collectFrom({
      'us-east-1': { clusters: [cluster('ledger', { Engine: 'postgres' })] },
      [west]: {
        clusterAutomatedBackups: [
          {
            DBClusterArn: arnOf('cluster', 'ledger'),
            Region: 'us-east-1',
            DBClusterAutomatedBackupsArn: arnOf('cluster-auto-backup', 'ab-1', west),
            RestoreWindow: { LatestTime: minutesAgo(20) },
            StorageEncrypted: false,
          },
        ],
      },
    });
    expect(databases[0]?.replicatedBackups).toMatchObject([
      { region: west, status: 'unknown', latestRestorableTime: minutesAgo(20), isEncrypted: false },
    ]);
  });

  test('a region that does not say is unchecked', async () => {
    const { unchecked } = await collectFrom(
      { 'us-east-1': { instances: [instance('rights')] } },
      { operation: 'DescribeDBInstanceAutomatedBackups', region: west, fault: 'access-denied' },
    );
    expect(unchecked).toEqual([`rds/automated-backups/${account}/${west} access-denied`]);
  });
});

describe('snapshots', () => {
  test('every type of the account’s own is taken over once, with who may restore it', async () => {
    const { snapshots, byType, unchecked } = await collectFrom({
      'us-east-1': {
        snapshots: [
          snapshotOf('rights', 'rds:rights-2026-11-21-06-10', {
            SnapshotType: 'automated',
            FullSnapshotSizeInBytes: 7e9,
          }),
          {
            ...snapshotOf('rights', 'manual', { OriginalSnapshotCreateTime: daysAgo(3), AllocatedStorage: 200 }),
            attributes: [{ AttributeName: 'restore', AttributeValues: ['all', '999988887777'] }],
          },
          snapshotOf('rights', 'awsbackup:job-1', { SnapshotType: 'awsbackup' }),
        ],
        clusterSnapshots: [
          {
            ...clusterSnapshotOf('stream', 'of-cluster'),
            attributes: [{ AttributeName: 'restore', AttributeValues: ['210987654321'] }],
          },
        ],
      },
    });
    expect(unchecked).toEqual([]);
    expect(byType['rds-snapshot']).toEqual({ expected: 4, checked: 4 });
    expect(snapshots.map(({ resource: { name }, type, sharedWith }) => [name, type, sharedWith]).sort()).toEqual([
      ['awsbackup:job-1', 'awsbackup', []],
      ['manual', 'manual', ['all', '999988887777']],
      ['of-cluster', 'manual', ['210987654321']],
      ['rds:rights-2026-11-21-06-10', 'automated', []],
    ]);
    const byName = (name: string) => snapshots.find(({ resource }) => resource.name === name);
    expect(byName('manual')).toMatchObject({
      databaseImmutableId: 'db-RIGHTS',
      databaseName: 'rights',
      createdAt: daysAgo(1),
      originalCreatedAt: daysAgo(3),
      sizeBytes: undefined,
    });
    expect(byName('rds:rights-2026-11-21-06-10')?.sizeBytes).toBe(7e9);
    const asked = plane?.requests.filter(({ operation }) => operation.endsWith('Attributes'));
    // Those of AWS Backup, of which there are thousands, cannot be shared any more than automated ones.
    expect(asked?.map(({ operation }) => operation).sort()).toEqual([
      'DescribeDBClusterSnapshotAttributes',
      'DescribeDBSnapshotAttributes',
    ]);
  });

  test('one whose sharing is denied is unchecked, and kept; the others go on', async () => {
    const { snapshots, unchecked } = await collectFrom(
      { 'us-east-1': { snapshots: [snapshotOf('rights', 'one'), snapshotOf('rights', 'two')] } },
      { operation: 'DescribeDBSnapshotAttributes', resourceId: arnOf('snapshot', 'two'), fault: 'access-denied' },
    );
    expect(unchecked).toEqual([`${arnOf('snapshot', 'two')} access-denied`]);
    expect(snapshots.map(({ sharedWith }) => sharedWith)).toEqual([[], undefined]);
  });

  test('one whose sharing is throttled is unchecked after the retries', async () => {
    // The SDK waits a random part of a growing time before it tries again.
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const { snapshots, unchecked } = await collectFrom(
      { 'us-east-1': { clusterSnapshots: [clusterSnapshotOf('stream', 'one')] } },
      { operation: 'DescribeDBClusterSnapshotAttributes', fault: 'throttled' },
    );
    expect(unchecked).toEqual([`${arnOf('cluster-snapshot', 'one')} throttled`]);
    expect(snapshots).toMatchObject([{ sharedWith: undefined }]);
  });

  test('a listing that breaks off is unchecked, with what came before', async () => {
    const snapshots = Array.from({ length: 5 }, (_, index) => snapshotOf('rights', `by-hand-${index}`));
    const result = await collectFrom(
      { 'us-east-1': { snapshots, clusterSnapshots: [clusterSnapshotOf('stream', 'one')] } },
      { operation: 'DescribeDBSnapshots', region: 'us-east-1', fault: 'access-denied', afterRequests: 1 },
    );
    expect(result.unchecked).toEqual([`rds/snapshots/${account}/us-east-1 access-denied`]);
    expect(result.snapshots).toHaveLength(3 + 1);
  });

  test('one that is deleted while the run looks at it is gone, and nothing is left unchecked', async () => {
    const mock = mockClient(RDSClient);
    const { snapshot } = snapshotOf('rights', 'rotated');
    mock.onAnyCommand().resolves({});
    mock.on(DescribeDBSnapshotsCommand).resolves({ DBSnapshots: [snapshot] });
    const gone = new DBSnapshotNotFoundFault({ message: 'DBSnapshot rotated not found.', $metadata: {} });
    mock.on(DescribeDBSnapshotAttributesCommand).rejects(gone);
    const { snapshots, unchecked } = await collect();
    mock.restore();
    expect({ snapshots, unchecked }).toEqual({ snapshots: [], unchecked: [] });
  });

  test('an answer without attributes does not pass for a snapshot that is not shared', async () => {
    const mock = mockClient(RDSClient);
    mock.onAnyCommand().resolves({});
    mock.on(DescribeDBSnapshotsCommand).resolves({ DBSnapshots: [snapshotOf('rights', 'odd').snapshot] });
    const { snapshots, unchecked } = await collect();
    mock.restore();
    expect(snapshots).toMatchObject([{ sharedWith: undefined }, { sharedWith: undefined }]);
    expect(unchecked).toEqual([`${arnOf('snapshot', 'odd')} aws-error`]);
  });

  test('a copy of a cluster’s snapshot is as old as the one that it was copied from', async () => {
    const automated = arnOf('cluster-snapshot', 'rds:stream-2026-11-20-06-10');
    const { snapshots } = await collectFrom({
      'us-east-1': {
        clusterSnapshots: [
          clusterSnapshotOf('stream', 'first', { SnapshotCreateTime: daysAgo(3) }),
          clusterSnapshotOf('stream', 'second', {
            SnapshotCreateTime: daysAgo(2),
            SourceDBClusterSnapshotArn: arnOf('cluster-snapshot', 'first'),
          }),
        ],
      },
      [west]: {
        clusterSnapshots: [
          clusterSnapshotOf(
            'stream',
            'third',
            { SnapshotCreateTime: hoursAgo(1), SourceDBClusterSnapshotArn: arnOf('cluster-snapshot', 'second') },
            west,
          ),
          clusterSnapshotOf(
            'stream',
            'of-automated',
            { SnapshotCreateTime: hoursAgo(1), SourceDBClusterSnapshotArn: automated },
            west,
          ),
          clusterSnapshotOf(
            'stream',
            'of-unknown',
            { SnapshotCreateTime: hoursAgo(1), SourceDBClusterSnapshotArn: arnOf('cluster-snapshot', 'deleted') },
            west,
          ),
        ],
      },
    });
    const originals = Object.fromEntries(
      snapshots.map(({ resource, originalCreatedAt }) => [resource.name, originalCreatedAt]),
    );
    expect(originals).toEqual({
      first: daysAgo(3),
      second: daysAgo(3),
      third: daysAgo(3),
      'of-automated': new Date('2026-11-20T06:10:00Z'),
      'of-unknown': hoursAgo(1),
    });
  });
});

test('an estate without databases is read to the end, and has none', async () => {
  const { databases, snapshots, unchecked, byType } = await collectFrom({});
  expect({ databases, snapshots, unchecked }).toEqual({ databases: [], snapshots: [], unchecked: [] });
  expect(byType.scope).toEqual({ expected: 12, checked: 12 });
});
