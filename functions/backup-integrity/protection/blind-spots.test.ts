import { describe, expect, it } from 'vitest';
import { scopeType } from '../../../shared/coverage.ts';
import { configSchema } from '../config.ts';
import { blindSpots, type Sight } from './blind-spots.ts';
import { blindSpotsOf } from './protected-resource.ts';

const account = '123456789012';
const config = configSchema.parse({
  policies: [{ id: 'all', select: { ids: ['*'] }, copies: { regions: ['us-west-2'], accounts: ['210987654321'] } }],
  artifacts: [
    { id: 'dumps', bucket: 'nycmg-backups', everyMinutes: 1440, protects: 'arn:aws:rds:us-east-1:123456789012:db:a' },
    { id: 'exports', bucket: 'nycmg-exports', everyMinutes: 1440 },
  ],
  replicas: [
    { id: 'audio', source: { bucket: 'nycmg-audio' }, copy: { bucket: 'nycmg-audio-copy' } },
    { id: 'part', source: { bucket: 'nycmg-logs', prefix: 'app/' }, copy: { bucket: 'nycmg-logs-copy' } },
  ],
});

function sight(details: Partial<Sight> = {}): Sight {
  return {
    config,
    homeRegion: 'us-east-1',
    regions: ['us-east-1', 'us-west-2'],
    accounts: [account, '210987654321'],
    scope: {},
    unchecked: [],
    artifacts: [{ configId: 'dumps' }],
    replicas: [{ configId: 'audio', isPartial: false }],
    ...details,
  };
}

const unread = (id: string, type = scopeType) => ({
  resource: { type, id, name: id, account, region: 'us-east-1' },
  reason: 'access-denied',
  detail: '',
});

const names = (details: Partial<Sight>) => blindSpots(sight(details)).map(({ name }) => name);

describe('blind spots', () => {
  it('are none when everything was looked at', () => {
    expect(blindSpots(sight())).toEqual([]);
  });

  it.each([
    ['a vault', unread('arn:vault', 'backup-vault'), undefined, undefined],
    ['an account', unread(`account/${account}`), undefined, undefined],
    ['the vaults', unread(`backup/vaults/${account}/us-east-1`), undefined, undefined],
    ['copy jobs', unread(`backup/copy-jobs/${account}/us-east-1`), 'points', undefined],
    ['restore jobs', unread(`backup/restore-jobs/${account}/us-east-1`), 'restores', undefined],
    ['settings', unread(`backup/region-settings/${account}/us-east-1`), 'settings', undefined],
    ['snapshots', unread(`rds/snapshots/${account}/us-east-1`), 'points', 'databases'],
    ['replicated backups', unread(`rds/automated-backups/${account}/us-east-1`), 'points', 'databases'],
  ])('%s that cannot be read is one', (_what, unchecked, hides, of) => {
    expect(blindSpots(sight({ unchecked: [unchecked] }))).toEqual([
      { name: unchecked.resource.id, account, region: 'us-east-1', ...(hides && { hides }), ...(of && { of }) },
    ]);
  });

  it.each(['rds/subnet-groups/', 'backup/plans/', 'backup/protected-resources/', 'tagging/', 's3/', 'work/'])(
    '%s holds nothing that could be restored',
    (prefix) => {
      expect(names({ unchecked: [unread(`${prefix}${account}/us-east-1`)] })).toEqual([]);
    },
  );

  it('are replicas that were not compared to the end, and artifacts that were not listed, for what they protect alone', () => {
    const hidden = blindSpots(sight({ artifacts: [], replicas: [{ configId: 'audio', isPartial: true }] }));
    expect(hidden.map(({ name, of }) => [name, of])).toEqual([
      ['the artifacts dumps', 'arn:aws:rds:us-east-1:123456789012:db:a'],
      ['the replica audio', 'arn:aws:s3:::nycmg-audio'],
    ]);
    expect(names({ replicas: [] })).toEqual(['the replica audio']);
    const bucket = { type: 's3-bucket', id: 'arn:aws:s3:::nycmg-audio', name: 'nycmg-audio' };
    expect(blindSpotsOf(bucket, hidden).map(({ name }) => name)).toEqual(['the replica audio']);
  });

  it('that may hold something of databases say nothing of buckets', () => {
    const hidden = blindSpots(sight({ unchecked: [unread(`rds/snapshots/${account}/us-east-1`)] }));
    expect(blindSpotsOf({ type: 'rds-cluster', id: 'c', name: 'c' }, hidden)).toHaveLength(1);
    expect(blindSpotsOf({ type: 's3-bucket', id: 'b', name: 'b' }, hidden)).toEqual([]);
  });

  it('are all of AWS Backup when sources leaves it out', () => {
    expect(names({ config: { ...config, sources: ['rds', 's3'] } })).toEqual(['AWS Backup, which sources leaves out']);
  });

  it('are regions that policies want copies in, and whatever a narrowed run leaves out', () => {
    expect(names({ regions: ['us-east-1'] })).toEqual(['the region us-west-2, which this run does not look at']);
    const narrowed = { ...config, policies: [] };
    expect(names({ config: narrowed, scope: { regions: ['us-east-1'] } })).toEqual([
      'the regions that this run leaves out',
    ]);
    expect(names({ accounts: [account], scope: { accounts: [account] } })).toEqual([
      'the account 210987654321, which this run does not look at',
      'the accounts that this run leaves out',
    ]);
  });
});
