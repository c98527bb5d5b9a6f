import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Client } from 'pg';
import { startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { AwsClients } from '../aws/clients.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import type { LedgerStore } from '../ledger/ledger-store.ts';
import { openWriter, type Writer, type WriterOptions } from '../postgres/writer.ts';
import { anyRun } from '../run-fixtures.ts';
import type { DeletionContext } from './batch-loop-surroundings.ts';
import { resolveTarget } from './resolve-target.ts';
import { rowPolicy } from './row-fixtures.ts';
import type { RowTarget } from './row-target.ts';

/** A server with listens, of which the first are past their retention, and a role that may delete them. */
export interface DeletionServer extends AsyncDisposable {
  readonly url: string;
  /** Of the role that deletes, a member of pg_monitor. */
  readonly writerUrl: string;
  readonly admin: Client;
  /** Makes `listens` anew, of that many rows of ten seconds each, from 2024 on; and `claps`, of which every third listen has two. */
  reset(rows: number): Promise<void>;
  /** Returns the first column of what a statement returns. */
  column(statement: string): Promise<unknown[]>;
  /** Waits until a statement returns no row. */
  until(statement: string): Promise<void>;
}

export async function startDeletionServer(): Promise<DeletionServer> {
  const server = await startPostgres({ settings: { max_prepared_transactions: 2 } });
  const admin = new Client({ connectionString: server.url });
  await admin.connect();
  await admin.query("create role deleting login password 'd'; grant pg_monitor to deleting");
  const column = async (statement: string) =>
    (await admin.query({ text: statement, rowMode: 'array' })).rows.map(([value]) => value);
  return {
    url: server.url,
    writerUrl: Object.assign(new URL(server.url), { username: 'deleting', password: 'd' }).href,
    admin,
    async reset(rows) {
      await admin.query(`
        drop schema public cascade; create schema public; grant usage on schema public to deleting;
        create table listens (id bigint primary key, listened_at timestamptz not null, title text);
        create index listens_listened_at on listens (listened_at, id);
        insert into listens select n, timestamptz '2024-01-01' + n * interval '10 seconds', 'title ' || n
          from generate_series(1, ${rows}) n;
        create table claps (id bigint primary key, listen_id bigint not null references listens, note text);
        create index claps_listen_id on claps (listen_id);
        insert into claps select 10 * id + k, id, 'note' from listens, generate_series(1, 2) k where id % 3 = 0;
        grant select, delete on all tables in schema public to deleting; analyze`);
    },
    column,
    async until(statement) {
      while ((await column(statement)).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    async [Symbol.asyncDispose]() {
      await admin.end();
      await server.stop();
    },
  };
}

/** Returns listens and their claps that were before a moment. */
export async function listensBefore(
  writer: Writer,
  cutoff: string,
  changes: Parameters<typeof rowPolicy>[0] = {},
): Promise<RowTarget> {
  const policy = rowPolicy({ children: [{ table: 'claps', columns: ['listen_id'] }], ...changes });
  return resolveTarget(policy, { query: (statement) => writer.query(statement) }, { task: 'data-purge', cutoff });
}

function writerOptions(url: string, changes: Partial<WriterOptions> = {}): WriterOptions {
  return {
    config: { connectionString: url },
    statementTimeoutSeconds: 20,
    lockTimeoutSeconds: 0.1,
    timeZone: 'UTC',
    signal: new AbortController().signal,
    ...changes,
  };
}

export function openTestWriter(url: string, changes: Partial<WriterOptions> = {}): Promise<Writer> {
  return openWriter(writerOptions(url, changes));
}

/** Returns what a run in which things are deleted has, with no end to its time. */
export function deletionContext(
  at: Pick<DeletionServer, 'url' | 'writerUrl'>,
  changes: Partial<DeletionContext> = {},
): DeletionContext {
  return {
    ...anyRun(),
    mode: 'apply',
    estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1'], accounts: [] },
    databases: { main: { url: at.url, writer: { url: at.writerUrl } } },
    homeRegion: 'us-east-1',
    now: new Date(),
    clients: new AwsClients(),
    signal: new AbortController().signal,
    ...changes,
  };
}

/** Returns all entries of a chain, each proven. */
export async function ledgerEntries(store: LedgerStore, chain: string): Promise<LedgerEntry[]> {
  return Array.fromAsync((await Ledger.open(store, chain, () => new Date())).entries());
}

/** What stands between a client and a server, and can cut them off from each other. */
export interface Cable extends AsyncDisposable {
  /** Of the server, through this. */
  readonly url: string;
  /**
   * Cuts all connections as soon as a client sends something with this text in it: `before` it reaches the server, or `after` the server
   * has answered, which the client does not hear.
   */
  cutAt(text: string, when: 'before' | 'after'): void;
  /** How often it was cut. */
  readonly cuts: number;
}

export async function plugIn(url: string): Promise<Cable> {
  const server = new URL(url);
  const sockets = new Set<Socket>();
  let cut: { readonly text: string; readonly when: 'before' | 'after' } | undefined;
  let cuts = 0;
  const destroyAll = () => {
    cuts += 1;
    for (const socket of sockets) socket.destroy();
  };
  const listener = createServer((client) => {
    const upstream = connect(Number(server.port), server.hostname);
    let isDeaf = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (data) => {
      if (cut !== undefined && data.includes(cut.text)) {
        const { when } = cut;
        cut = undefined;
        if (when === 'before') {
          destroyAll();
          return;
        }
        isDeaf = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (isDeaf) destroyAll();
      else client.write(data);
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    url: Object.assign(new URL(url), { port: String((listener.address() as AddressInfo).port) }).href,
    cutAt(text, when) {
      cut = { text, when };
    },
    get cuts() {
      return cuts;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}
