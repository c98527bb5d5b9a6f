import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../../sandbox/control-plane/control-plane.ts';
import type { S3BucketDocument } from '../../../sandbox/control-plane/services/s3-document.ts';
import { AwsClients } from '../../../shared/aws/clients.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import { contextFor } from '../context-fixtures.ts';
import { collectBuckets } from './collect-buckets.ts';

const account = '123456789012';
const creationDate = new Date('2024-01-01T00:00:00.000Z');
const bare: S3BucketDocument = { region: 'us-east-1', creationDate, objects: [] };

const documents: Record<string, S3BucketDocument> = {
  bare,
  governed: {
    ...bare,
    objectLock: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Years: 2 } } },
  },
  guarded: {
    ...bare,
    tags: { tier: 'gold', Name: 'Café 🎵' },
    versioning: 'Enabled',
    objectLock: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 35 } } },
    replication: {
      Role: 'arn:aws:iam::123456789012:role/replication',
      Rules: [
        {
          ID: 'albums',
          Status: 'Enabled',
          Filter: { Prefix: 'albums/' },
          DeleteMarkerReplication: { Status: 'Enabled' },
          Destination: { Bucket: 'arn:aws:s3:::copy', Account: '210987654321' },
        },
        {
          ID: 'tagged',
          Status: 'Disabled',
          Filter: { And: { Prefix: 'singles/', Tags: [{ Key: 'tier', Value: 'gold' }] } },
          Destination: { Bucket: 'arn:aws:s3:::copy' },
        },
        { ID: 'old', Status: 'Enabled', Prefix: 'old/', Destination: { Bucket: 'arn:aws:s3:::copy' } },
      ],
    },
  },
  locked: { ...bare, versioning: 'Suspended', objectLock: { ObjectLockEnabled: 'Enabled' } },
  north: { ...bare, region: 'ca-central-1' },
  west: { ...bare, region: 'us-west-2', versioning: 'Enabled' },
};

let plane: ControlPlane;
let clients: AwsClients;
const environment = { ...process.env };

beforeEach(async () => {
  plane = await startControlPlane({
    estate: { homeAccount: account, accounts: { [account]: { s3: { buckets: documents }, regions: {} } } },
  });
  Object.assign(process.env, plane.environment, { AWS_MAX_ATTEMPTS: '1' });
  clients = new AwsClients();
});

afterEach(async () => {
  clients.destroy();
  await plane.stop();
  process.env = { ...environment };
});

async function collect() {
  const coverage = new CoverageLedger({ classify: uncheckedReason });
  const { buckets } = await collectBuckets(
    [{ id: account, in: (region) => ({ region }) }],
    contextFor({ now: new Date('2026-11-01T12:00:00.000Z'), clients, coverage }),
  );
  const { unchecked, byType } = coverage.summary();
  return { buckets, byType, unchecked: unchecked.map(({ resource, reason }) => `${resource.name} ${reason}`) };
}

test('reads how every bucket of the run’s regions is guarded, over all pages', async () => {
  const { buckets, byType, unchecked } = await collect();
  expect(unchecked).toEqual([]);
  expect(byType['s3-bucket']).toEqual({ expected: 5, checked: 5 });
  expect(buckets.map(({ resource }) => `${resource.name} ${resource.region}`)).toEqual([
    'bare us-east-1',
    'governed us-east-1',
    'guarded us-east-1',
    'locked us-east-1',
    'west us-west-2',
  ]);
  expect(buckets[0]).toEqual({
    resource: { type: 's3-bucket', id: 'arn:aws:s3:::bare', name: 'bare', account, region: 'us-east-1' },
    tags: {},
    createdAt: creationDate,
    versioning: 'never',
    objectLock: 'none',
    replicationRules: [],
  });
  expect(buckets[1]?.objectLock).toEqual({ mode: 'GOVERNANCE', days: 730 });
  expect(buckets[2]).toMatchObject({
    tags: { tier: 'gold', Name: 'Café 🎵' },
    versioning: 'enabled',
    objectLock: { mode: 'COMPLIANCE', days: 35 },
  });
  expect(buckets[2]?.replicationRules).toEqual([
    {
      id: 'albums',
      isEnabled: true,
      prefix: 'albums/',
      isForSomeTags: false,
      destinationBucket: 'copy',
      destinationAccount: '210987654321',
      copiesDeleteMarkers: true,
    },
    expect.objectContaining({ id: 'tagged', isEnabled: false, prefix: 'singles/', isForSomeTags: true }),
    expect.objectContaining({ id: 'old', isEnabled: true, prefix: 'old/', isForSomeTags: false }),
  ]);
  expect(buckets[3]).toMatchObject({ versioning: 'suspended', objectLock: 'no-default' });
});

test.each([
  ['GetBucketTagging', { tags: undefined }],
  ['GetBucketVersioning', { versioning: undefined }],
  ['GetObjectLockConfiguration', { objectLock: undefined }],
  ['GetBucketReplication', { replicationRules: undefined }],
])(
  'leaves one bucket unchecked when %s is denied for it, and reads the rest of it and all others',
  async (operation, expected) => {
    plane.inject({ service: 's3', operation, resourceId: 'guarded', fault: 'access-denied' });
    const { buckets, byType, unchecked } = await collect();
    expect(unchecked).toEqual(['guarded access-denied']);
    expect(byType['s3-bucket']).toEqual({ expected: 5, checked: 4 });
    expect(buckets).toHaveLength(5);
    const whole = { tags: { tier: 'gold' }, versioning: 'enabled', objectLock: { days: 35 } };
    const guarded = buckets.find(({ resource }) => resource.name === 'guarded');
    expect(guarded).toMatchObject({ ...whole, ...expected });
  },
);

test('leaves a bucket unchecked whose region is not told', async () => {
  const mock = mockClient(S3Client);
  mock.on(ListBucketsCommand).resolves({ Buckets: [{ Name: 'somewhere', CreationDate: creationDate }] });
  try {
    expect(await collect()).toMatchObject({ buckets: [], unchecked: ['somewhere aws-error'] });
  } finally {
    mock.restore();
  }
});

test('leaves the listing unchecked when a later page of it is denied, and reads what came before', async () => {
  plane.inject({ service: 's3', operation: 'ListBuckets', afterRequests: 1, fault: 'access-denied' });
  const { buckets, unchecked } = await collect();
  expect(unchecked).toEqual([`S3 buckets of ${account} access-denied`]);
  expect(buckets.map(({ resource }) => resource.name)).toEqual(['bare', 'governed', 'guarded']);
});
