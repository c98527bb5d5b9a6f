import { describe, expect, it } from 'vitest';
import type { StoredPlan } from './plans.ts';
import type { DependentFacts, ForeignKeyFacts } from './read-dependents.ts';
import type { IndexFacts } from './read-index.ts';
import {
  type AgeFacts,
  approvalMissing,
  indexMissing,
  undeclaredDependents,
  youngerThanRetention,
} from './row-guards.ts';
import type { RowTarget, TargetChild } from './row-target.ts';

const table = (oid: number, name: string) => ({
  oid,
  schema: 'public',
  name,
  columns: [],
  primaryKey: ['id'],
  isPartitioned: false,
  shapeHash: '',
});

const child = (oid: number, name: string, changes: Partial<TargetChild> = {}): TargetChild => ({
  ...table(oid, name),
  parent: undefined,
  referringColumns: ['listen_id'],
  referredColumns: ['id'],
  ageColumn: undefined,
  ...changes,
});

const target: RowTarget = {
  task: 'data-purge',
  policy: 'old-listens',
  database: 'main',
  root: table(1, 'listens'),
  age: { name: 'listened_at', type: 'timestamp with time zone' },
  key: [{ name: 'id', type: 'bigint' }],
  cutoff: '2025-05-01 00:00:00+00',
  where: undefined,
  children: [
    child(2, 'devices'),
    child(3, 'notes', { parent: 0, referringColumns: ['a', 'b'], referredColumns: ['x', 'y'] }),
  ],
};

describe('younger than the retention', () => {
  const facts: AgeFacts = {
    cutoff: '2025-05-01 00:00:00+00',
    serverCutoff: '2025-05-01 00:00:00+00',
    isCutoffLater: false,
    youngest: '2025-04-30 23:59:59.999999+00',
    isYoungestLater: false,
    children: [{ table: 'public.devices', tooYoung: 0 }],
  };

  it('is nothing that is before the cutoff by the server’s clock, nor nothing at all', () => {
    expect(youngerThanRetention(facts)).toBeUndefined();
    expect(youngerThanRetention({ ...facts, youngest: null, children: [] })).toBeUndefined();
  });

  it('is a plan whose cutoff is behind the server’s, whatever rows there are now', () => {
    const later = { ...facts, cutoff: '2026-05-01 00:00:00+00', isCutoffLater: true, youngest: null };
    expect(youngerThanRetention(later)).toMatchObject({
      guard: 'younger-than-retention',
      evidence: { cutoff: '2026-05-01 00:00:00+00', serverCutoff: facts.serverCutoff },
    });
  });

  it('is a row that is not before the server’s cutoff, or a child’s', () => {
    expect(youngerThanRetention({ ...facts, isYoungestLater: true })).toMatchObject({
      evidence: { youngest: facts.youngest },
    });
    const young = { ...facts, children: [...facts.children, { table: 'public.notes', tooYoung: 1 }] };
    expect(youngerThanRetention(young)).toMatchObject({ evidence: { children: ['1 of public.notes'] } });
    const unknown = { ...facts, children: [{ table: 'public.notes', tooYoung: Number.NaN }] };
    expect(youngerThanRetention(unknown)).toBeDefined();
  });
});

describe('an index that is missing', () => {
  const index: IndexFacts = {
    table: 'listens',
    isOfRoot: true,
    isUsable: true,
    method: 'btree',
    firstColumn: 'listened_at',
    predicate: null,
    coversRange: true,
  };

  it('is none that begins with the age and has all rows', () => {
    expect(indexMissing(target, 'by_age', index, [])).toBeUndefined();
    expect(indexMissing(target, 'by_age', { ...index, predicate: '(listened_at IS NOT NULL)' }, [])).toBeUndefined();
  });

  it.each([
    ['does not exist', undefined],
    ['is one of other.listens', { isOfRoot: false, table: 'other.listens' }],
    ['is not valid', { isUsable: false }],
    ['is of the kind brin', { method: 'brin' }],
    ['begins with id', { firstColumn: 'id' }],
    ['begins with an expression', { firstColumn: null }],
    ['has only rows for which (id > 5)', { predicate: '(id > 5)', coversRange: false }],
  ])('is one that %s', (fault, changes) => {
    const facts = changes === undefined ? undefined : { ...index, ...changes };
    expect(indexMissing(target, 'by_age', facts, [])).toMatchObject({
      guard: 'index-missing',
      detail: expect.stringContaining(fault),
      evidence: { index: 'by_age', column: 'listened_at' },
    });
  });

  it('is one on a child of some size', () => {
    const devices = { table: 'public.devices', columns: ['listen_id'], isIndexed: false, bytes: 8 * 1024 * 1024 - 1 };
    expect(indexMissing(target, 'by_age', index, [devices])).toBeUndefined();
    expect(indexMissing(target, 'by_age', index, [{ ...devices, bytes: Number.NaN }])).toBeDefined();
    const large = { ...devices, bytes: 8 * 1024 * 1024 };
    expect(indexMissing(target, 'by_age', index, [{ ...large, isIndexed: true }])).toBeUndefined();
    expect(indexMissing(target, 'by_age', index, [large])).toMatchObject({
      guard: 'index-missing',
      evidence: { tables: ['public.devices (listen_id)'] },
    });
  });
});

describe('dependents that are not declared', () => {
  const key: ForeignKeyFacts = {
    name: 'devices_listen_id_fkey',
    referring: 2,
    referringTable: 'public.devices',
    referringColumns: ['listen_id'],
    referred: null,
    referredTable: 'public.listens',
    referredColumns: ['id'],
    onDelete: 'c',
  };
  const facts = (changes: Partial<DependentFacts>): DependentFacts => ({
    foreignKeys: [],
    triggers: [],
    rules: [],
    ...changes,
  });
  const withKey = (changes: Partial<ForeignKeyFacts>) =>
    undeclaredDependents(target, facts({ foreignKeys: [{ ...key, ...changes }] }));

  it('are none where each foreign key is how a child goes with its parent, in whichever order of columns', () => {
    expect(undeclaredDependents(target, facts({}))).toBeUndefined();
    expect(withKey({})).toBeUndefined();
    const notes = { referring: 3, referred: 0, referringColumns: ['b', 'a'], referredColumns: ['y', 'x'] };
    expect(withKey(notes)).toBeUndefined();
    expect(withKey({ ...notes, referredColumns: ['x', 'y'] })).toBeDefined();
  });

  it.each([
    ['c', 'delete its rows unseen'],
    ['n', 'empty its columns unseen'],
    ['d', 'change its rows unseen'],
    ['a', 'fail'],
    ['r', 'fail'],
    ['?', 'unknown'],
  ])('are other tables, whatever ON DELETE does: %s', (onDelete, words) => {
    expect(withKey({ referring: 9, referringTable: 'public.likes', onDelete })).toMatchObject({
      guard: 'undeclared-dependents',
      detail: expect.stringMatching(new RegExp(`public.likes refers to public.listens .*${words}`)),
    });
  });

  it('are declared tables by another way, unless it only refuses and goes first', () => {
    expect(withKey({ referringColumns: ['other_id'] })).toBeDefined();
    expect(withKey({ referringColumns: ['other_id'], onDelete: 'a' })).toBeUndefined();
    expect(withKey({ referred: 1, onDelete: 'a' })).toBeDefined();
    expect(withKey({ referring: 3, referred: null, onDelete: 'r' })).toBeUndefined();
  });

  it('are the table itself', () => {
    expect(withKey({ referring: 1, referringTable: 'public.listens', onDelete: 'a' })).toBeDefined();
    expect(withKey({ referring: 2, referred: 0, onDelete: 'a' })).toBeDefined();
  });

  it('are triggers and rules, each by its name, but those that are accepted', () => {
    const both = facts({ triggers: ['public.listens.audit'], rules: ['public.listens.keep'] });
    expect(undeclaredDependents(target, both)).toMatchObject({
      evidence: {
        dependents: ['the trigger public.listens.audit fires', 'the rule public.listens.keep applies'],
      },
    });
    expect(undeclaredDependents(target, both, ['public.listens.audit'])).toMatchObject({
      evidence: { dependents: ['the rule public.listens.keep applies'] },
    });
    expect(undeclaredDependents(target, both, ['public.listens.audit', 'public.listens.keep'])).toBeUndefined();
  });
});

describe('an approval that is missing', () => {
  const stored = {
    hash: 'a'.repeat(64),
    plan: { plannedBy: 'scheduler' },
    validUntil: new Date('2026-06-15T00:00:00Z'),
  } as StoredPlan;
  const at = '2026-06-01T00:00:00Z';
  const ask = (rule: 'first-run' | 'always' | 'never', changes: Partial<Parameters<typeof approvalMissing>[0]> = {}) =>
    approvalMissing(
      { stored, approval: undefined, hasBegun: false, runBy: 'lambda', replaced: undefined, ...changes },
      { approval: rule },
    );

  it('is one of a first run, or of any, as the policy has it', () => {
    expect(ask('never')).toBeUndefined();
    expect(ask('first-run', { hasBegun: true })).toBeUndefined();
    expect(ask('always', { hasBegun: true })).toBeDefined();
    expect(ask('first-run')).toMatchObject({
      guard: 'approval-missing',
      detail: `The plan ${stored.hash} waits for the approval of somebody else than scheduler and lambda.`,
      evidence: { planHash: stored.hash, plannedBy: 'scheduler', validUntil: '2026-06-15T00:00:00.000Z' },
    });
  });

  it('is not there for somebody else’s, and is for that of who made or runs it', () => {
    expect(ask('first-run', { approval: { by: 'ada', at } })).toBeUndefined();
    expect(ask('first-run', { approval: { by: 'lambda', at } })?.detail).toContain('by lambda, who runs it');
    expect(ask('first-run', { approval: { by: 'scheduler', at } })?.detail).toContain('by scheduler, who made it');
  });

  it('says what became of the plan before', () => {
    expect(ask('always', { replaced: 'There are more now.' })?.detail).toMatch(
      /^There are more now\. The plan a+ waits/,
    );
  });
});
