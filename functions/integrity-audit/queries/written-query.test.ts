import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { configSchema } from '../config.ts';
import { evaluateViolations } from '../evaluate-violations.ts';
import { outcomeTable } from '../outcome-table.ts';
import { isBroken } from '../tolerance.ts';
import { type AuditSettings, auditRule, auditRules, execute, uncheckedReason } from './query-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    'create table people (id integer primary key, email text, born integer)',
    "insert into people select i, 'p' || i || '@nycmg.example', 1950 + i from generate_series(1, 20) as i",
    'create sequence tickets',
    'create extension dblink',
  );
});

afterAll(() => server.stop());

const sql = (query: string, key: readonly string[] = ['id']) => ({ kind: 'sql', query, key });

test('each row that the query returns is a violation; its key is shown, and nothing else of it', async () => {
  const found = await auditRule(server.url, sql('select id, email from people where born > 1968'));
  expect(found).toMatchObject({ breaks: 'sql', tested: undefined, count: 2, isAtLeast: false });
  expect(found.samples).toEqual(['id=19', 'id=20']);
});

test('a query that returns nothing finds nothing', async () => {
  expect(await auditRule(server.url, sql('select id from people where false'))).toMatchObject({
    count: 0,
    samples: [],
  });
});

test('the finding says how many there are, not of how many', async () => {
  const { outcomes } = await auditRules(server.url, [sql('select id from people where born > 1968')]);
  const [outcome] = outcomes;
  if (outcome?.kind !== 'violations') throw new Error('not read');
  const [finding] = evaluateViolations(outcome).findings;
  expect(finding?.summary).toBe('The query returns 2 rows; it is to return none.');
  expect(finding?.evidence).toEqual({ violations: 2, samples: ['id=19', 'id=20'] });
  expect(outcomeTable(outcomes).rows).toEqual([
    { rule: 'rule-1', kind: 'sql', tested: null, violations: 2, value: null },
  ]);
});

test('so many can be tolerated, but no share of what nobody has counted', async () => {
  const query = 'select id from people where born > 1968';
  expect(await auditRule(server.url, { ...sql(query), maxViolations: 2 })).toMatchObject({ count: 2, samples: [] });
  expect((await auditRule(server.url, { ...sql(query), maxViolations: 1 })).samples).toHaveLength(2);
  const rule = { id: 'share', ...sql(query), maxPercent: 5 };
  expect(configSchema.safeParse({ rules: [rule] }).error?.issues).toMatchObject([
    { code: 'unrecognized_keys', keys: ['maxPercent'], path: ['rules', 0] },
  ]);
});

test('a key is masked that is personal in any table', async () => {
  const settings = { tables: { 'crm.contacts': { personalColumns: ['email'] } } };
  const found = await auditRule(server.url, sql('select id, email from people where id = 7', ['id', 'email']), {
    settings,
  });
  expect(found.samples).toEqual(['id=7, email=***']);
});

test('a query with its own WITH, UNION, ORDER BY and LIMIT is one SELECT, and quotes hold what they like', async () => {
  for (const query of [
    'with young as (select id from people where born > 1968) select id from young union all select id from young',
    'select id from people order by id limit 4',
    `select id, ';' as "; drop table people; --", $$);--$$ as b, E'\\';--' as c from people where id < 5`,
  ]) {
    expect(await auditRule(server.url, sql(query))).toMatchObject({ count: 4 });
  }
});

test('a key is the name of a column, whatever is in it', async () => {
  const key = [`a"; drop table people; --`, 'ünï côdé', 'count'];
  const list = [`'x' as "a""; drop table people; --"`, '2 as "ünï côdé"', '3 as count'];
  const found = await auditRule(server.url, sql(`select ${list.join(', ')}`, key));
  expect(found.samples).toEqual([`a"; drop table people; --=x, ünï côdé=2, count=3`]);
});

test('a key that the query lacks leaves it unchecked, also when it returns nothing', async () => {
  expect(await uncheckedReason(server.url, sql('select email from people where false'))).toMatchObject({
    reason: 'missing-column',
  });
});

test('a key is never a whole row, nor what a function makes of one', async () => {
  for (const key of [
    'violations',
    'violations_',
    'found',
    'v',
    'some',
    'people',
    'row_to_json',
    'to_json',
    'text',
    'count',
  ]) {
    expect(await uncheckedReason(server.url, sql('select id, email from people', [key]))).toMatchObject({
      reason: 'missing-column',
    });
  }
  const found = await auditRule(
    server.url,
    sql('select 1 as violations, 2 as "violations_"', ['violations', 'violations_']),
  );
  expect(found.samples).toEqual(['violations=1, violations_=2']);
});

describe('a hostile query', () => {
  let before: unknown;

  beforeEach(async () => {
    before = await state();
  });

  /** What a query could have changed. */
  async function state(): Promise<unknown> {
    return execute(
      server.url,
      `select (select jsonb_agg(p order by id) from people p) as people, (select last_value from tickets) as tickets,
         (select count(*)::int from pg_largeobject_metadata) as objects,
         (select count(*)::int from pg_class) as relations,
         (select count(*)::int from pg_locks where locktype = 'advisory') as locks,
         (select count(*)::int from pg_stat_activity where application_name = 'caretaker') as sessions`,
    );
  }

  /** Reads it between two honest rules, and returns why it could not be read, or what it found. */
  async function readHostile(rule: Record<string, unknown>, settings: AuditSettings = {}): Promise<unknown> {
    const honest = sql(
      `select id, current_setting('statement_timeout') as timeout,
         current_setting('transaction_read_only') as read_only,
         current_user as person, current_setting('search_path') as path from people where id = 1`,
      ['timeout', 'read_only', 'person', 'path'],
    );
    const { outcomes, unchecked } = await auditRules(server.url, [honest, rule, honest], settings);
    const shown = outcomes.map((outcome) => [
      outcome.rule.id,
      outcome.kind === 'violations' ? outcome.samples : undefined,
    ]);
    const [first, last] = [shown[0], shown.at(-1)];
    expect([first?.[0], last?.[0]]).toEqual(['rule-1', 'rule-3']);
    // The one behind it finds everything as the one before it did.
    expect(last?.[1]).toEqual(first?.[1]);
    expect(unchecked.length + shown.length).toBe(3);
    expect(await state()).toEqual(before);
    const [reason] = unchecked;
    if (reason !== undefined) return reason.reason;
    const [, middle] = outcomes;
    return middle?.kind === 'violations' ? { count: middle.count, isAtLeast: middle.isAtLeast } : undefined;
  }

  test.each([
    ['deletes in a WITH clause', 'with gone as (delete from people returning id) select id from gone'],
    ['inserts in a WITH clause', "with new as (insert into people values (99, '', 1) returning id) select id from new"],
    ['updates in a WITH clause', 'with old as (update people set born = 0 returning id) select id from old'],
    ['locks rows', 'select id from people for update'],
    ['shares rows', 'select id from people for key share'],
    ['draws from a sequence', "select nextval('tickets') as id"],
    ['sets a sequence', "select setval('tickets', 1000) as id"],
    ['makes a large object', 'select lo_create(0) as id'],
    ['makes a table', 'create temp table id as select 1 as id'],
    ['selects into a table', 'select 1 as id into temp loot'],
    ['copies', "copy people to program 'id'"],
    ['runs a block', 'do $$ begin delete from people; end $$'],
    ['explains', 'explain analyze delete from people'],
    ['calls', 'call something()'],
    ['sets', 'set role none'],
    ['begins', 'begin'],
    ['ends the transaction', 'commit'],
    ['truncates', 'truncate people'],
    ['is two statements', 'select 1 as id; drop table people'],
    ['ends in a semicolon', 'select 1 as id;'],
    ['leaves its parentheses', 'select 1 as id) as v; drop table people; select (1'],
    ['closes what it did not open', 'select id from people where (id = 1))'],
    ['does not close what it opens', 'select id from people where (id = 1'],
    ['holds a comment', 'select id from people -- where false'],
    ['holds half a comment', 'select id from people /* where false'],
    ['does not close a quote', "select 'id"],
    ['holds a parameter', 'select $1 as id'],
    ['is no SQL', 'select every one of them'],
    ['is nothing', '   '],
    ['makes the transaction write', "select set_config('transaction_read_only', 'off', false) as id"],
    [
      'makes it write, and then writes',
      "select set_config('transaction_read_only', 'off', true) || nextval('tickets') as id",
    ],
    [
      'writes over a connection of its own',
      "select dblink_exec('dbname=postgres user=nobody', 'delete from people')::text as id",
    ],
    ['casts what cannot be cast', 'select email::integer as id from people'],
  ])('that %s is refused', async (_, query) => {
    const reason = await readHostile(sql(query));
    expect(['bad-sql', 'write-refused', 'not-supported', 'unreachable']).toContain(reason);
  });

  test('that lifts the timeout, changes the role or the path has no hold on the next one', async () => {
    await execute(server.url, 'create role somebody');
    const set = (name: string, value: string) => `set_config('${name}', '${value}', false)`;
    const settings = [
      set('statement_timeout', '0'),
      set('role', 'somebody'),
      set('search_path', 'pg_temp'),
      set('default_transaction_read_only', 'off'),
      set('lock_timeout', '0'),
    ];
    const query = `select ${settings.join(' || ')} as id from people where id <= 3`;
    expect(await readHostile(sql(query))).toEqual({ count: 3, isAtLeast: false });
  });

  test('that lifts the timeout and sleeps is ended nonetheless', async () => {
    const query = "select set_config('statement_timeout', '0', false) as id, pg_sleep(600) as slept";
    const kept = `${query} from people where pg_sleep(600) is not null`;
    expect(await readHostile(sql(kept), { statementTimeoutSeconds: 0.5 })).toBe('timeout');
  });

  test('that sleeps for ever is ended', async () => {
    const query = 'select id from people where pg_sleep(600) is not null';
    expect(await readHostile(sql(query), { statementTimeoutSeconds: 0.5 })).toBe('timeout');
  });

  test('that takes a lock for the session holds it no longer than itself', async () => {
    const query = 'select id from people where pg_advisory_lock(42) is not null';
    expect(await readHostile(sql(query))).toEqual({ count: 20, isAtLeast: false });
  });

  test('that ends its own connection leaves the others theirs', async () => {
    const query = 'select id from people where pg_terminate_backend(pg_backend_pid())';
    expect(await readHostile(sql(query))).toBe('unreachable');
  });

  test('that notifies is heard by nobody', async () => {
    const query = "select id from people where pg_notify('channel', email) is not null";
    expect(await readHostile(sql(query))).toEqual({ count: 20, isAtLeast: false });
  });

  test('that returns ten million rows is counted as far as a million, and held nowhere', async () => {
    const held = process.memoryUsage().rss;
    const query = "select i as id, repeat('x', 100) as filler from generate_series(1, 10000000) as i";
    expect(await readHostile(sql(query))).toEqual({ count: 1_000_000, isAtLeast: true });
    expect(process.memoryUsage().rss - held).toBeLessThan(100 * 2 ** 20);
  });

  test('that tolerates more than a million rows is counted as far as one row more', async () => {
    const query = 'select generate_series(1, 1200001) as id';
    const [clean, broken] = (
      await auditRules(
        server.url,
        [1_200_001, 1_200_000].map((maxViolations) => ({ kind: 'sql', query, key: ['id'], maxViolations })),
        { samples: 0 },
      )
    ).outcomes;
    expect(clean).toMatchObject({ count: 1_200_001, isAtLeast: false });
    expect(broken).toMatchObject({ count: 1_200_001, isAtLeast: false });
    expect([clean, broken].map((outcome) => outcome?.kind === 'violations' && isBroken(outcome))).toEqual([
      false,
      true,
    ]);
  });

  test('that returns rows without end is counted as far as a million', async () => {
    const query =
      'with recursive more (id) as (select 1::bigint union all select id + 1 from more) select id from more';
    expect(await readHostile(sql(query))).toEqual({ count: 1_000_000, isAtLeast: true });
  });

  test('that returns a million rows and not one more is counted in full', async () => {
    const query = 'select i as id from generate_series(1, 1000000) as i';
    expect(await readHostile(sql(query))).toEqual({ count: 1_000_000, isAtLeast: false });
  });

  test('that returns huge values makes no huge samples', async () => {
    const found = await auditRule(server.url, sql("select repeat('x', 10000000) as id"));
    expect(found.samples).toEqual([`id=${'x'.repeat(100)}`]);
  });

  test('that names what the role may not read is refused', async () => {
    await execute(server.url, "create role reader login password 'reader'");
    const url = new URL(server.url);
    url.username = 'reader';
    url.password = 'reader';
    expect(await uncheckedReason(url.href, sql('select id from people'))).toMatchObject({ reason: 'access-denied' });
    expect(await uncheckedReason(url.href, sql("select pg_read_file('PG_VERSION') as id"))).toMatchObject({
      reason: 'access-denied',
    });
  });
});
