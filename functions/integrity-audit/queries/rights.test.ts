import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { formatSample } from '../samples.ts';
import { auditRules, execute, uncheckedReason } from './query-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    'create table tracks (id integer primary key, released boolean not null default true)',
    'create table rights (track_id integer, kind text, valid_from date, valid_to date)',
    // What is today is a matter of the time zone.
    `create function today() returns date language sql as $$ select (now() at time zone 'America/New_York')::date $$`,
  );
});

afterAll(() => server.stop());

const rule = {
  kind: 'rights',
  table: 'tracks',
  key: 'id',
  severity: 'high',
  claims: { table: 'rights', itemColumn: 'track_id', validFrom: 'valid_from', validTo: 'valid_to' },
};
const ofKinds = { ...rule, claims: { ...rule.claims, kindColumn: 'kind', kinds: ['master', 'publishing'] } };

/** A claim: days from today, null for one without limit. */
type Claim = readonly [track: number | null, from: number | null, to: number | null, kind?: string | null];

async function fill(tracks: number, ...claims: readonly Claim[]): Promise<void> {
  const day = (days: number | null) => (days === null ? 'null' : `today() + ${days}`);
  const values = claims.map(
    ([track, from, to, kind = 'master']) =>
      `(${track ?? 'null'}, ${kind === null ? 'null' : `'${kind}'`}, ${day(from)}, ${day(to)})`,
  );
  await execute(
    server.url,
    'truncate tracks, rights',
    `insert into tracks select generate_series(1, ${tracks})`,
    ...(values.length === 0 ? [] : [`insert into rights values ${values.join(', ')}`]),
  );
}

/** Returns what was found: how many rows of how many, and which. */
async function found(given: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { outcomes, unchecked } = await auditRules(server.url, [given], { samples: 100 });
  expect(unchecked).toEqual([]);
  return Object.fromEntries(
    outcomes.flatMap((outcome) => {
      if (outcome.kind !== 'violations') return [];
      expect(outcome.samples).toHaveLength(outcome.count);
      return [[outcome.breaks, outcome.samples.map(formatSample).sort().join(' ')]];
    }),
  );
}

test('a claim holds from its first day to the day before its last', async () => {
  await fill(6, [1, 0, 1], [2, -1, 0], [3, 1, 9], [4, null, null], [5, -9, null]);
  expect(await found(rule)).toEqual({ 'rights-missing': 'id=6', 'rights-expired': 'id=2 id=3' });
});

test('all that is right is one outcome, of all rows that were tested', async () => {
  await fill(2, [1, -1, 1], [2, -1, 1]);
  const { outcomes } = await auditRules(server.url, [rule]);
  expect(outcomes).toMatchObject([{ breaks: 'rights-missing', severity: 'high', tested: 2, count: 0, samples: [] }]);
  await fill(0);
  expect((await auditRules(server.url, [rule])).outcomes).toMatchObject([{ tested: 0, count: 0 }]);
});

test('says when the claims have ended, and how many have not begun', async () => {
  await fill(3, [1, -20, -10], [1, -9, -5], [2, -30, -7], [3, 2, null]);
  const { outcomes } = await auditRules(server.url, [rule]);
  const [row] = await execute(server.url, 'select (today() - 5)::text as day');
  expect(outcomes).toMatchObject([
    { breaks: 'rights-expired', count: 3, facts: { latestEnd: row?.day, beginLater: 1 } },
  ]);
});

test('of each kind one has to hold; a kind that never was is worse than one that has ended', async () => {
  await fill(
    5,
    [1, -9, null, 'master'],
    [1, -9, null, 'publishing'],
    [2, -9, null, 'master'],
    [3, -9, null, 'master'],
    [3, -9, 0, 'publishing'],
    [4, -9, 0, 'master'],
    [5, -9, null, 'neighboring'],
  );
  expect(await found(ofKinds)).toEqual({ 'rights-missing': 'id=2 id=4 id=5', 'rights-expired': 'id=3' });
});

test('a claim that ends soon is told of, unless one follows without a day between', async () => {
  const soon = { ...rule, expiringWithinDays: 30 };
  await fill(
    8,
    [1, -9, 30],
    [2, -9, 31],
    [3, -9, 5],
    [3, 5, 40],
    [4, -9, 5],
    [4, 6, null],
    [5, -9, 5],
    [5, -2, 12],
    [5, 3, 29],
    [6, -9, 1],
    [6, 1, 2],
    [6, 2, null],
    [7, -9, 10],
    [7, 8, 4],
    [8, -9, 10],
    [8, -20, -15],
    [8, 4, 50],
  );
  expect(await found(soon)).toEqual({ 'rights-expiring': 'id=1 id=4 id=5 id=7' });
  expect(await found(rule)).toEqual({ 'rights-missing': '' });
});

test('a claim of one kind does not follow that of another', async () => {
  await fill(
    2,
    [1, -9, 5, 'master'],
    [1, -9, null, 'publishing'],
    [2, -9, null, 'master'],
    [2, -9, null, 'publishing'],
  );
  expect(await found({ ...ofKinds, expiringWithinDays: 10 })).toEqual({ 'rights-expiring': 'id=1' });
});

test('what ends soon is a lesser thing than what has ended', async () => {
  await fill(2, [1, -9, 5], [2, -9, 7]);
  for (const [severity, lesser] of [
    ['critical', 'low'],
    ['medium', 'low'],
    ['low', 'informational'],
    ['informational', 'informational'],
  ]) {
    const { outcomes } = await auditRules(server.url, [{ ...rule, severity, expiringWithinDays: 10 }]);
    const [row] = await execute(server.url, 'select (today() + 5)::text as day');
    const facts = { withinDays: 10, firstEnd: row?.day };
    expect(outcomes).toMatchObject([{ breaks: 'rights-expiring', severity: lesser, count: 2, facts }]);
  }
});

test('the end of a claim is not told where it is personal', async () => {
  await fill(2, [1, -9, 5], [2, -9, -1]);
  const rules = [{ ...rule, expiringWithinDays: 10 }];
  const settings = { tables: { rights: { personalColumns: ['valid_to'] } } };
  const { outcomes } = await auditRules(server.url, rules, { settings });
  expect(outcomes.map((outcome) => outcome.kind === 'violations' && outcome.facts)).toEqual([
    { beginLater: 0 },
    { withinDays: 10 },
  ]);
});

test('only rows and claims count for which the conditions hold, and claims to nothing for nothing', async () => {
  await fill(3, [1, -9, null, 'master'], [2, -9, null, 'sample'], [null, -9, null]);
  await execute(server.url, 'update tracks set released = false where id = 3');
  const narrowed = { ...rule, where: 'released', claims: { ...rule.claims, where: "kind <> 'sample'" } };
  expect(await found(narrowed)).toEqual({ 'rights-missing': 'id=2' });
});

test('a claim that ends before it begins never held', async () => {
  await fill(1, [1, 3, -3]);
  expect(await found(rule)).toEqual({ 'rights-expired': 'id=1' });
});

test('times are taken as days in the time zone of the estate', async () => {
  await execute(
    server.url,
    'create table leases (track_id integer, since timestamptz, until timestamptz)',
    'truncate tracks',
    'insert into tracks values (1), (2)',
    // At noon of the first day and of the day behind the last.
    `insert into leases values (1, (today() + time '12:00') at time zone 'America/New_York', 'infinity'),
       (2, '-infinity', (today() + time '12:00') at time zone 'America/New_York')`,
  );
  const claims = { table: 'leases', itemColumn: 'track_id', validFrom: 'since', validTo: 'until' };
  expect(await found({ ...rule, claims })).toEqual({ 'rights-expired': 'id=2' });
});

test('what cannot be read leaves this rule unchecked, with the reason', async () => {
  const claims = (change: object) => ({ ...rule, claims: { ...rule.claims, ...change } });
  expect(await uncheckedReason(server.url, claims({ table: 'nothing' }))).toMatchObject({ reason: 'missing-table' });
  expect(await uncheckedReason(server.url, claims({ validTo: 'ends' }))).toMatchObject({ reason: 'missing-column' });
  expect(await uncheckedReason(server.url, { ...rule, key: 'number' })).toMatchObject({ reason: 'missing-column' });
  expect(await uncheckedReason(server.url, claims({ itemColumn: 'kind' }))).toMatchObject({ reason: 'bad-sql' });
  expect(await uncheckedReason(server.url, claims({ where: "kind = 'a' -- " }))).toMatchObject({ reason: 'bad-sql' });
});

test('finds what looking at every day in JavaScript finds', async () => {
  const days = fc.option(fc.integer({ min: -6, max: 12 }), { freq: 8 });
  const claim = fc.tuple(fc.integer({ min: 1, max: 4 }), days, days, fc.constantFrom('master', 'publishing', null));
  const within = 8;
  const faultOf = (own: readonly Claim[]): string | undefined => {
    const kinds = ['master', 'publishing'].map((kind) => own.filter((entry) => entry[3] === kind));
    const holdsOn = (claims: readonly Claim[], day: number) =>
      claims.some(([, from, to]) => (from ?? -999) <= day && day < (to ?? 999));
    if (kinds.some((claims) => claims.length === 0)) return 'rights-missing';
    if (kinds.some((claims) => !holdsOn(claims, 0))) return 'rights-expired';
    const isEnding = (claims: readonly Claim[]) =>
      Array.from({ length: within }, (_, index) => index + 1).some((day) => !holdsOn(claims, day));
    return kinds.some(isEnding) ? 'rights-expiring' : undefined;
  };
  await fc.assert(
    fc.asyncProperty(fc.array(claim, { maxLength: 24 }), async (claims) => {
      await fill(4, ...claims);
      const expected: Record<string, string[]> = {};
      for (const id of [1, 2, 3, 4]) {
        const fault = faultOf(claims.filter(([track]) => track === id));
        if (fault !== undefined) expected[fault] = [...(expected[fault] ?? []), `id=${id}`];
      }
      const joined = Object.fromEntries(Object.entries(expected).map(([fault, ids]) => [fault, ids.join(' ')]));
      const given = await found({ ...ofKinds, expiringWithinDays: within });
      expect(given).toEqual(Object.keys(joined).length === 0 ? { 'rights-missing': '' } : joined);
    }),
    { numRuns: 50 },
  );
});
