import { expect, test } from 'vitest';
import type * as z from 'zod';
import { configSchema } from '../config.ts';
import { evaluateBuckets } from './evaluate-buckets.ts';
import type { Bucket, ReplicationRule } from './facts.ts';

const now = new Date('2026-11-01T12:00:00.000Z');

function bucket(name: string, overrides: Partial<Bucket> = {}): Bucket {
  return {
    resource: { type: 's3-bucket', id: `arn:aws:s3:::${name}`, name, account: '123456789012', region: 'us-east-1' },
    tags: {},
    createdAt: new Date('2024-01-01T00:00:00.000Z'),
    versioning: 'enabled',
    objectLock: { mode: 'COMPLIANCE', days: 35 },
    replicationRules: [],
    ...overrides,
  };
}

type ConfigInput = z.input<typeof configSchema>;

const policy: NonNullable<ConfigInput['policies']>[number] = {
  id: 'masters',
  select: { types: ['s3-bucket'], tags: { tier: 'gold' } },
  rpoMinutes: 1440,
};
const replica = { id: 'masters-west', source: { bucket: 'masters' }, copy: { bucket: 'masters-copy' } };
const artifacts = {
  id: 'dumps',
  bucket: 'dumps',
  everyMinutes: 1440,
  protects: 'arn:aws:rds:us-east-1:123456789012:db:rights',
};
const immutable = {
  id: 'vaulted',
  select: { types: ['rds-instance' as const] },
  rpoMinutes: 1440,
  immutable: true,
  retentionDays: 35,
};

const rule = (overrides: Partial<ReplicationRule> = {}): ReplicationRule => ({
  id: 'all',
  isEnabled: true,
  prefix: '',
  isForSomeTags: false,
  destinationBucket: 'masters-copy',
  destinationAccount: undefined,
  copiesDeleteMarkers: false,
  ...overrides,
});

function judge(config: ConfigInput, ...buckets: Bucket[]): string[] {
  const { findings, unchecked } = evaluateBuckets({ buckets }, configSchema.parse(config), now);
  return [
    ...findings.map(({ rule: id, severity }) => `${id} ${severity}`),
    ...unchecked.map(({ reason }) => `? ${reason}`),
  ];
}

test('asks nothing of a bucket that backups have nothing to do with', () => {
  const bare = bucket('scratch', { versioning: 'never', objectLock: 'none' });
  expect(judge({ policies: [policy], replicas: [replica], artifacts: [artifacts] }, bare)).toEqual([]);
});

test('finds versioning off or suspended on a bucket that a policy selects', () => {
  const gold = { tags: { tier: 'gold' } };
  expect(judge({ policies: [policy] }, bucket('masters', { ...gold, versioning: 'enabled' }))).toEqual([]);
  expect(judge({ policies: [policy] }, bucket('masters', { ...gold, versioning: 'never' }))).toEqual([
    'versioning-off high',
  ]);
  expect(judge({ policies: [policy] }, bucket('masters', { ...gold, versioning: 'suspended' }))).toEqual([
    'versioning-off high',
  ]);
});

test('asks for no versions where a policy says that no backup is needed', () => {
  const exempt = { id: 'scratch', select: { ids: ['scratch'] }, mayBeUnprotected: 'made anew from the masters' };
  expect(judge({ policies: [exempt] }, bucket('scratch', { versioning: 'never' }))).toEqual([]);
});

test('finds versioning off on the source and the copy of a replica, and where artifacts are', () => {
  const replicated = bucket('masters', { versioning: 'never', replicationRules: [rule()] });
  expect(judge({ replicas: [replica] }, replicated)).toEqual(['versioning-off high']);
  expect(judge({ replicas: [replica] }, bucket('masters-copy', { versioning: 'never' }))).toEqual([
    'versioning-off high',
  ]);
  expect(judge({ artifacts: [artifacts] }, bucket('dumps', { versioning: 'never' }))).toEqual([
    'versioning-off medium',
  ]);
});

test('leaves unchecked what could not be read of a bucket that it matters for', () => {
  expect(judge({ artifacts: [artifacts] }, bucket('dumps', { versioning: undefined }))).toEqual(['? unreadable']);
  expect(judge({ replicas: [replica] }, bucket('masters-copy', { objectLock: undefined }))).toEqual(['? unreadable']);
  expect(judge({ replicas: [replica] }, bucket('masters', { replicationRules: undefined }))).toEqual(['? unreadable']);
  const unread = { versioning: undefined, objectLock: undefined, replicationRules: undefined };
  expect(judge({}, bucket('scratch', unread))).toEqual([]);
});

test('finds Object Lock off on a copy, worse where a policy demands it', () => {
  const copy = bucket('masters-copy', { objectLock: 'none' });
  expect(judge({ replicas: [replica] }, copy)).toEqual(['object-lock-off medium']);
  const demanding = { ...policy, immutable: true };
  const source = bucket('masters', { tags: { tier: 'gold' }, replicationRules: [rule()] });
  expect(judge({ replicas: [replica], policies: [demanding] }, source, copy)).toEqual(['object-lock-off high']);
});

test('asks for Object Lock where artifacts are only if a policy does', () => {
  const unlocked = bucket('dumps', { objectLock: 'none' });
  expect(judge({ artifacts: [artifacts] }, unlocked)).toEqual([]);
  expect(judge({ artifacts: [artifacts], policies: [immutable] }, unlocked)).toEqual(['object-lock-off high']);
  const { protects, ...ofNothing } = artifacts;
  expect(protects).toBeDefined();
  expect(judge({ artifacts: [ofNothing], policies: [immutable] }, unlocked)).toEqual([]);
});

test('takes Object Lock without a default, or in GOVERNANCE mode, for less bad than none', () => {
  const config = { artifacts: [artifacts], policies: [immutable] };
  expect(judge(config, bucket('dumps', { objectLock: 'no-default' }))).toEqual(['object-lock-off medium']);
  const governed = { objectLock: { mode: 'GOVERNANCE', days: 35 } } as const;
  expect(judge(config, bucket('dumps', governed))).toEqual(['object-lock-off medium']);
  expect(judge({ replicas: [replica] }, bucket('masters-copy', governed))).toEqual(['object-lock-off low']);
  expect(judge({ replicas: [replica] }, bucket('masters-copy', { objectLock: 'no-default' }))).toEqual([
    'object-lock-off low',
  ]);
});

test('finds a default retention that is a day shorter than is required', () => {
  const config = { artifacts: [artifacts], policies: [immutable] };
  expect(judge(config, bucket('dumps', { objectLock: { mode: 'COMPLIANCE', days: 35 } }))).toEqual([]);
  expect(judge(config, bucket('dumps', { objectLock: { mode: 'COMPLIANCE', days: 34 } }))).toEqual([
    'object-lock-off medium',
  ]);
});

test('finds a replica whose source has no rule to the copy, a disabled one, or one for something else', () => {
  const withRules = (...replicationRules: ReplicationRule[]) =>
    judge({ replicas: [replica] }, bucket('masters', { replicationRules }));
  expect(withRules(rule())).toEqual([]);
  expect(withRules(rule({ isEnabled: false }), rule())).toEqual([]);
  for (const other of [
    rule({ isEnabled: false }),
    rule({ destinationBucket: 'elsewhere' }),
    rule({ prefix: 'albums/' }),
    rule({ isForSomeTags: true }),
  ]) {
    expect(withRules(other)).toEqual(['replication-off medium']);
  }
  expect(withRules()).toEqual(['replication-off medium']);
});

test('takes a rule for a shorter prefix for one that covers the replica', () => {
  const config = {
    replicas: [
      {
        id: 'a',
        source: { bucket: 'masters', prefix: 'albums/' },
        copy: { bucket: 'masters-copy', prefix: 'albums/' },
      },
    ],
  };
  const withPrefix = (prefix: string) => judge(config, bucket('masters', { replicationRules: [rule({ prefix })] }));
  expect(withPrefix('')).toEqual([]);
  expect(withPrefix('albums/')).toEqual([]);
  expect(withPrefix('albums/2026/')).toEqual(['replication-off medium']);
});

test('expects no rule where the copy has other keys, which S3 Replication cannot give it', () => {
  const renamed = { id: 'a', source: { bucket: 'masters' }, copy: { bucket: 'masters-copy', prefix: 'copy/' } };
  expect(judge({ replicas: [renamed] }, bucket('masters'))).toEqual([]);
});

test('tells two replicas of one bucket apart', () => {
  const second = { ...replica, id: 'masters-north', copy: { bucket: 'masters-north' } };
  const { findings } = evaluateBuckets(
    { buckets: [bucket('masters')] },
    configSchema.parse({ replicas: [replica, second] }),
    now,
  );
  expect(findings.map(({ discriminator }) => discriminator)).toEqual(['masters-west', 'masters-north']);
});
