import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { auditRule, execute, uncheckedReason } from './query-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    'create table statements (id integer primary key, holder text, total numeric)',
    'create table lines (id integer primary key, statement_id bigint, holder text, amount numeric, weight float8)',
    "insert into statements values (1, 'a', 30), (2, 'b', 5), (3, 'c', 0)",
    "insert into lines values (1, 1, 'a', 10, 0.1), (2, 1, 'a', 20, 0.2), (3, 2, 'b', 5, 0.3)",
  );
});

afterAll(() => server.stop());

const sum = {
  kind: 'sum',
  left: { table: 'statements', column: 'total', by: ['id'] },
  right: { table: 'lines', column: 'amount', by: ['statement_id'] },
};
const counts = {
  kind: 'equalCount',
  left: { table: 'statements', by: ['holder'] },
  right: { table: 'lines', by: ['holder'] },
};

test('sums that are equal group by group break nothing, a group that one side lacks being 0', async () => {
  expect(await auditRule(server.url, sum)).toMatchObject({ breaks: 'sum', tested: 3, unit: 'groups by id', count: 0 });
});

test('a group that differs by more than may be breaks the rule, by just so much not', async () => {
  const right = { ...sum.right, where: 'id <> 2' };
  expect(await auditRule(server.url, { ...sum, right, maxDifference: 20 })).toMatchObject({ count: 0 });
  const found = await auditRule(server.url, { ...sum, right, maxDifference: '19.99' });
  expect(found).toMatchObject({ tested: 3, count: 1, samples: ['id=1'], facts: { onlyLeft: 0, onlyRight: 0 } });
  expect(found.what).toBe(
    'have a sum of total in public.statements that is not the sum of amount in public.lines, give or take 19.99',
  );
});

test('groups that one side lacks are told of', async () => {
  const found = await auditRule(server.url, {
    ...sum,
    left: { ...sum.left, where: 'id <> 1' },
    right: { ...sum.right, where: 'id <> 3' },
  });
  expect(found).toMatchObject({ tested: 3, count: 2, samples: ['id=1', 'id=2'], facts: { onlyLeft: 1, onlyRight: 1 } });
});

test('sums are shown where the columns may be, and never those of personal ones', async () => {
  const right = { ...sum.right, where: 'id <> 2' };
  const safe = { statements: { safeColumns: ['total'] }, lines: { safeColumns: ['amount'] } };
  const shown = await auditRule(server.url, { ...sum, right }, { settings: { tables: safe } });
  expect(shown.samples).toEqual(['id=1, left sum=30, right sum=10']);
  expect(shown.facts).toMatchObject({ largestDifference: '20' });
  for (const tables of [
    { statements: safe.statements },
    { ...safe, lines: { ...safe.lines, personalColumns: ['amount'] } },
  ]) {
    const hidden = await auditRule(server.url, { ...sum, right }, { settings: { tables } });
    expect(hidden.samples).toEqual(['id=1']);
    expect(hidden.facts).toEqual({ onlyLeft: 0, onlyRight: 0 });
  }
});

test('numbers of rows are compared group by group', async () => {
  const found = await auditRule(server.url, counts);
  expect(found).toMatchObject({
    breaks: 'equal-count',
    tested: 3,
    count: 2,
    facts: { onlyLeft: 1, largestDifference: '1' },
  });
  expect(found.samples).toEqual(['holder=a, left rows=1, right rows=2', 'holder=c, left rows=1, right rows=0']);
  const right = { ...counts.right, where: 'id <> 1' };
  const left = { ...counts.left, where: 'id <> 3' };
  expect(await auditRule(server.url, { ...counts, left, right })).toMatchObject({ tested: 2, count: 0, samples: [] });
});

test('a personal group is masked, whichever side says that it is', async () => {
  for (const table of ['statements', 'lines']) {
    const settings = { tables: { [table]: { personalColumns: ['holder'] } } };
    const found = await auditRule(server.url, counts, { settings });
    expect(found.samples).toEqual(['holder=***, left rows=1, right rows=2', 'holder=***, left rows=1, right rows=0']);
  }
});

test('null is a group like others, in one column of several too', async () => {
  await execute(
    server.url,
    'create table halves (id integer primary key, a integer, b text)',
    "insert into halves values (1, null, 'x'), (2, null, 'x'), (3, null, null), (4, 1, null)",
  );
  const by = ['a', 'b'];
  const same = { kind: 'equalCount', left: { table: 'halves', by }, right: { table: 'halves', by } };
  expect(await auditRule(server.url, same)).toMatchObject({ tested: 3, count: 0 });
  const found = await auditRule(server.url, { ...same, right: { ...same.right, where: 'id > 1' } });
  expect(found).toMatchObject({ count: 1, samples: ['a=null, b=x, left rows=2, right rows=1'] });
});

test('a sum can be compared with a number, for the groups that there are', async () => {
  const rule = { kind: 'sum', left: { table: 'lines', column: 'amount', by: ['holder'] }, equals: '30.00' };
  const found = await auditRule(server.url, rule);
  expect(found).toMatchObject({ tested: 2, count: 1, samples: ['holder=b'], facts: {} });
  expect(found.what).toBe('have a sum of amount in public.lines that is not 30.00');
  expect(await auditRule(server.url, { ...rule, maxDifference: 25 })).toMatchObject({ count: 0 });
});

test('sums are exact, also where floating point is not', async () => {
  const rule = { kind: 'sum', left: { table: 'lines', column: 'weight', by: ['statement_id'] }, equals: '0.3' };
  expect(await auditRule(server.url, rule)).toMatchObject({ tested: 2, count: 0 });
});

test('what is not a number or infinite is equal to nothing, not to itself either', async () => {
  await execute(
    server.url,
    'create table odd (id integer primary key, v numeric)',
    "insert into odd values (1, 'NaN'), (2, 'Infinity'), (3, '-Infinity'), (4, 4), (5, null)",
  );
  const side = { table: 'odd', column: 'v', by: ['id'] };
  const settings = { tables: { odd: { safeColumns: ['v'] } } };
  const found = await auditRule(
    server.url,
    { kind: 'sum', left: side, right: side, maxDifference: 1000 },
    { settings },
  );
  expect(found).toMatchObject({ tested: 5, count: 3 });
  expect(found.samples[1]).toBe('id=2, left sum=Infinity, right sum=Infinity');
  expect(found.facts).not.toHaveProperty('largestDifference');
  const zero = { kind: 'sum', left: { ...side, where: 'id = 5' }, equals: 0 };
  expect(await auditRule(server.url, zero)).toMatchObject({ tested: 1, count: 0 });
});

test('tables without rows have no groups', async () => {
  const empty = { ...sum, left: { ...sum.left, where: 'false' }, right: { ...sum.right, where: 'false' } };
  expect(await auditRule(server.url, empty)).toMatchObject({ tested: 0, count: 0 });
});

test('what cannot be read leaves this rule unchecked, with the reason', async () => {
  const { url } = server;
  const left = (change: object) => ({ ...sum, left: { ...sum.left, ...change } });
  expect(await uncheckedReason(url, left({ table: 'nothing' }))).toMatchObject({ reason: 'missing-table' });
  expect(await uncheckedReason(url, left({ column: 'mood' }))).toMatchObject({ reason: 'missing-column' });
  expect(await uncheckedReason(url, left({ by: ['holder'] }))).toMatchObject({ reason: 'bad-sql' });
  expect(await uncheckedReason(url, left({ column: 'holder' }))).toMatchObject({ reason: 'bad-sql' });
  expect(await uncheckedReason(url, left({ where: '1 = 1; drop table lines' }))).toMatchObject({ reason: 'bad-sql' });
});
