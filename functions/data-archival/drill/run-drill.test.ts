import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fileKey, manifestKey } from '../../../shared/archive/archive-names.ts';
import { AwsClients } from '../../../shared/aws/clients.ts';
import { MemoryControlStore } from '../../../shared/control/memory-control-store.ts';
import { pause, resume } from '../../../shared/retention/pause.ts';
import { anyRun } from '../../../shared/run-fixtures.ts';
import { MemoryStateStore } from '../../../shared/storage/memory-state-store.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { type ArchivalPolicy, configSchema } from '../config.ts';
import type { ArchivalContext } from '../context.ts';
import { type Desk, type FixtureArchive, type RestoreServer, startRestoreServer } from '../restore/archive-fixtures.ts';
import { runDrill } from './run-drill.ts';

let at: RestoreServer;
let desk: Desk;
let clients: AwsClients;
let store: MemoryStateStore;
let writerUrl: string;

const names = ['AWS_ENDPOINT_URL_S3', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const;
const before = names.map((name) => process.env[name]);

beforeAll(async () => {
  at = await startRestoreServer();
  Object.assign(process.env, at.objects.environment, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
  await at.client.query(`
    create role drilling login password 'd'; grant create on database postgres to drilling`);
  writerUrl = Object.assign(new URL(at.postgres.url), { username: 'drilling', password: 'd' }).href;
});
afterAll(async () => {
  for (const [index, name] of names.entries()) {
    if (before[index] === undefined) delete process.env[name];
    else process.env[name] = before[index];
  }
  await at?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await at.client.query(`
    drop schema public cascade; create schema public; grant usage on schema public to public;
    create type mood as enum ('calm', 'loud');
    create table listens (id integer primary key, heard timestamptz not null, title text, mood mood);
    create table scores (listen integer references listens, n integer, primary key (listen, n));
    insert into listens select n, '2020-01-01', 'title ' || n, 'loud' from generate_series(1, 10) n;
    insert into scores select l, 1 from generate_series(1, 10) l`);
  desk = at.desk();
  clients = new AwsClients();
  store = new MemoryStateStore();
});
afterEach(() => clients.destroy());

const listens: FixtureArchive = {
  ageColumn: 'heard',
  tables: [
    { table: 'public.listens' },
    { table: 'public.scores', parent: 0, referringColumns: ['listen'], referredColumns: ['id'] },
  ],
};

function context(changes: Partial<Omit<ArchivalContext, 'config'>> & { readonly drill?: object } = {}): {
  policy: ArchivalPolicy;
  context: ArchivalContext;
} {
  const { drill = {}, ...others } = changes;
  const policy = {
    id: 'listens',
    table: 'listens',
    ageColumn: 'heard',
    retention: { months: 13 },
    index: 'by_age',
    mode: 'apply',
  };
  const config = configSchema.parse({
    policies: [policy],
    destination: { bucket: 'archives', prefix: desk.prefix },
    drill,
  });
  return {
    policy: config.policies[0] as ArchivalPolicy,
    context: {
      ...anyRun(),
      mode: 'apply',
      ledgers: desk.ledgers,
      config,
      estate: { name: 'nycmg', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] },
      databases: { main: { url: at.postgres.url, writer: { url: writerUrl } } },
      homeRegion: 'us-east-1',
      scope: {},
      now: new Date('2026-11-20T01:00:00.000Z'),
      clients,
      store,
      signal: new AbortController().signal,
      ...others,
    },
  };
}

function drill(changes: Parameters<typeof context>[0] = {}) {
  const made = context(changes);
  return runDrill(made.policy, made.context);
}

/** Returns everything of the database that is not of the tables above. */
async function leftovers(): Promise<unknown[]> {
  const { rows } = await at.client.query(`
    select nspname from pg_namespace where nspname like 'caretaker%'
    union all select relname from pg_class where relname like 'caretaker%'`);
  return rows;
}

describe('a restore drill', () => {
  it('restores an archive, proves it, and leaves nothing behind', async () => {
    await desk.archive(listens);
    const { seconds, ...facts } = await drill();
    expect(facts).toEqual({
      policy: 'listens',
      state: 'equal',
      manifest: `s3://archives/${desk.prefix}listens/00000001/manifest.json`,
      rows: 20,
      isEqual: true,
      fault: null,
      unchecked: null,
      lastGoodAt: '2026-11-20T01:00:00.000Z',
      isOverdue: false,
    });
    expect(seconds).toBeGreaterThan(0);
    expect(await leftovers()).toEqual([]);
    expect(await desk.restores()).toEqual([]);
  });

  it('does nothing while its policy is paused', async () => {
    await desk.archive(listens);
    const control = new MemoryControlStore();
    await pause(control, { task: 'data-archival' }, { by: 'ada', at: '2026-11-20T00:00:00.000Z', reason: 'slow' });
    expect(await drill({ control })).toMatchObject({ state: 'paused', isEqual: null, unchecked: null });
    await resume(control, { task: 'data-archival' });
    expect(await drill({ control })).toMatchObject({ state: 'equal' });
  });

  it('leaves out what was not taken away', async () => {
    await desk.archive({ ...listens, excludedKeys: [['3']] });
    expect(await drill()).toMatchObject({ state: 'equal', isEqual: true });
  });

  it('is not due again before its time, and then takes another archive', async () => {
    await desk.archive(listens);
    await desk.archive(listens);
    expect((await drill()).manifest).toContain('/00000002/');
    const later = (days: number) => ({ now: new Date(Date.parse('2026-11-20T01:00:00.000Z') + days * 24 * 3600_000) });
    expect(await drill(later(29))).toMatchObject({
      state: 'not-due',
      manifest: null,
      lastGoodAt: '2026-11-20T01:00:00.000Z',
    });
    expect((await drill(later(30))).manifest).toContain('/00000001/');
    expect((await drill(later(60))).manifest).toContain('/00000002/');
  });

  it('is not tried without an archive, in a dry run, or when it is switched off', async () => {
    expect(await drill()).toMatchObject({ state: 'nothing-to-drill', isOverdue: false, isEqual: null });
    await desk.archive({ ...listens, isUnfinished: true });
    expect(await drill()).toMatchObject({ state: 'nothing-to-drill' });
    expect(await drill({ mode: 'dry-run' })).toMatchObject({ state: 'dry-run' });
    expect(await drill({ drill: { enabled: false } })).toMatchObject({ state: 'switched-off' });
    expect(await store.read('drill/listens')).toBeUndefined();
  });

  it('is tried in another database where one is named', async () => {
    await desk.archive(listens);
    await at.client.query('create database beside');
    const url = Object.assign(new URL(at.postgres.url), { pathname: '/beside' }).href;
    const databases = {
      main: { url: at.postgres.url },
      beside: { url, writer: { url } },
    };
    expect(await drill({ databases, drill: { database: 'beside' } })).toMatchObject({ state: 'equal' });
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query("select typname from pg_type where typname in ('mood', 'listens')");
    await client.end();
    expect(rows).toEqual([]);
  });
});

describe('a drill has failed', () => {
  it('when the file is not what was written, and is tried again in the next run', async () => {
    const { manifest } = await desk.archive(listens);
    const { name } = (manifest.tables[0] as (typeof manifest.tables)[number]).file;
    const key = desk.prefix + fileKey('listens', 1, name);
    const flip = () => at.replace(key, (bytes) => bytes.with(40, (bytes[40] as number) ^ 1));
    await flip();
    expect(await drill()).toMatchObject({
      state: 'failed',
      isEqual: false,
      manifest: expect.stringContaining('00000001'),
      fault: { rule: 'archive-corrupt', subject: expect.stringContaining(name) },
      unchecked: null,
      lastGoodAt: null,
    });
    expect(await leftovers()).toEqual([]);
    // That a newer one is good does not hide it.
    await desk.archive(listens);
    expect(await drill()).toMatchObject({ state: 'failed', manifest: expect.stringContaining('00000001') });
    await flip();
    expect(await drill()).toMatchObject({ state: 'equal', manifest: expect.stringContaining('00000001') });
  });

  it('when the archive is one that the ledger does not tell of, and runs nothing of it', async () => {
    await desk.archive(listens);
    const change: FixtureArchive['change'] = (manifest) => ({
      ...manifest,
      tables: manifest.tables.map((table) => ({
        ...table,
        ddl: table.ddl.map((text) => text.replace('(', '(check (nextval($$calls$$) > 0),')),
      })),
    });
    await at.client.query('create sequence calls; grant all on calls to public');
    await desk.archive({ ...listens, change, isInLedger: false });
    expect(await drill()).toMatchObject({
      state: 'failed',
      manifest: expect.stringContaining('00000002'),
      fault: { rule: 'manifest-tampered', subject: expect.stringContaining('00000002') },
    });
    const { rows } = await at.client.query('select is_called from calls');
    expect(rows).toEqual([{ is_called: false }]);
  });

  it('when the manifest is not the one in the ledger', async () => {
    await desk.archive(listens);
    await at.replace(desk.prefix + manifestKey('listens', 1), (bytes) =>
      Buffer.from(Buffer.from(bytes).toString().replace('"ada"', '"bob"')),
    );
    expect(await drill()).toMatchObject({ state: 'failed', manifest: null, fault: { rule: 'manifest-tampered' } });
  });

  it('when rows cannot be what they were', async () => {
    await desk.archive(listens);
    await at.client.query("alter type mood rename value 'loud' to 'noisy'");
    expect(await drill()).toMatchObject({
      state: 'failed',
      fault: { rule: 'restore-drill-failed', detail: expect.stringContaining('public.mood') },
    });
    await at.client.query("alter type mood rename value 'noisy' to 'loud'");
    const change: FixtureArchive['change'] = (manifest) => ({
      ...manifest,
      tables: manifest.tables.map((table) => ({
        ...table,
        ddl: table.ddl.map((text) => text.replace(' mood', ' gone')),
      })),
    });
    desk = at.desk();
    await desk.archive({ ...listens, change });
    expect(await drill()).toMatchObject({ state: 'failed', fault: { rule: 'restore-drill-failed' } });
    expect(await leftovers()).toEqual([]);
  });
});

describe('a drill is unchecked, and in the end overdue', () => {
  it.each<[string, string, () => Parameters<typeof context>[0]]>([
    ['there is no writer', 'no-writer', () => ({ databases: { main: { url: at.postgres.url } } })],
    [
      'the database cannot be reached',
      'unreachable',
      () => ({ databases: { main: { url: at.postgres.url, writer: { url: 'postgres://x@127.0.0.1:1/x' } } } }),
    ],
    ['every archive is too large', 'archive-too-large', () => ({ drill: { maximumRows: 9 } })],
    [
      'the time is up',
      'not-reached',
      () => ({ signal: AbortSignal.abort(new UncheckedError('not-reached', 'The time is up.')) }),
    ],
  ])('when %s', async (_, reason, changes) => {
    await desk.archive(listens);
    const facts = await drill(changes());
    expect(facts).toMatchObject({
      state: 'unchecked',
      isEqual: null,
      fault: null,
      unchecked: { reason },
      isOverdue: false,
    });
    const now = new Date('2027-01-20T01:00:00.000Z');
    expect(await drill({ ...changes(), now })).toMatchObject({ state: 'unchecked', isOverdue: true });
    expect(await drill({ now })).toMatchObject({ state: 'equal', isOverdue: false });
  });

  it('when the role may not make a schema, or another one is under way', async () => {
    await desk.archive(listens);
    await at.client.query('revoke create on database postgres from drilling');
    expect(await drill()).toMatchObject({ state: 'unchecked', unchecked: { reason: 'access-denied' } });
    await at.client.query('grant create on database postgres to drilling');
    await at.client.query('begin');
    await at.client.query("select pg_advisory_xact_lock(hashtextextended('caretaker/data-archival/listens/drill', 0))");
    expect(await drill()).toMatchObject({ state: 'unchecked', unchecked: { reason: 'busy' } });
    await at.client.query('rollback');
    expect(await drill()).toMatchObject({ state: 'equal' });
  });

  it('when its connection is ended, and nothing is left', async () => {
    const { manifest } = await desk.archive(listens);
    const { name } = (manifest.tables[1] as (typeof manifest.tables)[number]).file;
    let ended = 0;
    const lift = at.objects.fail({
      operation: 'GetObject',
      key: desk.prefix + fileKey('listens', 1, name),
      fault: async () => {
        const { rowCount } = await at.client.query(
          // Whatever it does just then; not that which only holds the lock.
          `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'drilling' and query !~ 'advisory'`,
        );
        ended += rowCount ?? 0;
        return undefined;
      },
    });
    expect(await drill()).toMatchObject({ state: 'unchecked', unchecked: { reason: 'unreachable' } });
    lift();
    expect(ended).toBeGreaterThan(0);
    expect(await leftovers()).toEqual([]);
    expect(await drill()).toMatchObject({ state: 'equal' });
  });
});
