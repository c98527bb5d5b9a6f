import { Client } from 'pg';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { type ObjectServer, startObjectServer } from '../../../sandbox/s3/object-server.ts';
import { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import { archivedRows } from '../../../shared/archive/archived-rows.ts';
import { readChain } from '../../../shared/archive/chain.ts';
import { readExclusions, readManifest } from '../../../shared/archive/read-manifest.ts';
import { verifyArchive } from '../../../shared/archive/verify-archive.ts';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerEntry } from '../../../shared/ledger/ledger-entry.ts';
import type { LedgerStore } from '../../../shared/ledger/ledger-store.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import type { ArchivalPolicy } from '../config.ts';
import type { ArchivalContext } from '../context.ts';
import { archiveBucket, clientsAt, contextFor, parsePolicy } from '../context-fixtures.ts';
import { archivePolicy } from './archive-policy.ts';
import type { OnStep } from './archive-steps.ts';

/** PostgreSQL and S3 for archiving between them. */
export interface ArchivePlace extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly url: string;
  readonly admin: Client;
  /** Replaced by {@link reset}. */
  readonly s3: ObjectServer;
  readonly context: ArchivalContext;
  /** Empties everything, and makes `rows` listens of the years before, with some claps each. */
  reset(rows: number): Promise<void>;
  /** Archives as one run does. */
  archive(run?: ArchiveRun): Promise<PolicyOutcome>;
  /** Reads and verifies everything that is in archives. */
  archived(policy?: string): Promise<Archived>;
  ids(): Promise<number[]>;
}

export interface ArchiveRun {
  readonly policy?: ArchivalPolicy;
  readonly context?: Partial<ArchivalContext>;
  readonly onStep?: OnStep;
}

/** What is in a policy's archives, verified, and without what is excluded. */
export interface Archived {
  /** Keys of the root's rows, in the order of the archives. */
  readonly keys: string[];
  /** Values asked for of the rows of children. */
  readonly children: string[];
  readonly excluded: string[];
  readonly states: string[];
}

/** Rows are old enough for every policy of the tests. */
const firstListen = '2024-01-01 00:00:00+00';

/** Starts them. */
export async function startArchivePlace(options: PostgresOptions = {}): Promise<ArchivePlace> {
  await using started = new AsyncDisposableStack();
  const server = started.adopt(await startPostgres(options), (running) => running.stop());
  const admin = new Client({ connectionString: server.url });
  await admin.connect();
  started.defer(() => admin.end());
  let s3 = await startObjectServer();
  started.defer(() => s3.stop());
  s3.bucket(archiveBucket);
  let context = contextAt(server.url, s3);
  await admin.query(schema);
  const running = started.move();
  return {
    server,
    url: server.url,
    admin,
    get s3() {
      return s3;
    },
    get context() {
      return context;
    },
    async reset(rows) {
      await s3.stop();
      s3 = await startObjectServer();
      s3.bucket(archiveBucket);
      context = contextAt(server.url, s3);
      await admin.query('drop table if exists claps, listens cascade');
      await admin.query(schema);
      await admin.query(
        `insert into listens select n, $2::timestamptz + n * interval '1 minute', 'listener ' || n from generate_series(1, $1) n`,
        [rows, firstListen],
      );
      await admin.query('insert into claps (listen_id, note) select id, note from listens where id % 3 <> 0');
      await admin.query('analyze listens');
    },
    async archive({ policy = parsePolicy(withClaps), context: changes = {}, onStep } = {}) {
      const progress = await archivePolicy(policy, { ...context, ...changes }, undefined, onStep && { onStep });
      return policyOutcomeSchema.parse(progress.state);
    },
    archived: (policy = 'old-listens') => readArchived(storeAt(s3), policy),
    async ids() {
      const { rows } = await admin.query<{ id: string }>('select id from listens order by id');
      return rows.map(({ id }) => Number(id));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** What of a policy takes claps with their listens. */
export const withClaps = { children: [{ table: 'claps', columns: ['listen_id'] }] };

const schema = `
  create table listens (id bigint primary key, listened_at timestamptz not null, note text);
  create index listens_listened_at on listens (listened_at, id);
  create table claps (id bigint generated always as identity primary key, listen_id bigint not null references listens, note text);
  create index claps_listen_id on claps (listen_id)`;

function contextAt(url: string, s3: ObjectServer): ArchivalContext {
  return contextFor({ clients: clientsAt(s3.url).clients, databases: { main: { url, writer: { url } } } });
}

/** Returns the store of archives at a server. */
export function storeAt({ url }: Pick<ObjectServer, 'url'>): ArchiveStore {
  const destination = { bucket: archiveBucket, prefix: 'archives/', storageClass: 'STANDARD' as const };
  return new ArchiveStore(clientsAt(url).s3, destination, new AbortController().signal);
}

/** Reads and verifies everything that is in the archives of a policy. */
async function readArchived(store: ArchiveStore, policy: string): Promise<Archived> {
  const found: Archived = { keys: [], children: [], excluded: [], states: [] };
  const { archives } = await readChain(store, policy);
  for (const { sequence, manifestHash, exclusions, state } of archives) {
    const { manifest } = await readManifest(store, policy, sequence, manifestHash);
    await verifyArchive(store, manifest);
    const excluded = new Set<string>();
    for (const number of exclusions) {
      const { keys } = await readExclusions(store, policy, sequence, number, manifestHash);
      for (const key of keys) excluded.add(key.join(','));
    }
    const all = new Set(manifest.segments.keys());
    for await (const { values } of archivedRows(store, manifest, 0, all)) {
      const key = values.join(',');
      if (excluded.has(key)) found.excluded.push(key);
      else found.keys.push(key);
    }
    for (const table of [...manifest.tables.keys()].slice(1)) {
      for await (const { values } of archivedRows(store, manifest, table, all)) {
        if (!excluded.has(values.join(','))) found.children.push(values.join(','));
      }
    }
    found.states.push(state);
  }
  return found;
}

/** Returns what a policy's ledger says, oldest first, having verified it. */
export async function ledgerOf(ledgers: LedgerStore, policy = 'old-listens'): Promise<LedgerEntry[]> {
  const ledger = await Ledger.open(ledgers, `data-archival/${policy}`, () => new Date());
  const entries: LedgerEntry[] = [];
  for await (const entry of ledger.entries()) entries.push(entry);
  return entries;
}
