import { openReader, type ReaderOptions } from '../../../shared/postgres/reader.ts';
import type { Coverage } from '../../../shared/report.ts';
import { configSchema, databaseSettingsSchema } from '../config.ts';
import type { AuditEvaluation, Context, LiveDatabase } from '../context.ts';
import { contextFor } from '../context-fixtures.ts';
import { collectPhysical } from './collect-physical.ts';
import { evaluatePhysical } from './evaluate-physical.ts';
import type { DatabaseFacts, PhysicalFacts, ServerFacts } from './facts.ts';
import { physicalResource } from './physical-resource.ts';

/** How a test audits a database itself. */
export interface PhysicalAuditOptions {
  readonly name?: string;
  /** As `physical` in the settings of a database. */
  readonly physical?: Record<string, unknown>;
  readonly reader?: Partial<Omit<ReaderOptions, 'config'>>;
  readonly context?: Partial<Context>;
}

export interface PhysicalAudit extends AuditEvaluation {
  readonly facts: PhysicalFacts;
  readonly coverage: Coverage;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Returns a database as physical checks have it; disposing of it closes its connections. */
export async function openLive(
  url: string,
  { name = 'main', physical = {}, reader = {} }: PhysicalAuditOptions = {},
): Promise<LiveDatabase & AsyncDisposable> {
  const live = await openReader({
    config: { connectionString: url },
    connections: 2,
    statementTimeoutSeconds: 20,
    lockTimeoutSeconds: 0.3,
    timeZone: 'America/New_York',
    signal: new AbortController().signal,
    ...reader,
  });
  const settings = databaseSettingsSchema.parse({ physical });
  return { name, settings, live, [Symbol.asyncDispose]: () => live[Symbol.asyncDispose]() };
}

/** Returns what an audit finds in the database of a URL. */
export async function auditPhysical(url: string, options: PhysicalAuditOptions = {}): Promise<PhysicalAudit> {
  const { name = 'main', physical = {} } = options;
  await using database = await openLive(url, options);
  const metrics: Record<string, number> = {};
  const context = contextFor({
    config: configSchema.parse({ databases: { [name]: { physical } } }),
    // What was done a moment ago has been done, whatever the clocks say.
    now: new Date(Date.now() + 1_000),
    measure: (metric, value) => {
      metrics[metric] = value;
    },
    ...options.context,
  });
  const facts = await collectPhysical(database, context);
  return {
    facts,
    metrics,
    coverage: context.coverage.summary(),
    ...evaluatePhysical([facts], context.config, context.now),
  };
}

/** Returns a server as PostgreSQL 18 is, with what is given. */
export function serverFacts(given: Partial<ServerFacts> = {}): ServerFacts {
  return {
    version: 180_004,
    isStandby: false,
    isAurora: false,
    clusterId: '7711211896725179449',
    startedAtMs: 1_000,
    database: 'nycmg',
    role: 'caretaker',
    hasChecksums: true,
    maxPreparedTransactions: 0,
    ...given,
  };
}

/** Returns a young database, with what is given. */
export function databaseFacts(given: Partial<DatabaseFacts> = {}): DatabaseFacts {
  const { name = 'nycmg' } = given;
  return {
    resource: physicalResource('main', 'database', name),
    name,
    transactionAge: 100,
    multixactAge: 0,
    checksumFailures: 0,
    lastChecksumFailureAt: undefined,
    oldestTables: [],
    oldestMultixactTables: [],
    ...given,
  };
}

/** Returns what is seen of a database that is well, with what is given. */
export function physicalFacts(given: Partial<PhysicalFacts> = {}): PhysicalFacts {
  return {
    database: 'main',
    server: serverFacts(),
    corruptIndexes: [],
    corruptHeaps: [],
    invalidIndexes: [],
    unprovenConstraints: [],
    collations: [],
    sequences: [],
    databases: [databaseFacts()],
    preparedTransactions: [],
    slots: [],
    role: undefined,
    ...given,
  };
}
