import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { configSchema } from '../config.ts';
import { evaluate } from '../evaluate.ts';
import { execute } from '../queries/query-fixtures.ts';
import { counts, scan, scanOne } from './scan-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    `create table tracks (id integer primary key, title text, status text, isrc char(12), bytes bigint,
       price numeric(6, 2), created_at timestamptz, email text);
     insert into tracks select g, case when g % 40 = 0 then null else 'Track ' || g end,
       (array['draft', 'released', 'released', 'withdrawn'])[g % 4 + 1], 'USNY1' || lpad(g::text, 7, '0'), g * 1000, 0.99,
       timestamptz '2026-03-08 06:00Z' - g * interval '1 hour', 'listener' || g || '@example.com' from generate_series(1, 120) g`,
  );
});

afterAll(() => server.stop());

const noTitle = { kind: 'notNull', table: 'tracks', column: 'title' };

describe('what is said of a broken rule', () => {
  test('is how many rows of how many break it, and the keys of some', async () => {
    const outcome = await scanOne(server.url, { ...noTitle, severity: 'high' });
    expect(outcome).toMatchObject({
      kind: 'violations',
      breaks: 'not-null',
      severity: 'high',
      tested: 120,
      count: 3,
      isAtLeast: false,
      facts: {},
    });
    expect(outcome.samples.toSorted()).toEqual(['id=120', 'id=40', 'id=80']);
    const { findings } = evaluate(
      { outcomes: [{ ...outcome, samples: [] }], physical: [], isNarrowed: false },
      configSchema.parse({}),
      new Date(),
    );
    expect(findings[0]?.summary).toBe('3 of 120 rows of public.tracks have no title.');
  });

  test.each([
    [
      { kind: 'acceptedValues', column: 'status', values: ['draft', 'released'] },
      30,
      /a value in status that is not one of the 2/,
    ],
    [
      { kind: 'range', column: 'bytes', min: 2000, max: 119_000 },
      2,
      /a value in bytes that is below 2000 or above 119000$/,
    ],
    [{ kind: 'range', column: 'bytes', min: 2000, exclusiveMin: true }, 2, /a value in bytes that is not above 2000$/],
    [{ kind: 'length', column: 'title', max: 8 }, 20, /a value in title that is longer than 8 characters$/],
    [
      { kind: 'pattern', column: 'isrc', matches: '^USNY10{6}[0-9]$' },
      111,
      /a value in isrc that does not match the pattern$/,
    ],
  ])('names what is wrong: %j', async (rule, count, what) => {
    const outcome = await scanOne(server.url, { table: 'public.tracks', ...rule });
    expect(outcome).toMatchObject({ count, tested: 120, what: expect.stringMatching(what) });
    expect(outcome.samples).toHaveLength(Math.min(count, 10));
  });

  test('shows no values of rows, but for columns that are safe, and masks what is personal', async () => {
    const settings = { tables: { tracks: { safeColumns: ['status', 'email'], personalColumns: ['email'] } } };
    const shown = await scanOne(server.url, { ...noTitle, where: 'id = 40' }, { settings });
    expect(shown.samples).toEqual(['id=40, status=draft, email=***']);
    const plain = await scanOne(server.url, { ...noTitle, where: 'id = 40' });
    expect(JSON.stringify(plain)).not.toMatch(/example\.com|draft/);
  });

  test('has no samples where none are wanted, there is no key, or the rule holds', async () => {
    expect((await scanOne(server.url, noTitle, { samples: 0 })).samples).toEqual([]);
    expect((await scanOne(server.url, noTitle, { samples: 2 })).samples).toHaveLength(2);
    expect((await scanOne(server.url, { ...noTitle, maxViolations: 3 })).samples).toEqual([]);
    await execute(server.url, 'create table keyless (v text); insert into keyless values (null)');
    expect(await scanOne(server.url, { ...noTitle, table: 'keyless', column: 'v' })).toMatchObject({
      count: 1,
      samples: [],
    });
  });

  test('stands also when the rows cannot be read once more', async () => {
    const broken = await scanOne(server.url, noTitle, {
      onStatement({ text }) {
        if (/limit/.test(text))
          throw Object.assign(new Error('canceling statement'), { code: '57014', severity: 'ERROR' });
      },
    });
    expect(broken).toMatchObject({ count: 3, samples: [], facts: { samplesUnread: 'timeout' } });
  });

  test('is broken only beyond its tolerance', async () => {
    const scanned = await scan(server.url, [
      { ...noTitle, maxViolations: 2 },
      { ...noTitle, maxViolations: 3 },
      { ...noTitle, maxPercent: 2.5 },
      { ...noTitle, maxPercent: 2.4 },
    ]);
    const found = evaluate(
      { outcomes: Object.values(scanned.outcomes), physical: [], isNarrowed: false },
      configSchema.parse({}),
      new Date(),
    );
    expect(found.findings.map(({ resource }) => resource.name)).toEqual(['rule-1', 'rule-4']);
  });
});

describe('one scan', () => {
  test('reads sixty rules', async () => {
    const rules = Array.from(
      { length: 60 },
      (_, index) =>
        [
          { ...noTitle, where: `id > ${index}` },
          { kind: 'range', table: 'tracks', column: 'id', max: index },
          { kind: 'pattern', table: 'tracks', column: 'title', matches: '^Track [0-9]+$' },
        ][index % 3] as Record<string, unknown>,
    );
    const scanned = await scan(server.url, rules, { samples: 0 });
    expect(scanned.statements).toHaveLength(1);
    expect(scanned.checked).toBe(60);
    expect(counts(scanned)).toMatchObject({
      'rule-1': [3, 120],
      'rule-2': [119, 120],
      'rule-3': [0, 120],
      'rule-58': [2, 63],
      'rule-59': [62, 120],
    });
  });

  test('is all that a clean table is read by, as the server counts', async () => {
    await execute(server.url, 'create table clean as select g as id, g as n from generate_series(1, 100) g');
    const rule = { table: 'clean', column: 'n' };
    await scan(server.url, [
      { kind: 'notNull', ...rule },
      { kind: 'range', min: 1, ...rule },
      { kind: 'length', max: 3, ...rule },
      { kind: 'distribution', statistic: 'mean', ...rule },
      { kind: 'volume', table: 'clean' },
      { kind: 'equalCount', left: { table: 'clean' }, right: { table: 'tracks' } },
      { kind: 'sum', left: rule, right: { table: 'tracks', column: 'id' } },
    ]);
    await expect
      .poll(() =>
        execute(server.url, "select seq_scan::int, idx_scan from pg_stat_user_tables where relname = 'clean'"),
      )
      .toEqual([{ seq_scan: 1, idx_scan: null }]);
  });

  test('is not more than PostgreSQL keeps compiled patterns for', async () => {
    const rules = Array.from({ length: 60 }, (_, index) => ({
      kind: 'pattern',
      table: 'tracks',
      column: 'title',
      matches: `^Track (${index}|[0-9]+)$`,
    }));
    const scanned = await scan(server.url, rules);
    expect(scanned.statements).toHaveLength(3);
    expect(Object.values(counts(scanned))).toEqual(Array(60).fill([0, 120]));
  });

  test('takes in partitions, views and what their names make hard', async () => {
    await execute(
      server.url,
      `create schema "odd""; drop schema public; --";
       create table "odd""; drop schema public; --"."a.b'c $1 \\" ("select" integer primary key, "x""y" text, "$1" text)
         partition by range ("select");
       create table p1 partition of "odd""; drop schema public; --"."a.b'c $1 \\" for values from (0) to (10);
       create table p2 partition of "odd""; drop schema public; --"."a.b'c $1 \\" for values from (10) to (20);
       insert into p1 values (1, null, 'a'); insert into p2 values (11, null, null), (12, 'x', 'y');
       create view seen as select * from p2`,
    );
    const table = 'odd"; drop schema public; --.a.b\'c $1 \\';
    const scanned = await scan(server.url, [
      { kind: 'notNull', table, column: 'x"y' },
      { kind: 'acceptedValues', table, column: '$1', values: ["a'; --"] },
      { kind: 'notNull', table: 'seen', column: 'x"y', where: '"select" > 11' },
      { kind: 'notNull', table: 'seen', column: 'x"y' },
    ]);
    expect(scanned.unchecked).toEqual({});
    expect(counts(scanned)).toEqual({ 'rule-1': [2, 3], 'rule-2': [2, 3], 'rule-3': [0, 1], 'rule-4': [1, 2] });
    expect(scanned.outcomes['rule-1']).toMatchObject({ samples: [{ select: '1' }, { select: '11' }] });
  });
});

describe('a rule that cannot be read', () => {
  const good = { ...noTitle, id: 'good' };

  test.each([
    ['of a table that is not there', { ...noTitle, table: 'nowhere' }, 'missing-table'],
    ['of a column that is not there', { ...noTitle, column: 'nothing' }, 'missing-column'],
    ['with SQL that is none', { ...noTitle, where: 'id = = 1' }, 'bad-sql'],
    ['with a condition that is no condition', { ...noTitle, where: 'id' }, 'bad-sql'],
    ['with a condition on a column that is not there', { ...noTitle, where: 'nothing = 1' }, 'missing-column'],
    [
      'with a condition on a table that is not there',
      { ...noTitle, where: 'id in (select id from x)' },
      'missing-table',
    ],
    ['with a function that is not there', { ...noTitle, where: 'nothing(id)' }, 'missing-function'],
    ['with a condition that compares text with a number', { ...noTitle, where: 'status = 1' }, 'bad-sql'],
    ['with a bound of another type', { kind: 'range', table: 'tracks', column: 'created_at', min: 'soon' }, 'bad-sql'],
    ['with a pattern that is none', { kind: 'pattern', table: 'tracks', column: 'title', matches: '(' }, 'bad-sql'],
    ['that divides by zero', { ...noTitle, where: '1 / (id - 7) > 0' }, 'bad-sql'],
    ['that takes text for a number', { ...noTitle, where: 'status::integer > 0' }, 'bad-sql'],
    ['that writes', { ...noTitle, where: "nextval('numbers') > 0" }, 'write-refused'],
    ['that ends its parenthesis', { ...noTitle, where: 'true) or (true' }, 'bad-sql'],
    ['that ends the statement', { ...noTitle, where: 'true; drop table tracks' }, 'bad-sql'],
    ['that is cut off by a comment', { ...noTitle, where: 'true -- ' }, 'bad-sql'],
    ['that names a value of ours', { ...noTitle, where: '$1 = $1' }, 'bad-sql'],
    ['that counts', { ...noTitle, where: 'count(*) > 0' }, 'bad-sql'],
    ['that counts from within', { ...noTitle, where: '(select count(tracks.id)) > 0' }, 'bad-sql'],
    ['that looks at other rows', { ...noTitle, where: 'row_number() over () > 1' }, 'bad-sql'],
    ['that makes rows', { ...noTitle, where: 'generate_series(1, 2) > 1' }, 'not-supported'],
    ['whose subquery has too many rows', { ...noTitle, where: 'id = (select id from tracks)' }, 'bad-sql'],
    [
      'on the age of what has none',
      { kind: 'freshness', table: 'tracks', column: 'id', maximumAgeMinutes: 1 },
      'wrong-type',
    ],
    [
      'on the mean of texts',
      { kind: 'distribution', table: 'tracks', column: 'title', statistic: 'mean' },
      'wrong-type',
    ],
    ['on the sum of texts', { kind: 'sum', left: { table: 'tracks', column: 'title' }, equals: 1 }, 'wrong-type'],
  ])('%s is alone in that', async (_, rule, reason) => {
    await execute(server.url, 'create sequence if not exists numbers');
    const bad = { ...rule, id: 'bad' };
    const others = [good, { ...noTitle, id: 'also', where: 'id > 40' }];
    const scanned = await scan(server.url, [others[0], bad, others[1]] as Record<string, unknown>[]);
    expect(scanned.unchecked).toEqual({ bad: reason });
    expect(counts(scanned)).toEqual({ good: [3, 120], also: [2, 80] });
    expect(scanned.checked).toBe(2);
  });

  test('does not tell what is in a row', async () => {
    const scanned = await scan(server.url, [{ ...noTitle, where: 'email::integer > 0' }]);
    expect(scanned.unchecked).toEqual({ 'rule-1': 'bad-sql' });
    expect(JSON.stringify(scanned)).not.toContain('example.com');
  });

  test('for lack of a right is alone in that', async () => {
    await execute(
      server.url,
      "create role reader login password 'reader'; grant select (id, title) on tracks to reader; create table locked (v text)",
    );
    const url = server.url.replace(/postgres:[^@]+@/, 'reader:reader@');
    const scanned = await scan(url, [
      good,
      { ...noTitle, column: 'email' },
      { ...noTitle, table: 'locked', column: 'v' },
      { ...noTitle, where: 'status is null' },
      { ...noTitle, where: 'exists (select from locked)' },
    ]);
    const denied = 'access-denied';
    expect(scanned.unchecked).toEqual({ 'rule-2': denied, 'rule-3': denied, 'rule-4': denied, 'rule-5': denied });
    expect(counts(scanned)).toEqual({ good: [3, 120] });
  });

  test('because it takes too long is alone in that', async () => {
    await execute(
      server.url,
      `create or replace function slow(integer) returns boolean immutable parallel safe language plpgsql as
         'begin perform pg_sleep(0.05); return true; end'`,
    );
    const others = Array.from({ length: 4 }, (_, index) => ({ ...noTitle, id: `w${index}`, where: `id > ${index}` }));
    const rules = [good, { ...noTitle, id: 'slow', where: 'slow(id)' }, ...others];
    const scanned = await scan(server.url, rules, { statementTimeoutSeconds: 0.4, samples: 0 });
    expect(scanned.unchecked).toEqual({ slow: 'timeout' });
    expect(Object.keys(scanned.outcomes)).toHaveLength(5);
  });

  test('because it takes too long is looked for where the server expects it to', async () => {
    const others = Array.from({ length: 30 }, (_, index) => ({ ...noTitle, id: `w${index}`, where: `id > ${index}` }));
    const slow = {
      ...noTitle,
      id: 'slow',
      where: 'exists (select from tracks o, tracks p where o.id > p.id + tracks.id)',
    };
    const scanned = await scan(server.url, [...others.slice(0, 20), slow, ...others.slice(20)], {
      samples: 0,
      onStatement({ text }) {
        const isSlow = /^select \(count/.test(text) && text.includes('exists');
        if (isSlow) throw Object.assign(new Error('canceling statement'), { code: '57014', severity: 'ERROR' });
      },
    });
    expect(scanned.unchecked).toEqual({ slow: 'timeout' });
    // All of them, all others, and the one.
    expect(scanned.statements).toHaveLength(3);
  });

  test.each([
    ['cannot be locked', '55P03', /^(select \(count|explain select from)/, 'lock-timeout', 1],
    ['takes too long without any rule', '57014', /^select /, 'timeout', 1],
    ['is damaged', 'XX001', /^select /, 'data-corrupted', 1],
  ])('because its table %s is not sought by reading that again and again', async (_, code, failing, reason, most) => {
    const asked: string[] = [];
    const rules = Array.from({ length: 40 }, (_, index) => ({ ...noTitle, where: `id > ${index}` }));
    const scanned = await scan(server.url, rules, {
      onStatement({ text }) {
        if (/pg_proc/.test(text)) return;
        asked.push(text);
        if (failing.test(text)) throw Object.assign(new Error('as it is'), { code, severity: 'ERROR' });
      },
    });
    expect(new Set(Object.values(scanned.unchecked))).toEqual(new Set([reason]));
    expect(Object.keys(scanned.unchecked)).toHaveLength(40);
    expect(scanned.statements).toHaveLength(most);
    expect(asked.filter((text) => text.startsWith('select'))).toHaveLength(reason === 'lock-timeout' ? 1 : 2);
  });

  test('says that it may be another, where that was not found out', async () => {
    const bad = Array.from({ length: 60 }, (_, index) => ({
      ...noTitle,
      id: `bad-${index}`,
      where: `1 / (id - ${index + 1}) > 0`,
    }));
    const { details } = await scan(server.url, bad, { samples: 0 });
    expect(details['bad-59']).toMatch(/^This rule, or another that is read together with it, fails: SQLSTATE 22012/);
  });

  test('takes nothing from other tables, whatever is lost with it', async () => {
    const other = { kind: 'volume', id: 'other', table: 'other_table' };
    await execute(server.url, 'create table other_table as select 1 as id');
    const scanned = await scan(server.url, [{ ...noTitle, where: 'id > 0' }, good, other], {
      onStatement({ text }) {
        if (/pg_proc/.test(text)) throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      },
    });
    expect(scanned.unchecked).toEqual({ 'rule-1': 'unreachable' });
    expect(scanned.outcomes.other).toMatchObject({ point: { value: 1 } });
    expect(counts(scanned)).toEqual({ good: [3, 120] });
  });

  test('keeps a table from being read only so often', async () => {
    const bad = Array.from({ length: 60 }, (_, index) => ({
      ...noTitle,
      id: `bad-${index}`,
      where: `1 / (id - ${index + 1}) > 0`,
    }));
    const scanned = await scan(server.url, [good, ...bad], { samples: 0 });
    expect(Object.values(scanned.unchecked)).toEqual(Array(60).fill('bad-sql'));
    expect(counts(scanned)).toEqual({ good: [3, 120] });
    expect(scanned.statements.length).toBeLessThanOrEqual(26);
  });

  test('for the loss of the connection is not sought among the others', async () => {
    const scanned = await scan(server.url, [good, noTitle, { ...noTitle, where: 'true' }], {
      onStatement({ text }) {
        if (/^select \(count/.test(text)) throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      },
    });
    expect(scanned.statements).toHaveLength(1);
    expect(Object.values(scanned.unchecked)).toEqual(Array(3).fill('unreachable'));
  });

  test('through a fault of ours breaks the audit', async () => {
    const broken = scan(server.url, [good], {
      onStatement({ text }) {
        if (/^select \(count/.test(text)) throw new TypeError('a fault');
      },
    });
    await expect(broken).rejects.toThrow('a fault');
  });
});

test('rules see one moment, also those that are read once more because of others', async () => {
  await execute(
    server.url,
    'create table busy (id integer primary key, v text)',
    "insert into busy select g, 'x' from generate_series(1, 50) g",
  );
  const writer = new pg.Client(server.url);
  await writer.connect();
  let writes = 0;
  let written: Promise<unknown> = Promise.resolve();
  const write = 'insert into busy select max(id) + 1 from busy; delete from busy where id = (select min(id) from busy)';
  const rule = { kind: 'notNull', table: 'busy', column: 'v' };
  const wheres = ['true', 'id > 0', '1 / (id - 7) > 0', '1 / (id - 9) > 0', 'random() < 2', "v = 'x' or v is null"];
  const scanned = await scan(
    server.url,
    wheres.map((where) => ({ ...rule, where })),
    {
      onStatement() {
        writes += 1;
        written = written.then(() => writer.query(write));
      },
    },
  );
  await written;
  await writer.end();
  expect(writes).toBeGreaterThan(8);
  expect(scanned.unchecked).toEqual({ 'rule-3': 'bad-sql', 'rule-4': 'bad-sql' });
  expect(new Set(Object.values(counts(scanned)).map(String))).toEqual(new Set(['0,50']));
});

describe('a hostile condition', () => {
  test.each([
    'true or true',
    "set_config('timezone', 'UTC', false) is not null",
    "set_config('DateStyle', 'German', false) is not null",
    'random() < 2',
    `"set_config"('statement_timeout', '0', false) is not null`,
    `U&"\\0073et_config"('DateStyle', 'German', false) is not null`,
    "(select set_config('datestyle', 'German', true)) is not null",
    "query_to_xml('select set_config(''DateStyle'', ''German'', false)', true, true, '') is not null",
    'pg_sleep(0) is null or exists (select from generate_series(1, 10) g where g = tracks.id) or id > 0',
    'pg_advisory_lock(1) is null or true',
  ])('changes nothing for others: %s', async (where) => {
    const date = { kind: 'acceptedValues', table: 'tracks', column: 'created_at', values: ['2026-03-08 01:00:00-05'] };
    const others = [
      { ...date, id: 'first' },
      { ...date, id: 'last', where: 'id <= 100' },
      { kind: 'freshness', id: 'fresh', table: 'tracks', column: 'created_at', maximumAgeMinutes: 1 },
    ];
    const expected = await scan(server.url, others, { samples: 0 });
    const hostile = (id: string) => ({ ...noTitle, id, where });
    const rules = [hostile('h1'), ...others.flatMap((other, index) => [other, hostile(`h${index + 2}`)])];
    const scanned = await scan(server.url, rules, { samples: 0 });
    expect(scanned.unchecked).toEqual({});
    for (const { id } of others) expect(scanned.outcomes[id]).toEqual(expected.outcomes[id]);
    expect(counts(scanned)).toMatchObject({ first: [120, 120], last: [100, 100], h2: [3, 120] });
  });

  test('that may do more than look is read apart from the others', async () => {
    const rules = [noTitle, { ...noTitle, where: 'random() < 2' }, { ...noTitle, where: "lower(status) = 'draft'" }];
    const scanned = await scan(server.url, rules);
    expect(scanned.statements).toHaveLength(2);
    expect(scanned.statements.filter((text) => text.includes('random'))).toHaveLength(1);
    expect(scanned.statements.filter((text) => text.includes('lower'))).toHaveLength(1);
  });
});

describe('tables as a whole', () => {
  beforeAll(() =>
    execute(
      server.url,
      `create table ledger (id integer, amount numeric, approximate double precision, note text);
       insert into ledger values (1, 0.1, 0.1, 'a'), (2, 0.2, 0.2, 'b'), (3, 90071992547409930.01, 0.3, 'a');
       create table payments (id integer, cents bigint); insert into payments values (1, 10), (2, 20)`,
    ),
  );

  test('are equal in their numbers of rows, or not', async () => {
    const ledger = { table: 'ledger' };
    const scanned = await scan(server.url, [
      { kind: 'equalCount', left: ledger, right: { table: 'payments' } },
      { kind: 'equalCount', left: { table: 'payments' }, right: ledger },
      { kind: 'equalCount', left: { ...ledger, where: "note = 'a'" }, right: { table: 'payments' } },
      { kind: 'equalCount', left: ledger, right: { ...ledger, where: 'id > 1' }, maxViolations: 1 },
    ]);
    expect(counts(scanned)).toEqual({ 'rule-1': [1, 3], 'rule-2': [1, 3], 'rule-3': [0, 2], 'rule-4': [1, 3] });
    const summary = 'public.ledger has 3 rows, public.payments 2 rows.';
    expect(scanned.outcomes['rule-1']).toMatchObject({ summary, facts: { leftRows: 3, rightRows: 2 } });
    expect(scanned.outcomes['rule-2']).toMatchObject({ summary, facts: { leftRows: 2, rightRows: 3 } });
  });

  test('are equal in their sums, exactly, or not', async () => {
    const amount = { table: 'ledger', column: 'amount' };
    const cents = { table: 'payments', column: 'cents' };
    const small = { ...amount, where: 'id < 3' };
    const scanned = await scan(server.url, [
      { kind: 'sum', left: amount, equals: '90071992547409930.31' },
      { kind: 'sum', left: amount, equals: '90071992547409930.32' },
      { kind: 'sum', left: amount, equals: '90071992547409930.32', maxDifference: '0.01' },
      { kind: 'sum', left: small, equals: 0.3 },
      { kind: 'sum', left: { ...small, column: 'approximate' }, equals: 0.3 },
      { kind: 'sum', left: cents, equals: 30 },
      { kind: 'sum', left: small, right: cents },
      { kind: 'sum', left: { ...small, where: 'false' }, equals: 0 },
    ]);
    expect(scanned.unchecked).toEqual({});
    const broken = Object.values(counts(scanned)).map(([count]) => count);
    expect(broken).toEqual([0, 1, 0, 0, 0, 0, 1, 0]);
    expect(scanned.outcomes['rule-2']).toMatchObject({
      tested: 1,
      facts: { left: '90071992547409930.31', right: '90071992547409930.32', difference: '-0.01', maxDifference: '0' },
    });
  });

  test('have sums that are not a number, which are equal to nothing', async () => {
    await execute(server.url, "create table odd_sums as select 'NaN'::numeric as n, 'Infinity'::numeric as i");
    const side = (column: string) => ({ table: 'odd_sums', column });
    const scanned = await scan(server.url, [
      { kind: 'sum', left: side('n'), right: side('n') },
      { kind: 'sum', left: side('i'), right: side('i'), maxDifference: 1000 },
    ]);
    expect(counts(scanned)).toEqual({ 'rule-1': [1, 1], 'rule-2': [1, 1] });
  });

  test('show no sum of a personal column', async () => {
    const settings = { tables: { ledger: { key: ['id'], personalColumns: ['amount'], safeColumns: ['amount'] } } };
    const rule = { kind: 'sum', left: { table: 'ledger', column: 'amount', where: 'id = 2' }, equals: 1 };
    expect((await scanOne(server.url, rule, { settings })).facts).toEqual({ maxDifference: '0' });
  });
});

describe('freshness', () => {
  beforeAll(() =>
    execute(
      server.url,
      `create table events (at timestamptz, plain timestamp, day date, never timestamptz, ends timestamptz, far timestamptz);
       insert into events values ('2026-03-07 12:00Z', '2026-03-07 12:00', '2026-03-07', null, 'infinity', '290000-01-01'),
         ('2026-03-08 06:00:00.125Z', '2026-03-08 01:30', '2026-03-08', null, '2026-01-01 00:00Z', null)`,
    ),
  );

  test.each([
    ['at', '2026-03-08T06:00:00.125Z'],
    // Without a time zone it is the estate's.
    ['plain', '2026-03-08T06:30:00.000Z'],
    // A day begins at midnight there.
    ['day', '2026-03-08T05:00:00.000Z'],
    ['never', undefined],
    ['ends', '2026-01-01T00:00:00.000Z'],
    ['far', '+275760-09-13T00:00:00.000Z'],
  ])('is that of the newest %s', async (column, newest) => {
    const rule = { kind: 'freshness', table: 'events', column, maximumAgeMinutes: 60 };
    const { outcomes } = await scan(server.url, [rule]);
    const outcome = outcomes['rule-1'];
    expect(outcome?.kind === 'freshness' && outcome.newestAt?.toISOString()).toBe(newest);
  });

  test('is that of rows for which the condition holds', async () => {
    const rule = {
      kind: 'freshness',
      table: 'events',
      column: 'at',
      maximumAgeMinutes: 60,
      where: "day < '2026-03-08'",
    };
    const { outcomes } = await scan(server.url, [rule]);
    expect(outcomes['rule-1']).toMatchObject({ newestAt: new Date('2026-03-07T12:00:00Z') });
  });
});

describe('what is measured', () => {
  const now = new Date('2026-03-08T06:00:00Z');
  const volume = { kind: 'volume', table: 'tracks' };
  const nulls = { kind: 'distribution', table: 'tracks', column: 'title', statistic: 'null-rate' };
  const mean = { kind: 'distribution', table: 'tracks', column: 'bytes', statistic: 'mean' };

  test.each([
    ['all rows', volume, 120],
    ['the rows of a day', { ...volume, column: 'created_at' }, 23],
    ['the rows of three hours', { ...volume, column: 'created_at', windowHours: 3 }, 2],
    ['the rows for which a condition holds', { ...volume, where: "status = 'draft'" }, 30],
    ['both', { ...volume, where: "status = 'draft'", column: 'created_at' }, 5],
    ['no rows', { ...volume, where: 'false' }, 0],
    ['the share of nulls', nulls, 3 / 120],
    ['the share of nulls among some', { ...nulls, where: 'id % 40 = 0' }, 1],
    ['a mean', mean, 60_500],
    ['a mean of some', { ...mean, where: 'id <= 2' }, 1500],
    ['a mean of decimals', { ...mean, column: 'price' }, 0.99],
  ])('is %s', async (_, rule, value) => {
    const { outcomes, unchecked } = await scan(server.url, [rule], { now });
    expect(unchecked).toEqual({});
    expect(outcomes['rule-1']).toMatchObject({ kind: 'measurement', point: { value }, history: [] });
  });

  test('is nothing that would show what is in a personal column, and no other is lost with it', async () => {
    const settings = { tables: { tracks: { personalColumns: ['bytes', 'created_at'] } } };
    const fresh = { kind: 'freshness', table: 'tracks', column: 'created_at', maximumAgeMinutes: 60 };
    const rules = [mean, fresh, { ...nulls, column: 'bytes' }, { ...volume, column: 'created_at' }, noTitle];
    const scanned = await scan(server.url, rules, { now, settings });
    expect(scanned.unchecked).toEqual({
      'rule-1': 'personal-column',
      'rule-2': 'personal-column',
    });
    expect(Object.keys(scanned.outcomes)).toEqual(['rule-3', 'rule-4', 'rule-5']);
    expect(scanned.details['rule-1']).toBe(
      'bytes of public.tracks is personal, and what the rule measures would show a value of it.',
    );
  });

  test('is nothing where there are no rows', async () => {
    const scanned = await scan(server.url, [
      { ...nulls, where: 'false' },
      { ...mean, where: 'false' },
    ]);
    expect(Object.values(scanned.unchecked)).toEqual(['nothing-to-measure', 'nothing-to-measure']);
  });

  test('is nothing where it is no number', async () => {
    await execute(server.url, "create table unbounded as select 'Infinity'::float8 as v");
    const { unchecked } = await scan(server.url, [{ ...mean, table: 'unbounded', column: 'v' }]);
    expect(unchecked).toEqual({ 'rule-1': 'not-a-number' });
  });
});

test('writers go on while a table is scanned', async () => {
  const client = new pg.Client(server.url);
  await client.connect();
  try {
    await client.query('begin; update tracks set title = title where id = 1');
    const { unchecked } = await scan(server.url, [noTitle]);
    expect(unchecked).toEqual({});
  } finally {
    await client.end();
  }
});
