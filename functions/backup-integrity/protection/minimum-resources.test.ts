import { describe, expect, it } from 'vitest';
import { CoverageLedger, scopeType } from '../../../shared/coverage.ts';
import type { Resource } from '../../../shared/resource.ts';
import { configSchema } from '../config.ts';
import { requireMinimum } from './minimum-resources.ts';

const database = (name: string) => ({ resource: { type: 'rds-instance', id: `arn:${name}`, name }, tags: {} });

/** Returns the reason for which each policy was left unchecked, and whether the run has failed. */
function required(
  config: Parameters<typeof configSchema.parse>[0],
  items: ReturnType<typeof database>[],
  unread: Resource[] = [],
) {
  const coverage = new CoverageLedger({ classify: () => undefined });
  for (const resource of unread) coverage.unchecked(resource, 'access-denied', '');
  requireMinimum(items, configSchema.parse(config), coverage, 'nycmg');
  const reasons = coverage
    .summary()
    .unchecked.filter(({ resource }) => resource.id.startsWith('policy/'))
    .map(({ resource, reason }) => `${resource.id} ${reason}`);
  return { reasons, hasFailed: coverage.hasFailed };
}

const databases = {
  policies: [{ id: 'db', select: { types: ['rds-instance'] }, rpoMinutes: 60, minimumResources: 2 }],
};
const listing = (id: string, type = scopeType) => ({ type, id, name: id });
const failed = { reasons: ['policy/nycmg/db fewer-than-expected'], hasFailed: true };
const silent = { reasons: [], hasFailed: false };

describe('the resources that a policy expects', () => {
  it('are enough at the number asked for, and too few with one less', () => {
    expect(required(databases, [database('a'), database('b')])).toEqual(silent);
    expect(required(databases, [database('a')])).toEqual(failed);
  });

  it('are not those that a restore test made', () => {
    expect(required(databases, [database('a'), database('awsbackup-restore-test-1a2b')])).toEqual(failed);
  });

  it.each(['rds/instances/1/us-east-1', 'rds/clusters/1/us-east-1', 'account/1'])(
    'may be in %s, which could not be read',
    (id) => {
      expect(required(databases, [], [listing(id)])).toEqual(silent);
    },
  );

  it.each(['backup/plans/1/us-east-1', 'rds/snapshots/1/us-east-1', 's3/1', 'tagging/1/us-east-1', 'work/audio'])(
    'cannot be in %s, read or not',
    (id) => {
      expect(required(databases, [], [listing(id)])).toEqual(failed);
    },
  );

  it('may be a bucket whose tags could not be read', () => {
    const tagged = { policies: [{ id: 'db', select: { tags: { app: 'nycmg' } }, rpoMinutes: 60 }] };
    expect(required(tagged, [], [listing('arn:aws:s3:::nycmg-audio', 's3-bucket')])).toEqual(silent);
    expect(required(tagged, [])).toEqual(failed);
  });

  it('leave their policy unchecked when sources leaves them out', () => {
    const without = { ...databases, sources: ['aws-backup', 's3'] };
    expect(required(without, [])).toEqual({ reasons: ['policy/nycmg/db source-left-out'], hasFailed: false });
    expect(required({ ...databases, sources: ['rds'] }, [])).toEqual(failed);
  });
});
