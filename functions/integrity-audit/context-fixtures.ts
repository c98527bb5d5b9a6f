import { AwsClients } from '../../shared/aws/clients.ts';
import { uncheckedReason } from '../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../shared/coverage.ts';
import { readTables } from '../../shared/postgres/catalog.ts';
import { openReader, openSnapshot, type ReaderOptions } from '../../shared/postgres/reader.ts';
import { parseTableName } from '../../shared/postgres/sql.ts';
import { postgresUncheckedReason } from '../../shared/postgres/unchecked-reason.ts';
import { anyRun } from '../../shared/run-fixtures.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import { configSchema, databaseSettingsSchema, type Rule } from './config.ts';
import type { AuditedDatabase, Context } from './context.ts';
import { tablesOf } from './tables-of.ts';

/**
 * Returns what tests hand to this task's steps in place of a run: NYCMG's estate, the default configuration without
 * rules, an empty memory, an empty ledger that knows the errors of AWS and of PostgreSQL, and no end to its time.
 * `options` replaces any of it.
 */
export function contextFor(options: Partial<Context> = {}): Context {
  return {
    ...anyRun(),
    config: configSchema.parse({}),
    estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1', 'us-west-2'], accounts: [] },
    databases: {},
    homeRegion: 'us-east-1',
    scope: {},
    now: new Date('2026-03-08T06:59:59.500Z'),
    clients: new AwsClients(),
    store: new MemoryStateStore(),
    signal: new AbortController().signal,
    coverage: new CoverageLedger({
      classify: (error) => uncheckedReason(error) ?? postgresUncheckedReason(error),
    }),
    work: [],
    timeLeftMs: () => 86_400_000,
    measure: () => {},
    progress: () => {},
    ...options,
  };
}

/** Returns rules as they are written in a configuration, every default filled in. */
export function parseRules(...rules: readonly unknown[]): Rule[] {
  return configSchema.parse({ rules }).rules;
}

/** What a test wants to know of its database, and how. */
export interface AuditedDatabaseOptions {
  readonly name?: string;
  /** As under `databases` in the task's configuration. */
  readonly settings?: unknown;
  /** Tables to have the facts of, as a configuration writes them, beside those of `rules`. */
  readonly tableNames?: readonly string[];
  readonly rules?: readonly Rule[];
  readonly reader?: Partial<Omit<ReaderOptions, 'config'>>;
}

/**
 * Returns the database of a URL as an audit has it, in a snapshot taken now; disposing of it closes all connections.
 */
export async function openAuditedDatabase(
  url: string,
  { name = 'main', settings = {}, tableNames = [], rules = [], reader = {} }: AuditedDatabaseOptions = {},
): Promise<AuditedDatabase & AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const options: ReaderOptions = {
    config: { connectionString: url },
    connections: 2,
    statementTimeoutSeconds: 20,
    lockTimeoutSeconds: 2,
    timeZone: 'America/New_York',
    signal: new AbortController().signal,
    ...reader,
  };
  const live = opened.use(await openReader(options));
  const snapshot = opened.use(await openSnapshot(options));
  const names = [...tableNames, ...rules.flatMap(tablesOf)].map(parseTableName);
  const tables = await readTables(snapshot, names);
  const held = opened.move();
  return {
    name,
    settings: databaseSettingsSchema.parse(settings),
    live,
    snapshot,
    tables,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
