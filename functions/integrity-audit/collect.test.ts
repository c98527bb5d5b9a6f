import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { databasesSchema } from '../../shared/databases.ts';
import { collect } from './collect.ts';
import { configSchema } from './config.ts';
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

  test('of a database that cannot be reached leaves its rules unchecked, with the reason', async () => {
    const context = {
      ...contextOver([quick], {}),
      databases: databasesSchema.parse({ main: { url: server.url.replace(/:[^:@]+@/, ':geheim@') } }),
    };
    expect(await collect(context)).toEqual({ outcomes: [], physical: [] });
    const { unchecked } = context.coverage.summary();
    expect(unchecked.map(({ resource, reason }) => [resource.name, reason]).sort()).toEqual([
      ['database main', 'bad-credentials'],
      ['rule-0', 'database-unread'],
    ]);
    expect(JSON.stringify(unchecked)).not.toContain('geheim');
  });
});
