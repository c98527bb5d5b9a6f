import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditRole } from '../../../sandbox/estate/integrity-physical.ts';
import { loadNycmg } from '../../../sandbox/postgres/load-nycmg.ts';
import { nycmgData } from '../../../sandbox/postgres/nycmg-data.ts';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import type { Resource } from '../../../shared/resource.ts';
import { MemoryStateStore } from '../../../shared/storage/memory-state-store.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { configSchema } from '../config.ts';
import { contextFor } from '../context-fixtures.ts';
import { findVerifiers } from './find-verifiers.ts';
import { auditPhysical, openLive, type PhysicalAudit, serverFacts } from './physical-fixtures.ts';
import { readConstraints } from './read-constraints.ts';
import { readPreparedTransactions } from './read-prepared-transactions.ts';
import { readSlots } from './read-slots.ts';
import { verifyHeap } from './verify-heap.ts';
import { verifyIndex } from './verify-index.ts';

let server: PostgresServer;
let admin: pg.Client;
let databases = 0;

beforeAll(async () => {
  server = await startPostgres({ settings: { autovacuum: 'off' } });
  admin = await connect(server.url);
  // One that may read, and has been given nothing of amcheck in any database but the template of those that have it.
  await admin.query('create database with_amcheck');
  const template = await connect(urlOf('with_amcheck'));
  for (const statement of auditRole('auditor', 'secret')) await template.query(statement);
  await template.end();
});

afterAll(async () => {
  await admin?.end();
  await server?.stop();
});

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  return client;
}

function urlOf(database: string, role?: string): string {
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  if (role !== undefined) {
    url.username = role;
    url.password = 'secret';
  }
  return url.href;
}

interface Fresh {
  readonly name: string;
  readonly owner: pg.Client;
  readonly url: string;
}

/** Runs `use` with a database of its own, which the auditor may read. */
async function withDatabase<T>(
  statements: readonly string[],
  use: (database: Fresh) => Promise<T>,
  template = 'with_amcheck',
): Promise<T> {
  databases += 1;
  const name = `test_${databases}`;
  await admin.query(`create database ${name} template ${template}`);
  const owner = await connect(urlOf(name));
  try {
    for (const statement of statements) await owner.query(statement);
    return await use({ name, owner, url: urlOf(name, 'auditor') });
  } finally {
    await owner.end();
    await admin.query(`drop database ${name} with (force)`);
  }
}

function told({ findings }: PhysicalAudit): string[] {
  return findings.map(({ rule, resource }) => `${rule} ${resource.name}`).sort();
}

function left({ coverage }: PhysicalAudit): string[] {
  return coverage.unchecked.map(({ resource, reason }) => `${resource.id} ${reason}`).sort();
}

describe('a database that is well', () => {
  test('breaks no rule, and all of it was looked at', async () => {
    await withDatabase(
      [
        'create table essays (id bigint generated always as identity primary key, body text, words tsvector)',
        "insert into essays (body) select (select string_agg(md5((g * i)::text), '') from generate_series(1, 300) i) from generate_series(1, 50) g",
        "update essays set words = to_tsvector('simple', left(body, 1000))",
        'create index essays_words on essays using gin (words)',
        'create index essays_body on essays using hash (body)',
        'create materialized view longest as select * from essays',
        'create table events (at date, id integer, primary key (id, at)) partition by range (at)',
        "create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01')",
        'create unlogged table scratch (id integer primary key)',
        'create domain positive as integer check (value > 0)',
        'create table "Nothing" ()',
      ],
      async ({ owner, url, name }) => {
        await loadNycmg(owner, nycmgData(new Date()));
        const audit = await auditPhysical(url, { physical: { indexes: 'heapallindexed' } });
        expect(audit.findings).toEqual([]);
        expect(audit.unchecked).toEqual([]);
        expect(audit.coverage.unchecked).toEqual([]);
        // The hash index: there is nothing that could verify it.
        expect(audit.metrics).toEqual({ 'indexesWithoutVerifier.main': 1 });
        const { rows } = await owner.query<Record<string, number>>(`
          select (select count(*)::int from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'm')) +
            (select count(*)::int from pg_class where relnamespace = 'public'::regnamespace and reltoastrelid <> 0) as tables,
            (select count(*)::int from pg_class where relnamespace = 'public'::regnamespace and relkind = 'S') as sequences`);
        const { byType } = audit.coverage;
        expect(byType['postgres-table']?.checked).toBe(rows[0]?.tables);
        expect(byType['postgres-sequence']?.checked).toBe(rows[0]?.sequences);
        expect(byType['postgres-index']?.checked).toBeGreaterThan(20);
        expect(byType['postgres-constraint']?.checked).toBeGreaterThan(20);
        expect(audit.facts.server).toMatchObject({
          database: name,
          role: 'auditor',
          isStandby: false,
          isAurora: false,
        });
      },
    );
  });

  test('may be empty', async () => {
    await withDatabase([], async ({ url }) => {
      const audit = await auditPhysical(url, { physical: { indexes: 'parent' } });
      expect([told(audit), left(audit)]).toEqual([[], []]);
    });
  });
});

describe('amcheck', () => {
  test('that is not installed leaves files unchecked, in one line, and the rest is looked at', async () => {
    await withDatabase(
      ['create table a (id integer)', 'alter table a add constraint positive check (id > 0) not valid'],
      async ({ url }) => {
        const audit = await auditPhysical(url);
        expect(left(audit)).toEqual(['postgres://main/amcheck missing-extension']);
        expect(audit.coverage.unchecked[0]?.detail).toContain('CREATE EXTENSION amcheck;');
        expect(told(audit)).toEqual(['constraint-not-valid public.a.positive']);
        expect(audit.coverage.byType['postgres-table']).toBeUndefined();
      },
      'template1',
    );
  });

  test('that is not wanted is not asked for', async () => {
    await withDatabase(
      [],
      async ({ url }) => {
        expect(left(await auditPhysical(url, { physical: { indexes: 'off', heaps: false } }))).toEqual([]);
      },
      'template1',
    );
  });

  test('whose functions the role may not call is unchecked with the GRANT that helps', async () => {
    const statements = [
      'create schema "odd; schema"',
      'create extension amcheck schema "odd; schema"',
      "create role outsider login password 'secret'",
    ];
    await withDatabase(
      [...statements, 'create table a (id integer primary key)', 'create index on a using gin ((array[id]))'],
      async ({ owner, name }) => {
        const url = urlOf(name, 'outsider');
        const physical = { indexes: 'parent' };
        expect(left(await auditPhysical(url, { physical }))).toEqual(['postgres://main/amcheck access-denied']);
        // One after the other, as people do; each opens the way to the next.
        for (let attempt = 0; attempt < 3; attempt += 1) {
          const { coverage } = await auditPhysical(url, { physical });
          for (const { detail } of coverage.unchecked) {
            await owner.query(/GRANT .*;/.exec(detail)?.[0] ?? 'no grant');
          }
        }
        const audit = await auditPhysical(url, { physical });
        expect([told(audit), left(audit)]).toEqual([[], []]);
        expect(audit.coverage.byType['postgres-index']).toEqual({ expected: 2, checked: 2 });
        await owner.query('drop owned by outsider; drop role outsider');
      },
      'template1',
    );
  });

  test('of an older version does what it can', async () => {
    const statements = [
      "create extension amcheck version '1.3'",
      'create table a (id integer primary key)',
      'grant execute on all functions in schema public to auditor',
      'create index on a using gin ((array[id]))',
    ];
    await withDatabase(
      statements,
      async ({ url }) => {
        for (const indexes of ['index', 'heapallindexed', 'parent']) {
          const audit = await auditPhysical(url, { physical: { indexes } });
          expect([told(audit), left(audit)]).toEqual([[], []]);
          expect(audit.metrics).toEqual({ 'indexesWithoutVerifier.main': 1 });
          expect(audit.coverage.byType['postgres-index']).toEqual({ expected: 1, checked: 1 });
        }
      },
      'template1',
    );
  });

  test('that cannot verify tables yet leaves these unchecked, and verifies indexes', async () => {
    const statements = [
      "create extension amcheck version '1.2'",
      'create table a (id integer primary key)',
      'grant execute on all functions in schema public to auditor',
    ];
    await withDatabase(
      statements,
      async ({ url }) => {
        const audit = await auditPhysical(url);
        expect(left(audit)).toEqual(['postgres://main/amcheck/verify_heapam missing-function']);
        expect(audit.coverage.byType['postgres-index']).toEqual({ expected: 1, checked: 1 });
      },
      'template1',
    );
  });

  test('finds what is wrong in a TOAST table, and names its owner', async () => {
    const statements = [
      'create table essays (body text)',
      "insert into essays select string_agg(md5(g::text), '') from generate_series(1, 500) g",
      "update pg_class set relfrozenxid = pg_current_xact_id()::xid where oid = (select reltoastrelid from pg_class where relname = 'essays')",
    ];
    await withDatabase(statements, async ({ url }) => {
      const audit = await auditPhysical(url);
      expect(told(audit)).toEqual(['heap-corrupt public.essays.toast']);
      expect(audit.findings[0]?.resource.id).toBe('postgres://main/table/public.essays.toast');
    });
  });

  test('finds what is wrong in a GIN index', async () => {
    const compare = (direction: '<' | '>') =>
      `create or replace function compare_words(a text, b text) returns integer language sql immutable
        as $$ select case when a = b then 0 when a ${direction} b then -1 else 1 end $$`;
    const statements = [
      compare('<'),
      `create operator class word_ops for type text[] using gin as operator 2 @> (anyarray, anyarray),
        function 1 compare_words(text, text), function 2 ginarrayextract(anyarray, internal, internal),
        function 3 ginqueryarrayextract(anyarray, internal, smallint, internal, internal, internal, internal),
        function 4 ginarrayconsistent(internal, smallint, anyarray, integer, internal, internal, internal, internal),
        storage text`,
      'create table notes (words text[])',
      'insert into notes select array[md5(g::text)] from generate_series(1, 2000) g',
      'create index notes_words on notes using gin (words word_ops)',
      compare('>'),
    ];
    await withDatabase(statements, async ({ url }) => {
      expect(told(await auditPhysical(url))).toEqual(['index-corrupt public.notes_words']);
    });
  });
});

describe('what cannot be verified is unchecked alone', () => {
  const two = [
    'create table small (id integer primary key)',
    'create table large (id integer primary key, body text)',
    "insert into large select g, repeat('x', 1000) from generate_series(1, 2000) g",
    'insert into small select generate_series(1, 10)',
  ];

  test('when it is too large', async () => {
    await withDatabase(two, async ({ url }) => {
      const audit = await auditPhysical(url, { physical: { maximumGigabytes: 0.001 } });
      expect(left(audit)).toEqual(['postgres://main/table/public.large too-large']);
      expect(audit.coverage.unchecked[0]?.detail).toBe('It has 0.00234 GB, more than the 0.001 GB that are verified.');
      expect(told(audit)).toEqual([]);
    });
  });

  test('when somebody holds a lock on it', async () => {
    await withDatabase(two, async ({ owner, url }) => {
      await owner.query('begin');
      await owner.query('lock table large in access exclusive mode');
      const audit = await auditPhysical(url);
      await owner.query('rollback');
      expect(left(audit)).toEqual([
        'postgres://main/index/public.large_pkey lock-timeout',
        'postgres://main/table/public.large lock-timeout',
      ]);
      expect(audit.coverage.byType['postgres-index']).toEqual({ expected: 3, checked: 2 });
    });
  });

  test('when it takes too long', async () => {
    const slow = [
      `create function slowly(id integer) returns integer language sql immutable as 'select id'`,
      'create index small_slow on small (slowly(id))',
      `create or replace function slowly(id integer) returns integer language sql immutable
        as 'select id from pg_sleep(30)'`,
    ];
    await withDatabase([...two, ...slow], async ({ url }) => {
      const audit = await auditPhysical(url, {
        physical: { indexes: 'heapallindexed' },
        reader: { statementTimeoutSeconds: 1.5 },
      });
      expect(left(audit)).toEqual(['postgres://main/index/public.small_slow timeout']);
    });
  });

  test('when a function of its own fails, without a word of the values that it failed on', async () => {
    const failing = [
      `create function picky(body text) returns text language plpgsql immutable
        as $$ begin if current_setting('my.mood', true) = 'bad' then raise 'not %', body; end if; return body; end $$`,
      "create table people (email text); insert into people values ('someone@nycmg.example')",
      'create index people_email on people (picky(email))',
      `create or replace function picky(body text) returns text language plpgsql immutable
        as $$ begin raise 'not %', body; end $$`,
    ];
    await withDatabase([...two, ...failing], async ({ url }) => {
      const audit = await auditPhysical(url, { physical: { indexes: 'heapallindexed' } });
      expect(left(audit)).toEqual(['postgres://main/index/public.people_email database-error']);
      expect(JSON.stringify(audit)).not.toContain('someone');
    });
  });

  test('and what was found of it until then is told', async () => {
    await withDatabase(two, async ({ url }) => {
      await using database = await openLive(url, { reader: { statementTimeoutSeconds: 1 } });
      const [large] = await database.live.query<{ oid: string }>(sql`select 'large'::regclass::oid::int8::text as oid`);
      // As a verifier that finds something in the first block, and then takes too long.
      const verify = (_: string, first: number) =>
        sql`(select 3 as blkno, 'it is bad' as msg from pg_sleep(${first === 0 ? 0 : 30})) as verified`;
      const told: unknown[] = [];
      const verified = verifyHeap(database, large?.oid ?? '', verify, (fault) => told.push(fault), 1);
      await expect(verified).rejects.toMatchObject({ code: '57014' });
      expect(told).toEqual([{ corruptBlocks: 1, isAtLeast: true, firstBlock: 3, message: 'it is bad' }]);
    });
  });

  test('and what is gone by the time of its turn is well', async () => {
    await withDatabase([], async ({ url }) => {
      await using database = await openLive(url);
      const verifiers = await findVerifiers(database, serverFacts(), contextFor());
      const check = verifiers.btree?.('4000000000', true);
      expect(check).toBeDefined();
      if (check !== undefined) expect(await verifyIndex(database, '4000000000', check)).toBeUndefined();
    });
  });
});

describe('a run whose time is up', () => {
  const tables = ['a', 'b', 'c', 'd'].map((name) => `create table ${name} as select generate_series(1, 10) as id`);
  const physical = { indexes: 'off' };
  const parsed = configSchema.parse({ databases: { main: { physical } } });
  const config = { ...parsed, limits: { ...parsed.limits, connections: 1 } };

  /** Ends a run as soon as it has looked at one table. */
  class BriefLedger extends CoverageLedger {
    readonly controller = new AbortController();
    readonly seen: string[] = [];
    reason: Error = new Error('time is up');

    override checked(resource: Resource): void {
      super.checked(resource);
      if (resource.type !== 'postgres-table') return;
      this.seen.push(resource.name);
      this.controller.abort(this.reason);
    }
  }
  const classify = (error: unknown) => uncheckedReason(error) ?? postgresUncheckedReason(error);

  test('says what it has not reached, and begins with that the next time', async () => {
    await withDatabase(tables, async ({ url }) => {
      const store = new MemoryStateStore();
      const seen: string[] = [];
      for (let run = 0; run < 4; run += 1) {
        const coverage = new BriefLedger({ classify });
        const now = new Date(Date.now() + run * 86_400_000);
        const context = { config, coverage, store, now, signal: coverage.controller.signal };
        const audit = await auditPhysical(url, { physical, context });
        seen.push(...coverage.seen);
        expect(audit.coverage.unchecked.map(({ reason }) => reason)).toEqual(Array(3).fill('not-reached'));
        expect(audit.facts.databases).not.toEqual([]);
      }
      expect(seen.sort()).toEqual(['public.a', 'public.b', 'public.c', 'public.d']);
    });
  });

  test('before it began has reached nothing, and does not fail', async () => {
    await withDatabase(tables, async ({ url }) => {
      const signal = AbortSignal.abort(new Error('time is up'));
      const audit = await auditPhysical(url, { physical, context: { signal } });
      expect(left(audit)).toEqual(['postgres://main/server not-reached']);
      expect(audit.findings).toEqual([]);
    });
  });

  test('says whose time was over where it was only its share of that of the run', async () => {
    await withDatabase(tables, async ({ url }) => {
      const coverage = new BriefLedger({ classify });
      const signal = coverage.controller.signal;
      coverage.reason = new UncheckedError('not-reached', 'The rest is for others.');
      const audit = await auditPhysical(url, { physical, context: { config, coverage, signal } });
      expect(audit.coverage.unchecked).toHaveLength(3);
      expect(new Set(audit.coverage.unchecked.map(({ detail }) => detail))).toEqual(
        new Set(['The rest is for others.']),
      );
    });
  });

  test('that is narrowed verifies only what it was told to', async () => {
    await withDatabase(tables, async ({ url }) => {
      const coverage = new CoverageLedger({ only: '*public.b', classify });
      const audit = await auditPhysical(url, { context: { coverage } });
      expect(audit.coverage.byType['postgres-table']).toEqual({ expected: 1, checked: 1 });
      expect(left(audit)).toEqual([]);
    });
  });

  test('that is narrowed to something else says nothing of what it would need to verify', async () => {
    const hidden = ['create sequence hidden_ids', 'drop extension amcheck'];
    await withDatabase([...tables, ...hidden], async ({ url }) => {
      const coverage = new CoverageLedger({ only: 'titles-are-there', classify });
      const audit = await auditPhysical(url, { context: { coverage } });
      expect([told(audit), left(audit)]).toEqual([[], []]);
    });
  });

  test('that cannot make sense of what it remembers begins anew', async () => {
    await withDatabase(tables, async ({ url }) => {
      for (const content of ['no JSON', '{"version":7}']) {
        const store = new MemoryStateStore();
        await store.write(
          'physical/main',
          (async function* () {
            yield Buffer.from(content);
          })(),
        );
        const audit = await auditPhysical(url, { context: { store } });
        expect([told(audit), left(audit)]).toEqual([[], []]);
        expect(audit.coverage.byType['postgres-table']?.checked).toBe(4);
      }
    });
  });
});

test('whatever things are called, they are found, and nothing else happens', async () => {
  const odd = `o"dd.'; drop table victims; --`;
  const name = pg.escapeIdentifier(odd);
  const statements = [
    'create table victims (id integer)',
    `create schema ${name}`,
    `create table ${name}.${name} (${name} integer generated by default as identity primary key, body text)`,
    `insert into ${name}.${name} (body) values ('x')`,
    `create sequence ${name}.${pg.escapeIdentifier(`${odd}2`)} maxvalue 10 start 9`,
    `create index ${pg.escapeIdentifier(`${odd}3`)} on ${name}.${name} (body)`,
    `update pg_class set relfrozenxid = pg_current_xact_id()::xid where relname = ${pg.escapeLiteral(odd)}`,
    `alter table ${name}.${name} add constraint ${name} check (${name} > 0) not valid`,
  ];
  await withDatabase(statements, async ({ owner, url }) => {
    const audit = await auditPhysical(url, { physical: { indexes: 'parent' } });
    expect(told(audit)).toEqual([
      `constraint-not-valid ${odd}.${odd}.${odd}`,
      `heap-corrupt ${odd}.${odd}`,
      `sequence-exhaustion ${odd}.${odd}2`,
    ]);
    expect(left(audit)).toEqual([]);
    const { rows } = await owner.query("select to_regclass('victims') is not null as exists");
    expect(rows).toEqual([{ exists: true }]);
    const excluded = await auditPhysical(url, { physical: { excludeSchemas: [odd] } });
    expect([told(excluded), left(excluded)]).toEqual([[], []]);
  });
});

describe('an index that is being built', () => {
  const table = [
    'create table plays (id integer, region text)',
    'insert into plays select generate_series(1, 100)',
    'create index plays_id on plays (id)',
    'create index plays_region on plays (region)',
  ];

  /** Runs `use` while `statement` waits for the end of somebody's transaction. */
  async function during(name: string, statement: string, use: () => Promise<void>): Promise<void> {
    const writer = await connect(urlOf(name));
    const builder = await connect(urlOf(name));
    try {
      await writer.query('begin');
      await writer.query('insert into plays values (1000)');
      const building = builder.query(statement);
      // Waited for below, unless what comes before fails.
      building.catch(() => {});
      const isBuilding = async () => (await writer.query('select from pg_index where not indisvalid')).rows.length > 0;
      await expect.poll(isBuilding, { timeout: 10_000 }).toBe(true);
      await use();
      await writer.query('rollback');
      await building;
    } finally {
      await Promise.all([writer.end(), builder.end()]);
    }
  }

  test.each([['create index concurrently plays_new on plays (id, region)'], ['reindex table concurrently plays']])(
    'is no fault: %s',
    async (statement) => {
      await withDatabase(table, async ({ name, url }) => {
        await during(name, statement, async () => {
          expect(told(await auditPhysical(url))).toEqual([]);
        });
        expect(told(await auditPhysical(url))).toEqual([]);
      });
    },
  );

  test.each([['create index concurrently plays_new on plays (id, region)'], ['reindex table concurrently plays']])(
    'by somebody whom the role knows nothing of is no fault either: %s',
    async (statement) => {
      await withDatabase(table, async ({ name, owner }) => {
        await owner.query("create role stranger login password 'secret'");
        await during(name, statement, async () => {
          const audit = await auditPhysical(urlOf(name, 'stranger'), { physical: { indexes: 'off', heaps: false } });
          expect(told(audit)).toEqual([]);
        });
        await owner.query('drop role stranger');
      });
    },
  );

  test('does not excuse another that is left over on the same table', async () => {
    await withDatabase(table, async ({ name, owner, url }) => {
      await owner.query("update pg_index set indisvalid = false where indexrelid = 'plays_id'::regclass");
      await during(name, 'create index concurrently plays_new on plays (id, region)', async () => {
        expect(told(await auditPhysical(url))).toEqual(['index-invalid public.plays_id']);
      });
    });
  });

  test('on a partitioned table lacks parts until all are attached', async () => {
    const statements = [
      'create table events (at date) partition by range (at)',
      "create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01')",
      'create index events_at on only events (at)',
    ];
    await withDatabase(statements, async ({ owner, url }) => {
      expect(told(await auditPhysical(url))).toEqual(['index-invalid public.events_at']);
      await owner.query('create index events_2026_at on events_2026 (at)');
      await owner.query('alter index events_at attach partition events_2026_at');
      expect(told(await auditPhysical(url))).toEqual([]);
    });
  });
});

describe('constraints', () => {
  test('that partitions have from their parent are told of once', async () => {
    const statements = [
      'create table venues (id integer primary key)',
      'create table events (at date, venue integer) partition by range (at)',
      "create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01')",
      'alter table events add constraint venue_known foreign key (venue) references venues not valid',
      'alter table events add constraint venue_positive check (venue > 0) not valid',
      'alter table events add constraint venue_there not null venue not valid',
    ];
    await withDatabase(statements, async ({ owner, url }) => {
      expect(told(await auditPhysical(url))).toEqual([
        'constraint-not-valid public.events.venue_known',
        'constraint-not-valid public.events.venue_positive',
        'constraint-not-valid public.events.venue_there',
      ]);
      for (const name of ['known', 'positive', 'there']) {
        await owner.query(`alter table events validate constraint venue_${name}`);
      }
      expect(told(await auditPhysical(url))).toEqual([]);
    });
  });
});

describe('collations', () => {
  const changed = (name: string) => `update pg_collation set collversion = '0' where collname = '${name}'`;
  const statements = [
    "create collation indexed (provider = icu, locale = 'en')",
    "create collation unused (provider = icu, locale = 'de')",
    "create collation partitioned (provider = icu, locale = 'fr')",
    'create table people (name text collate indexed, nick text collate unused)',
    'create index on people (name)',
    'create table places (name text) partition by range (name collate partitioned)',
    ...['indexed', 'unused', 'partitioned'].map(changed),
  ];

  test('count where something is ordered by them', async () => {
    await withDatabase(statements, async ({ url }) => {
      const audit = await auditPhysical(url);
      expect(told(audit)).toEqual(['collation-changed public.indexed', 'collation-changed public.partitioned']);
      expect(audit.findings.map(({ evidence }) => evidence.examples)).toEqual([
        ['public.people_name_idx'],
        ['public.places'],
      ]);
    });
  });

  test('whose version was never written down are unchecked', async () => {
    await withDatabase(statements, async ({ owner, url }) => {
      await owner.query("update pg_collation set collversion = null where collname = 'indexed'");
      const audit = await auditPhysical(url);
      expect(left(audit)).toEqual(['postgres://main/collation/public.indexed collation-version-unknown']);
      expect(told(audit)).toEqual(['collation-changed public.partitioned']);
    });
  });

  test("that are the database's own are told of with the database, where they order anything", async () => {
    await withDatabase(['create table people (name text)'], async ({ name, owner, url }) => {
      await owner.query("update pg_database set datcollversion = '0' where datname = current_database()");
      expect(told(await auditPhysical(url))).toEqual([]);
      await owner.query('create index on people (name)');
      expect(told(await auditPhysical(url))).toEqual([`collation-changed ${name}`]);
      await owner.query(`alter database ${name} refresh collation version`);
      expect(told(await auditPhysical(url))).toEqual([]);
    });
  });
});

describe('sequences', () => {
  test('end with the columns that they fill, however these came by them', async () => {
    const statements = [
      'create domain small_id as smallint',
      'create sequence by_default',
      "create table defaults (id small_id default nextval('by_default'))",
      'create table identities (id smallint generated always as identity)',
      'create table serials (id smallserial)',
      'create sequence owned',
      'create table owners (id smallint)',
      'alter sequence owned owned by owners.id',
      'create sequence by_nobody',
      ...['by_default', 'identities_id_seq', 'serials_id_seq', 'owned', 'by_nobody'].map(
        (name) => `select setval('${name}', 30000)`,
      ),
    ];
    await withDatabase(statements, async ({ url }) => {
      const audit = await auditPhysical(url);
      expect(told(audit)).toEqual([
        'sequence-exhaustion public.by_default',
        'sequence-exhaustion public.identities_id_seq',
        'sequence-exhaustion public.owned',
        'sequence-exhaustion public.serials_id_seq',
      ]);
      expect(audit.findings.map(({ evidence }) => evidence.usedPercent)).toEqual(Array(4).fill(91.55));
    });
  });

  test('that the role may not see are unchecked with the GRANT that helps', async () => {
    const statements = [
      "create role limited login password 'secret'",
      'create sequence hidden maxvalue 10',
      "select setval('hidden', 10)",
      'create sequence shown maxvalue 10',
      "select setval('shown', 10)",
      'grant usage on sequence shown to limited',
    ];
    await withDatabase(statements, async ({ name, owner }) => {
      const physical = { indexes: 'off', heaps: false };
      const audit = await auditPhysical(urlOf(name, 'limited'), { physical });
      expect(left(audit)).toEqual(['postgres://main/sequence/public.hidden access-denied']);
      expect(told(audit)).toEqual(['sequence-exhaustion public.shown']);
      await owner.query(/GRANT .*;/.exec(audit.coverage.unchecked[0]?.detail ?? '')?.[0] ?? 'no grant');
      const again = await auditPhysical(urlOf(name, 'limited'), { physical });
      expect(left(again)).toEqual([]);
      expect(told(again)).toEqual(['sequence-exhaustion public.hidden', 'sequence-exhaustion public.shown']);
      await owner.query('drop owned by limited; drop role limited');
    });
  });
});

describe('the role that audits', () => {
  async function rightsOf(statements: readonly string[], connectAs = 'writer'): Promise<unknown> {
    return withDatabase(
      [
        'create role group_of_writers',
        "create role writer login noinherit password 'secret'",
        'create schema s',
        'create table s.t (id integer, note text)',
        ...statements,
      ],
      async ({ name, owner }) => {
        const url = connectAs === 'postgres' ? urlOf(name) : urlOf(name, connectAs);
        const audit = await auditPhysical(url, { physical: { indexes: 'off', heaps: false } });
        await owner.query('drop owned by group_of_writers, writer cascade; drop role group_of_writers, writer');
        return audit.findings.find(({ rule }) => rule === 'audit-role-can-write')?.evidence.rights;
      },
    );
  }

  test.each([
    ['select on all', ['grant usage on schema s to writer', 'grant select on s.t to writer'], undefined],
    ['an insert', ['grant insert on s.t to writer'], ['may change 1 table']],
    ['a column', ['grant update (note) on s.t to writer'], ['may change 1 table']],
    ['truncate', ['grant truncate on s.t to writer'], ['may change 1 table']],
    ['what everybody may', ['grant delete on s.t to public'], ['may change 1 table']],
    [
      'a role to take on',
      ['grant delete on s.t to group_of_writers', 'grant group_of_writers to writer'],
      ['may change 1 table'],
    ],
    ['a schema', ['grant create on schema s to writer'], ['may create in the schema s']],
    ['a role that makes roles', ['alter role writer createrole'], ['has CREATEROLE']],
    ["the server's files", ['grant pg_write_server_files to writer'], ['is a member of pg_write_server_files']],
  ])('has %s', async (_, statements, rights) => {
    expect(await rightsOf(statements)).toEqual(rights);
  });

  test('may do all', async () => {
    expect(await rightsOf([], 'postgres')).toEqual(['is a superuser']);
  });
});

describe('a standby', () => {
  const standby = serverFacts({ isStandby: true, role: 'auditor' });

  test('does not know what is prepared on its source, unless nothing can be', async () => {
    await withDatabase([], async ({ url }) => {
      await using database = await openLive(url);
      expect(await readPreparedTransactions(database, standby)).toEqual([]);
      await expect(
        readPreparedTransactions(database, { ...standby, maxPreparedTransactions: 1 }),
      ).rejects.toMatchObject({ reason: 'on-standby' });
    });
  });

  test('has its indexes verified as far as that goes without keeping writers out', async () => {
    await withDatabase([], async ({ url }) => {
      await using database = await openLive(url, { physical: { indexes: 'parent' } });
      const context = contextFor();
      const { btree } = await findVerifiers(database, standby, context);
      expect(btree?.('1', true).text).toContain('"bt_index_check"');
      expect(btree?.('1', true).values).toEqual(['1', true, true]);
      expect(context.coverage.summary().unchecked).toMatchObject([
        { resource: { id: 'postgres://main/amcheck/bt_index_parent_check' }, reason: 'on-standby' },
      ]);
    });
  });
});

test('older servers are not asked for what they do not have', async () => {
  await withDatabase(['create table a (id integer check (id > 0))'], async ({ url }) => {
    await using database = await openLive(url);
    for (const version of [130_000, 160_000, 170_000]) {
      expect(await readSlots(database, serverFacts({ version }))).toEqual([]);
      const { all, unproven } = await readConstraints(database, serverFacts({ version }));
      expect([all.map(({ name }) => name), unproven]).toEqual([['public.a.a_id_check'], []]);
    }
  });
});
