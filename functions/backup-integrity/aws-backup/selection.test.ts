import { describe, expect, it } from 'vitest';
import type { PlanSelection } from './facts.ts';
import { account, database, facts, region, rule, selection, table } from './facts-fixtures.ts';
import { planCoverage, type SelectableResource, selectionTakesIn } from './selection.ts';

const cluster = `arn:aws:rds:${region}:${account}:cluster:listens`;
const volume = `arn:aws:ec2:${region}:${account}:volume/vol-1`;
const bucket = 'arn:aws:s3:::masters';

const tag = (key: string, value: string) => ({ key, value });

function takesIn(
  given: Partial<PlanSelection>,
  resource: Partial<SelectableResource> = {},
  optedOut: readonly string[] = [],
): boolean {
  const asked = { arn: database, tags: {}, account, region, ...resource };
  const places = optedOut.map((type) => `${account}/${region}/${type}`);
  return selectionTakesIn(selection(given), asked, new Set(places));
}

describe('resources', () => {
  it.each([
    ['the ARN itself', [database], database, true],
    ['another ARN', [`${database}2`], database, false],
    ['everything', ['*'], database, true],
    ['a service', ['arn:aws:rds:*'], database, true],
    ['a type, by the word that ARNs have for it', ['arn:aws:rds:*:*:db:*'], database, true],
    ['a type, by a word that ARNs do not have', ['arn:aws:rds:*:*:instance:*'], database, false],
    ['another type', ['arn:aws:rds:*:*:cluster:*'], database, false],
    ['any of several', [table, database], database, true],
    ['a prefix', [`arn:aws:rds:${region}:${account}:db:ri*`], database, true],
    ['a prefix in other case', [`arn:aws:rds:${region}:${account}:db:RI*`], database, false],
    ['buckets', ['arn:aws:s3:::*'], bucket, true],
    ['nothing', [], database, false],
  ])('named by %s', (_, resources, arn, expected) => {
    expect(takesIn({ resources }, { arn })).toBe(expected);
  });

  it('are of the plan’s own region and account', () => {
    expect(takesIn({ resources: ['*'] }, { region: 'us-west-2' })).toBe(false);
    expect(takesIn({ resources: ['*'] }, { account: '210987654321' })).toBe(false);
    expect(takesIn({ resources: ['*'] }, { arn: bucket })).toBe(true);
    expect(takesIn({ resources: ['*'] }, { arn: bucket, region: 'us-west-2' })).toBe(false);
  });
});

describe('NotResources', () => {
  it.each([
    ['the ARN', [database], false],
    ['a pattern', ['arn:aws:rds:*:*:db:*'], false],
    ['a service', ['arn:aws:rds:*'], false],
    ['another type', ['arn:aws:ec2:*:*:volume/*'], true],
    ['any of several', ['arn:aws:ec2:*:*:volume/*', database], false],
  ])('that name %s', (_, notResources, expected) => {
    expect(takesIn({ resources: ['*'], notResources })).toBe(expected);
  });

  it('leave out what a tag or its own ARN takes in', () => {
    const given = { resources: [database], listOfTags: [tag('backup', 'daily')], notResources: ['arn:aws:rds:*'] };
    expect(takesIn(given, { tags: { backup: 'daily' } })).toBe(false);
  });

  it('take in nothing by themselves', () => {
    expect(takesIn({ notResources: [table] })).toBe(false);
  });
});

describe('ListOfTags', () => {
  const listOfTags = [tag('backup', 'daily'), tag('tier', 'critical')];

  it.each([
    ['one of them', { tier: 'critical' }, true],
    ['the key with another value', { backup: 'weekly' }, false],
    ['the value in other case', { backup: 'Daily' }, false],
    ['the key in other case', { Backup: 'daily' }, false],
    ['none', {}, false],
  ])('take in a resource with %s', (_, tags, expected) => {
    expect(takesIn({ listOfTags }, { tags })).toBe(expected);
  });

  it('take in beside the resources that are named, and do not narrow these', () => {
    expect(takesIn({ listOfTags, resources: [database] })).toBe(true);
    expect(takesIn({ listOfTags, resources: [table] }, { tags: { backup: 'daily' } })).toBe(true);
    expect(takesIn({ listOfTags, resources: [table] })).toBe(false);
  });

  it('do not find what every object inherits', () => {
    expect(takesIn({ resources: ['*'], stringLike: [tag('constructor', '*')] })).toBe(false);
  });
});

describe('Conditions', () => {
  const all = { resources: ['*'] };

  it.each([
    ['StringEquals', { stringEquals: [tag('backup', 'true')] }, { backup: 'true' }, true],
    ['StringEquals of a missing tag', { stringEquals: [tag('backup', 'true')] }, {}, false],
    ['StringEquals in other case', { stringEquals: [tag('backup', 'true')] }, { backup: 'True' }, false],
    ['StringEquals with a star, which stands for itself', { stringEquals: [tag('a', 'x*')] }, { a: 'xy' }, false],
    ['StringNotEquals', { stringNotEquals: [tag('stage', 'test')] }, { stage: 'test' }, false],
    ['StringNotEquals of another value', { stringNotEquals: [tag('stage', 'test')] }, { stage: 'live' }, true],
    ['StringNotEquals of a missing tag', { stringNotEquals: [tag('stage', 'test')] }, {}, true],
    ['StringLike', { stringLike: [tag('name', '*rod*')] }, { name: 'production' }, true],
    ['StringLike of any value', { stringLike: [tag('name', '*')] }, { name: '' }, true],
    ['StringLike of a missing tag', { stringLike: [tag('name', '*')] }, {}, false],
    ['StringNotLike', { stringNotLike: [tag('name', 'prod*')] }, { name: 'production' }, false],
    ['StringNotLike of a missing tag', { stringNotLike: [tag('name', 'prod*')] }, {}, true],
  ])('%s', (_, conditions, tags, expected) => {
    expect(takesIn({ ...all, ...conditions }, { tags })).toBe(expected);
  });

  it('must all be met, of one kind and of several', () => {
    const conditions = { ...all, stringEquals: [tag('a', '1'), tag('b', '2')], stringNotEquals: [tag('c', '3')] };
    expect(takesIn(conditions, { tags: { a: '1', b: '2' } })).toBe(true);
    expect(takesIn(conditions, { tags: { a: '1' } })).toBe(false);
    expect(takesIn(conditions, { tags: { a: '1', b: '2', c: '3' } })).toBe(false);
  });

  it('narrow what ListOfTags takes in', () => {
    const given = { listOfTags: [tag('backup', 'true')], stringNotEquals: [tag('stage', 'test')] };
    expect(takesIn(given, { tags: { backup: 'true' } })).toBe(true);
    expect(takesIn(given, { tags: { backup: 'true', stage: 'test' } })).toBe(false);
  });

  it('take in nothing by themselves', () => {
    expect(takesIn({ stringEquals: [tag('a', '1')] }, { tags: { a: '1' } })).toBe(false);
  });
});

describe('a type that is switched off in the region', () => {
  it.each([
    ['by everything', ['*'], volume, 'EBS', false],
    ['by its service', ['arn:aws:ec2:*'], volume, 'EBS', false],
    ['by its service at length', ['arn:aws:ec2:*:*:*'], volume, 'EBS', false],
    ['by its type', ['arn:aws:ec2:*:*:volume/*'], volume, 'EBS', true],
    ['by its ARN', [volume], volume, 'EBS', true],
    ['as a bucket', ['arn:aws:s3:::*'], bucket, 'S3', true],
    ['as a cluster, whose type others share', [cluster], cluster, 'Aurora', false],
    ['when it is another type', ['*'], volume, 'EC2', true],
  ])('is taken in %s: %s', (_, resources, arn, optedOut, expected) => {
    expect(takesIn({ resources }, { arn }, [optedOut])).toBe(expected);
  });

  it('is not taken in by tag', () => {
    const given = { listOfTags: [tag('backup', 'true')] };
    expect(takesIn(given, { arn: volume, tags: { backup: 'true' } }, ['EBS'])).toBe(false);
  });

  it('is known by the name that AWS Backup gives it, where there is one', () => {
    const asked = { arn: cluster, backupType: 'Neptune' };
    expect(takesIn({ resources: [cluster] }, asked, ['Neptune'])).toBe(false);
    expect(takesIn({ resources: [cluster] }, asked, ['Aurora'])).toBe(true);
  });

  it('is taken in where it is switched on', () => {
    const elsewhere = new Set([`${account}/us-west-2/EBS`]);
    const resource = { arn: volume, tags: {}, account, region };
    expect(selectionTakesIn(selection({ resources: ['*'] }), resource, elsewhere)).toBe(true);
  });
});

describe('tags that could not be read', () => {
  const unread = { tags: undefined };

  it('matter where they decide', () => {
    expect(() => takesIn({ listOfTags: [tag('a', '1')] }, unread)).toThrow(/tags-unreadable/);
    expect(() => takesIn({ resources: ['*'], stringNotEquals: [tag('a', '1')] }, unread)).toThrow(/tags-unreadable/);
  });

  it('do not where something else does', () => {
    expect(takesIn({ resources: [database], listOfTags: [tag('a', '1')] }, unread)).toBe(true);
    expect(takesIn({ notResources: ['*'], listOfTags: [tag('a', '1')] }, unread)).toBe(false);
  });
});

describe('the coverage of a resource by plans', () => {
  const resource = { arn: table, tags: { backup: 'daily' }, account, region };

  it('is every rule of every plan with a selection that takes it in', () => {
    const yearly = rule({ ruleName: 'yearly', retentionDays: undefined, schedule: 'cron(0 5 1 1 ? *)' });
    const other = rule({ planArn: 'arn:other', planName: 'other' });
    const given = facts({
      rules: [rule(), yearly, other],
      selections: [selection({ resources: [table] }), selection({ planArn: 'arn:other', resources: [database] })],
    });
    expect(planCoverage(given, resource)).toEqual([
      { planName: 'daily', planArn: rule().planArn, ruleName: 'one', selectionName: 'everything', retentionDays: 35 },
      {
        planName: 'daily',
        planArn: rule().planArn,
        ruleName: 'yearly',
        selectionName: 'everything',
        retentionDays: undefined,
        schedule: 'cron(0 5 1 1 ? *)',
      },
    ]);
    expect(planCoverage(given, { ...resource, arn: volume })).toEqual([]);
  });

  it('goes by the type under which AWS Backup knows it', () => {
    const given = facts({
      rules: [rule()],
      selections: [selection({ resources: ['*'] })],
      protectedResources: [{ arn: cluster, type: 'RDS', account, region }],
      optedOut: new Set([`${account}/${region}/RDS`]),
    });
    expect(planCoverage(given, { ...resource, arn: cluster, backupType: 'Aurora' })).toEqual([]);
    expect(planCoverage({ ...given, protectedResources: [] }, { ...resource, arn: cluster })).toHaveLength(1);
    const itsEngine = { ...resource, arn: cluster, backupType: 'RDS' };
    expect(planCoverage({ ...given, protectedResources: [] }, itsEngine)).toEqual([]);
  });
});
