import pMap from 'p-map';
import { type CoverageLedger, scopeType } from '../../shared/coverage.ts';
import { type Database, readConnection } from '../../shared/databases.ts';
import { isInScope } from '../../shared/objects/object-store.ts';
import { readTables } from '../../shared/postgres/catalog.ts';
import { connectionConfig } from '../../shared/postgres/connection.ts';
import { openLoadGuard } from '../../shared/postgres/load-guard.ts';
import { openReader, openSnapshot, type ReaderOptions } from '../../shared/postgres/reader.ts';
import { parseTableName } from '../../shared/postgres/sql.ts';
import type { Resource } from '../../shared/resource.ts';
import { UncheckedError } from '../../shared/unchecked-error.ts';
import type { Rule } from './config.ts';
import type { AuditedDatabase, Context, LiveDatabase } from './context.ts';
import { databaseSettings } from './database-settings.ts';
import { auditGeotag } from './geotag/audit-geotag.ts';
import { auditObjects } from './objects/audit-objects.ts';
import { type Outcome, ruleResource } from './outcome.ts';
import { collectPhysical } from './physical/collect-physical.ts';
import type { PhysicalFacts } from './physical/facts.ts';
import { auditQuery } from './queries/audit-query.ts';
import { isQueryRule, isScanRule } from './rule-kinds.ts';
import { auditScans } from './scan/audit-scans.ts';
import { checkTableSettings } from './table-settings.ts';
import { tablesOf } from './tables-of.ts';

/** Everything that the rules judge. */
export interface AuditItems {
  readonly outcomes: readonly Outcome[];
  readonly physical: readonly PhysicalFacts[];
  /** The run is about some resources only, and the facts may be about others too. */
  readonly isNarrowed: boolean;
}

/** Databases read at a time; each has connections of its own. */
const databaseConcurrency = 2;

/** Returns what reading the databases has shown; what could not be read is in the coverage ledger. */
export async function collect(context: Context): Promise<AuditItems> {
  const { config, databases, coverage } = context;
  const rules = config.rules
    .filter((rule) => coverage.selects(ruleResource(rule)))
    // A run that is narrowed to other accounts has no credentials for the bucket.
    .filter((rule) => rule.kind !== 'objects' || isInScope(context, rule));
  for (const rule of rules) coverage.expect(ruleResource(rule));
  // There is nothing that could have been overlooked.
  if (Object.keys(databases).length === 0) coverage.allowEmpty();
  let waiting = Object.keys(databases).length;
  const audited = await pMap(
    Object.entries(databases),
    ([name, database]) => {
      waiting -= 1;
      const own = rules.filter((rule) => rule.database === name);
      return auditDatabase(name, database, own, () => waiting, context);
    },
    { concurrency: databaseConcurrency },
  );
  return {
    outcomes: audited.flatMap(({ outcomes }) => outcomes),
    physical: audited.flatMap(({ physical }) => physical ?? []),
    isNarrowed: coverage.isNarrowed,
  };
}

interface Audited {
  readonly outcomes: readonly Outcome[];
  readonly physical: PhysicalFacts | undefined;
}

async function auditDatabase(
  name: string,
  database: Database,
  rules: readonly Rule[],
  waiting: () => number,
  context: Context,
): Promise<Audited> {
  const { config, coverage, estate } = context;
  const settings = databaseSettings(config, name);
  const resource = { type: scopeType, id: `database/${name}`, name: `database ${name}` };
  const audited = await coverage.look(resource, async () => {
    const { limits } = config;
    const options: ReaderOptions = {
      config: await connectionConfig(readConnection(database), context),
      connections: limits.connections,
      statementTimeoutSeconds: limits.statementTimeoutSeconds,
      lockTimeoutSeconds: limits.lockTimeoutSeconds,
      timeZone: estate.timeZone,
      signal: context.signal,
    };
    await using guard = await openLoadGuard(options, limits);
    await using live = await openReader({ ...options, guard });
    const open: LiveDatabase = { name, settings, live };
    await checkTableSettings(open, coverage);
    const asOfOneMoment = await auditRows(rules, open, { ...options, guard }, context);
    // Only now: the snapshot keeps the server from cleaning up, and these take long.
    const objects = rules.filter((rule) => rule.kind === 'objects');
    const sharers = 1 + objects.length + waiting();
    const physical = settings.physical.enabled
      ? await auditFiles(open, { ...options, guard }, sharers, context)
      : undefined;
    const compared = await pMap(objects, (rule) => auditObjects(rule, open, context), { concurrency: 1 });
    context.measure(`unseenLoadSignals.${name}`, guard.blindSpots.length);
    return { outcomes: [...asOfOneMoment, ...compared.flat()], physical };
  });
  if (audited !== undefined) return audited;
  leaveUnread(rules, name, coverage);
  return { outcomes: [], physical: undefined };
}

/** What is lost in one part of a database's audit must not take what the others have found with it. */
async function auditRows(
  rules: readonly Rule[],
  database: LiveDatabase,
  options: ReaderOptions,
  context: Context,
): Promise<readonly Outcome[]> {
  const ofRows = rules.filter((rule) => rule.kind !== 'objects');
  if (ofRows.length === 0) return [];
  const outcomes = await context.coverage.look(partOf(database.name, 'rows'), () =>
    auditSnapshot(ofRows, database, options, context),
  );
  if (outcomes === undefined) leaveUnread(ofRows, database.name, context.coverage);
  return outcomes ?? [];
}

/**
 * Files can take all the time that there is, and what is not verified comes first in the next run. So they have an equal
 * share of what is left, beside each of those who are still to come.
 */
async function auditFiles(
  database: LiveDatabase,
  options: ReaderOptions,
  sharers: number,
  context: Context,
): Promise<PhysicalFacts | undefined> {
  return context.coverage.look(partOf(database.name, 'files'), async () => {
    if (sharers === 1) return collectPhysical(database, context);
    using share = timeShare(context.timeLeftMs() / sharers);
    const signal = AbortSignal.any([context.signal, share.signal]);
    await using live = await openReader({ ...options, signal });
    return await collectPhysical({ ...database, live }, { ...context, signal });
  });
}

function partOf(database: string, part: string): Resource {
  return { type: scopeType, id: `database/${database}/${part}`, name: `${part} of database ${database}` };
}

function leaveUnread(rules: readonly Rule[], database: string, coverage: CoverageLedger): void {
  const detail = `The database ${database} could not be read; the reason is with it.`;
  for (const rule of rules) coverage.unchecked(ruleResource(rule), 'database-unread', detail);
}

/** Reads the rules that are about rows, all as of one moment. */
async function auditSnapshot(
  ofRows: readonly Rule[],
  database: LiveDatabase,
  options: ReaderOptions,
  context: Context,
): Promise<Outcome[]> {
  using expiry = snapshotExpiry(context.config.limits.snapshotSeconds);
  const signal = AbortSignal.any([context.signal, expiry.signal]);
  // A pause is not to be made in a snapshot, behind which the server cannot clean up.
  await options.guard?.waitUntilCalm(signal);
  await using snapshot = await openSnapshot({ ...options, signal });
  const tables = await readTables(snapshot, ofRows.flatMap(tablesOf).map(parseTableName));
  const audited: AuditedDatabase = { ...database, snapshot, tables };
  const within = { ...context, signal };
  let done = 0;
  const advance = <T>(count: number, result: T): T => {
    done += count;
    context.progress(done, ofRows.length);
    return result;
  };
  const scans = ofRows.filter(isScanRule);
  const scanned = auditScans(scans, audited, within).then((result) => advance(scans.length, result));
  const others = pMap(
    ofRows.filter((rule) => !isScanRule(rule)),
    async (rule) => {
      if (rule.kind === 'geotag') return advance(1, await auditGeotag(rule, audited, within));
      return isQueryRule(rule) ? advance(1, await auditQuery(rule, audited, within)) : [];
    },
    { concurrency: context.config.limits.connections },
  );
  // Both are waited for, also when one of them breaks: the snapshot must not be closed below the other.
  const settled = await Promise.allSettled([scanned, others.then((results) => results.flat())]);
  const broken = settled.find((result) => result.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  return settled.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

/** Returns a signal that is aborted when a snapshot has kept the server from cleaning up for as long as it may. */
function snapshotExpiry(seconds: number): Expiry {
  const detail = `The snapshot was given up after ${seconds} s, so that the server can clean up.`;
  return expiryAfter(seconds * 1000, new UncheckedError('snapshot-expired', detail));
}

function timeShare(milliseconds: number): Expiry {
  const detail = 'The rest of the time was for what comes behind it; what has waited longest is first in the next run.';
  return expiryAfter(milliseconds, new UncheckedError('not-reached', detail));
}

/** Of what is longer, a timer is at its end at once. https://nodejs.org/api/timers.html */
const longestTimerMs = 2 ** 31 - 1;

type Expiry = { readonly signal: AbortSignal } & Disposable;

function expiryAfter(milliseconds: number, reason: UncheckedError): Expiry {
  const expiry = new AbortController();
  const timer = setTimeout(() => expiry.abort(reason), Math.min(milliseconds, longestTimerMs));
  return { signal: expiry.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
