import { describe, expect, it } from 'vitest';
import { configSchema } from '../config.ts';
import { policiesFor, requirementOf } from './policies.ts';

const rights = {
  type: 'rds-instance',
  id: 'arn:aws:rds:us-east-1:123456789012:db:nycmg-rights',
  name: 'nycmg-rights',
};

function selects(select: object, tags: Record<string, string> = {}): boolean {
  const config = configSchema.parse({ policies: [{ id: 'one', select, rpoMinutes: 60 }] });
  return policiesFor(rights, tags, config).length > 0;
}

describe('a policy', () => {
  it('selects by ARN, by identifier, by kind and by tag', () => {
    expect(selects({ arns: ['arn:aws:rds:*:*:db:nycmg-*'] })).toBe(true);
    expect(selects({ arns: ['arn:aws:s3:::*'] })).toBe(false);
    expect(selects({ ids: ['other', 'nycmg-rights'] })).toBe(true);
    expect(selects({ types: ['rds-cluster'] })).toBe(false);
    expect(selects({ tags: { tier: 'crit*' } }, { tier: 'critical' })).toBe(true);
    expect(selects({ tags: { tier: 'crit*' } })).toBe(false);
  });

  it('wants everything that it names', () => {
    const tags = { tier: 'critical', app: 'nycmg' };
    expect(selects({ ids: ['nycmg-*'], tags: { tier: 'critical' } }, tags)).toBe(true);
    expect(selects({ ids: ['other-*'], tags: { tier: 'critical' } }, tags)).toBe(false);
    expect(selects({ tags: { tier: 'critical', app: 'other' } }, tags)).toBe(false);
  });

  it('is not deceived by a tag that every object has', () => {
    expect(selects({ tags: { constructor: '*' } })).toBe(false);
  });

  it('must select something and ask for something', () => {
    const faults = configSchema
      .safeParse({
        policies: [
          { id: 'a', select: {}, rpoMinutes: 60 },
          { id: 'b', select: { ids: ['*'] } },
          { id: 'c', select: { ids: ['*'] }, rpoMinutes: 60, mayBeUnprotected: 'kept elsewhere' },
          { id: 'c', select: { ids: ['*'] }, rpoMinutes: 60 },
        ],
      })
      .error?.issues.map(({ message }) => message);
    expect(faults).toEqual(
      expect.arrayContaining([
        'selects everything: name arns, ids, tags or types',
        'asks for nothing: set rpoMinutes or say why it mayBeUnprotected',
        'contradicts rpoMinutes',
      ]),
    );
  });
});

describe('the requirement of several policies', () => {
  const { policies } = configSchema.parse({
    policies: [
      {
        id: 'a',
        select: { ids: ['*'] },
        rpoMinutes: 60,
        retentionDays: 7,
        copies: { regions: ['us-west-2'], lagMinutes: 60 },
      },
      { id: 'b', select: { ids: ['*'] }, rpoMinutes: 1440, rtoMinutes: 120, retentionDays: 35, immutable: true },
      { id: 'c', select: { ids: ['*'] }, mayBeUnprotected: 'kept elsewhere' },
      { id: 'd', select: { ids: ['*'] }, copies: { regions: ['us-west-2', 'eu-west-1'] }, annual: {} },
    ],
  });

  it('is the strictest of each', () => {
    expect(requirementOf(policies)).toEqual({
      policyIds: ['a', 'b', 'c', 'd'],
      rpoMinutes: 60,
      rtoMinutes: 120,
      retentionDays: 35,
      copyRegions: ['us-west-2', 'eu-west-1'],
      copyAccounts: [],
      copyLagMinutes: 60,
      isImmutable: true,
      annualRetentionDays: 2557,
      restoreTestDays: undefined,
      mayBeUnprotected: undefined,
    });
  });

  it('allows no backup only when no policy asks for one', () => {
    expect(requirementOf(policies.slice(2, 3))?.mayBeUnprotected).toBe('kept elsewhere');
    expect(requirementOf([])).toBeUndefined();
  });
});

describe('a resource whose tags could not be read', () => {
  it('is selected by what does not ask for them', () => {
    const config = configSchema.parse({
      policies: [
        { id: 'by-name', select: { ids: ['nycmg-*'] }, rpoMinutes: 60 },
        { id: 'by-tag', select: { tags: { tier: '*' } }, rpoMinutes: 60 },
      ],
    });
    expect(policiesFor(rights, undefined, config).map(({ id }) => id)).toEqual(['by-name']);
  });
});

describe('the configuration', () => {
  it('names what is misspelt, and a copy that is its own source', () => {
    const place = { bucket: 'nycmg-audio', prefix: 'audio/' };
    const faults = configSchema
      .safeParse({
        policies: [{ id: 'a', select: { types: ['rds_instance'] }, rpoMinutes: 60 }],
        replicas: [
          { id: 'same', source: place, copy: { ...place, region: 'us-west-2' } },
          { id: 'same', source: place, copy: { ...place, prefix: 'copy/' } },
        ],
        inventories: [{ bucket: 'Not A Bucket', manifests: place }],
      })
      .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    expect(faults).toEqual([
      expect.stringMatching(/^policies\.0\.select\.types\.0: .*rds-instance/),
      'replicas.0: the copy is the source itself: comparing them proves nothing',
      'replicas: an id is used twice',
      'inventories.0.bucket: not a bucket name',
    ]);
  });
});
