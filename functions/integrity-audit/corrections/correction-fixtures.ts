import { Client } from 'pg';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { AwsClients } from '../../../shared/aws/clients.ts';
import type { LedgerEntry } from '../../../shared/ledger/ledger-entry.ts';
import type { LedgerStore } from '../../../shared/ledger/ledger-store.ts';
import { MemoryLedgerStore } from '../../../shared/ledger/memory-ledger-store.ts';
import { MemoryStateStore } from '../../../shared/storage/memory-state-store.ts';
import type { StateStore } from '../../../shared/storage/state-store.ts';
import { configSchema } from '../config.ts';
import { type CorrectionRequest, correct } from './correct.ts';
import type { CorrectionContext } from './correction-context.ts';
import { openLedger } from './correction-ledger.ts';
import type { CorrectionResult } from './correction-result.ts';
import type { CorrectableRule } from './prepared-correction.ts';

/** A server with a table of tracks, a role that reads and one that writes. */
export interface CorrectionServer extends AsyncDisposable {
  readonly server: PostgresServer;
  /** As the superuser. */
  readonly client: Client;
  readonly readerUrl: string;
  readonly writerUrl: string;
  /** Puts the tables back: 10 tracks, of which 3, 4 and 5 have no title; 2 listens of each. */
  reset(): Promise<void>;
  /** Returns the first column of what a statement returns. */
  column(statement: string): Promise<unknown[]>;
}

export async function startCorrectionServer(): Promise<CorrectionServer> {
  const server = await startPostgres();
  const client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query(`
    create role reading login password 'r'; grant pg_read_all_data to reading;
    create role writing login password 'w'; grant create, usage on schema public to writing`);
  const urlOf = (username: string, password: string) => Object.assign(new URL(server.url), { username, password }).href;
  return {
    server,
    client,
    readerUrl: urlOf('reading', 'r'),
    writerUrl: urlOf('writing', 'w'),
    async reset() {
      await client.query(`
        drop schema public cascade; create schema public; grant create, usage on schema public to writing;
        grant usage on schema public to reading;
        create table tracks (id integer primary key, album_id integer not null, title text, isrc char(12));
        create table listens (id integer primary key, track_id integer references tracks on delete cascade);
        insert into tracks select n, n / 4, case when n not in (3, 4, 5) then 'title ' || n end, 'US' || n
          from generate_series(1, 10) n;
        insert into listens select n, 1 + n % 10 from generate_series(1, 20) n;
        grant select, insert, update, delete on all tables in schema public to writing`);
    },
    column: async (statement) =>
      (await client.query({ text: statement, rowMode: 'array' })).rows.map(([value]) => value),
    async [Symbol.asyncDispose]() {
      await client.end();
      await server.stop();
    },
  };
}

/** The rule that the tracks 3, 4 and 5 break. */
export const untitled = {
  id: 'titles',
  kind: 'sql',
  query: 'select id from tracks where title is null',
  key: ['id'],
} as const;

/** Returns a rule with a correction, as the configuration has it. */
function correctable(rule: object): CorrectableRule {
  return configSchema.parse({ rules: [rule] }).rules[0] as CorrectableRule;
}

/** A desk at which one person corrects one rule after another. */
export interface Desk {
  readonly context: CorrectionContext;
  readonly store: StateStore;
  readonly ledgers: LedgerStore;
  ask(rule: object, kind: 'plan' | 'apply'): Promise<CorrectionResult>;
  attend(rule: object, note: string): Promise<CorrectionResult>;
  ledger(): Promise<LedgerEntry[]>;
}

export function deskAt(
  { readerUrl, writerUrl }: Pick<CorrectionServer, 'readerUrl' | 'writerUrl'>,
  changes: Partial<CorrectionContext> = {},
): Desk {
  const store = changes.store ?? new MemoryStateStore();
  const ledgers = changes.ledgers ?? new MemoryLedgerStore();
  const context: CorrectionContext = {
    config: configSchema.parse({ limits: { lockTimeoutSeconds: 0.5, statementTimeoutSeconds: 20 } }),
    estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1'], accounts: [] },
    databases: { main: { url: readerUrl, writer: { url: writerUrl } } },
    homeRegion: 'us-east-1',
    clients: new AwsClients(),
    signal: new AbortController().signal,
    clock: () => new Date(),
    actor: 'ada',
    ...changes,
    store,
    ledgers,
  };
  const run = (rule: object, request: CorrectionRequest) => correct(correctable(rule), request, context);
  return {
    context,
    store,
    ledgers,
    ask: (rule, kind) => run(rule, { kind }),
    attend: (rule, note) => run(rule, { kind: 'attend', note }),
    ledger: async () => Array.fromAsync((await openLedger('main', context)).entries()),
  };
}
