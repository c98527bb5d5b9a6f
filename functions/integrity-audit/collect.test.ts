import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import type { AwsClients } from '../../shared/aws/clients.ts';
import { CoverageLedger } from '../../shared/coverage.ts';
import { databasesSchema } from '../../shared/databases.ts';
import { fakeS3 } from '../../shared/objects/fake-s3.ts';
import { postgresUncheckedReason } from '../../shared/postgres/unchecked-reason.ts';
import { collect } from './collect.ts';
import { configSchema, databaseSettingsSchema } from './config.ts';
import { contextFor } from './context-fixtures.ts';

let server: PostgresServer;
let admin: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query('create table tracks (id int primary key, title text); insert into tracks values (1, null)');
});

afterAll(async () => {
  await admin.end();
  await server.stop();
});

const quick = { kind: 'notNull', table: 'tracks', column: 'title' };
const endless = { kind: 'sql', query: 'select 1 as id from (select pg_sleep(60)) as slept', key: ['id'] };

function contextOver(rules: readonly object[], limits: object, signal?: AbortSignal) {
  return contextFor({
    config: configSchema.parse({
      databases: { main: { physical: { enabled: false } } },
      rules: rules.map((rule, index) => ({ id: `rule-${index}`, ...rule })),
      limits,
    }),
    databases: databasesSchema.parse({ main: { url: server.url } }),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function expectNoBackends(): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await admin.query("select query from pg_stat_activity where application_name = 'caretaker'");
    expect(rows).toEqual([]);
  });
}

describe('an audit', () => {
  test('gives the snapshot up after its time: what was read counts, the rest is unchecked for that', async () => {
    const context = contextOver([quick, endless], { snapshotSeconds: 1 });
    const { outcomes } = await collect(context);
    expect(outcomes).toMatchObject([{ kind: 'violations', rule: { id: 'rule-0' }, count: 1 }]);
    expect(context.coverage.summary().unchecked).toMatchObject([
      { resource: { name: 'rule-1' }, reason: 'snapshot-expired', detail: expect.stringContaining('after 1 s') },
    ]);
    await expectNoBackends();
  });

  test('ends with its run, on the server too', async () => {
    const end = new AbortController();
    const context = contextOver([endless], {}, end.signal);
    const collected = collect(context);
    await vi.waitFor(async () => {
      const { rows } = await admin.query(
        `select 1 from pg_stat_activity
          where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()`,
      );
      expect(rows).toHaveLength(1);
    });
    end.abort();
    await collected;
    expect(context.coverage.summary().unchecked).toMatchObject([
      { resource: { name: 'rule-0' }, reason: 'not-reached' },
    ]);
    await expectNoBackends();
  });

  test('keeps what other rules have shown where one thing cannot be read that some need', async () => {
    await admin.query(`create role reading login password 'r'; grant pg_read_all_data to reading;
      revoke select on pg_proc from public; revoke pg_read_all_data from reading; grant select on tracks to reading`);
    const url = Object.assign(new URL(server.url), { username: 'reading', password: 'r' }).href;
    const rules = [{ ...quick, where: 'id > 0' }, quick, { kind: 'sql', query: 'select id from tracks', key: ['id'] }];
    const context = { ...contextOver(rules, {}), databases: databasesSchema.parse({ main: { url } }) };
    const { outcomes } = await collect(context);
    await admin.query('grant select on pg_proc to public');
    expect(outcomes.map((outcome) => [outcome.rule.id, outcome.kind === 'violations' && outcome.count])).toEqual([
      ['rule-1', 1],
      ['rule-2', 1],
    ]);
    expect(context.coverage.summary().unchecked).toMatchObject([
      { resource: { name: 'rule-0' }, reason: 'access-denied', detail: expect.stringContaining('pg_proc') },
    ]);
  });

  test('does not keep the server from cleaning up while it waits for it to be calm', async () => {
    const busy = new pg.Client(server.url);
    await busy.connect();
    const work = busy.query('select pg_sleep(60)').catch(() => {});
    const context = contextOver([quick], { maximumActiveSessions: 0, maximumPauseSeconds: 2 });
    const collected = collect(context);
    let isOver = false;
    const held: unknown[] = [];
    const watch = async () => {
      while (!isOver) {
        const { rows } = await admin.query(`select pid from pg_stat_activity
          where query like '%pg_export_snapshot%' and pid <> pg_backend_pid()`);
        held.push(...rows);
        await setTimeout(50);
      }
    };
    await Promise.all([
      watch(),
      collected.finally(() => {
        isOver = true;
      }),
    ]);
    await admin.query('select pg_cancel_backend($1)', [(busy as unknown as { processID: number }).processID]);
    await work;
    await busy.end();
    expect(held).toEqual([]);
    const { unchecked } = context.coverage.summary();
    expect(unchecked.map(({ resource, reason }) => [resource.name, reason]).sort()).toEqual([
      ['rows of database main', 'database-busy'],
      ['rule-0', 'database-unread'],
    ]);
  });

  test.each([
    ['a rule', 'rule-1', ['database main', 'rows of database main', 'rule-1', 'files of database main']],
    ['an index', 'public.tracks_pkey', ['database main', 'files of database main', 'public.tracks_pkey']],
  ])('that is narrowed to %s reads no other, and no moment of rows that it does not need', async (_, only, looked) => {
    const wide = contextOver([quick, quick], {});
    const config = configSchema.parse({ rules: wide.config.rules });
    const coverage = new CoverageLedger({ only, classify: postgresUncheckedReason });
    const look = vi.spyOn(coverage, 'look');
    await admin.query('create extension if not exists amcheck');
    const { outcomes } = await collect({ ...wide, config, coverage });
    expect(outcomes.map(({ rule }) => rule.id)).toEqual(only === 'rule-1' ? ['rule-1'] : []);
    const names = look.mock.calls.map(([{ name }]) => name).filter((name) => !name.endsWith(' of main'));
    expect(names).toEqual(looked);
    const { byType, unchecked } = coverage.summary();
    expect(Object.keys(byType).sort()).toEqual([only === 'rule-1' ? 'integrity-rule' : 'postgres-index', 'scope']);
    expect(unchecked).toEqual([]);
  });

  test('says of which tables and columns its settings know more than the database', async () => {
    const tables = { tracks: { key: ['id'], personalColumns: ['Title'] }, track: { personalColumns: ['title'] } };
    const context = contextOver([quick], {});
    const config = { ...context.config, databases: { main: databaseSettingsSchema.parse({ tables }) } };
    const { outcomes } = await collect({ ...context, config });
    expect(outcomes).toHaveLength(1);
    expect(context.coverage.summary().unchecked.filter(({ reason }) => reason === 'missing-column')).toMatchObject([
      {
        resource: { name: 'table settings of database main' },
        detail: 'The configuration has settings for tracks.Title, track, which the database does not have.',
      },
    ]);
  });

  test('gives files no more than their share of the time where something comes behind them', async () => {
    const audio = { kind: 'objects', table: 'tracks', keyColumn: 'title', bucket: 'nycmg-audio' };
    const over = async (rules: readonly object[], databases: readonly string[], millisecondsLeft = 2) => {
      const context = {
        ...contextOver(rules, {}),
        config: configSchema.parse({ rules: rules.map((rule, index) => ({ id: `rule-${index}`, ...rule })) }),
        databases: databasesSchema.parse(Object.fromEntries(databases.map((name) => [name, { url: server.url }]))),
        clients: { get: () => fakeS3({ 'nycmg-audio': [] }) } as unknown as AwsClients,
        // Nobody gets anywhere in a millisecond.
        timeLeftMs: () => millisecondsLeft,
      };
      await collect(context);
      const { unchecked, byType } = context.coverage.summary();
      const cutOff = unchecked.filter(({ reason }) => reason === 'not-reached').map(({ resource }) => resource.name);
      return { cutOff, rules: byType['integrity-rule'] };
    };
    expect(await over([audio], ['main'])).toEqual({
      cutOff: ['files of database main'],
      rules: { expected: 1, checked: 1 },
    });
    expect((await over([audio], ['main'], 600_000)).cutOff).toEqual([]);
    expect((await over([], ['main'])).cutOff).toEqual([]);
    // Two are read at a time: when the first of these comes to its files, the third still waits.
    expect((await over([], ['a', 'b', 'c'])).cutOff).toContainEqual(expect.stringMatching(/^files of database [ab]$/));
    await expectNoBackends();
  });

  test('of a database that cannot be reached leaves its rules unchecked, with the reason', async () => {
    const context = {
      ...contextOver([quick], {}),
      databases: databasesSchema.parse({ main: { url: server.url.replace(/:[^:@]+@/, ':geheim@') } }),
    };
    expect(await collect(context)).toEqual({ outcomes: [], physical: [], isNarrowed: false });
    const { unchecked } = context.coverage.summary();
    expect(unchecked.map(({ resource, reason }) => [resource.name, reason]).sort()).toEqual([
      ['database main', 'bad-credentials'],
      ['rule-0', 'database-unread'],
    ]);
    expect(JSON.stringify(unchecked)).not.toContain('geheim');
  });
});
