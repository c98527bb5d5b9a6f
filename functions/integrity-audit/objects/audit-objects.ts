import { listObjects } from '../../../shared/objects/list-objects.ts';
import { s3For, s3Url } from '../../../shared/objects/object-store.ts';
import { readTables, requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import { parseTableName } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { RuleOfKind } from '../config.ts';
import type { Context, LiveDatabase } from '../context.ts';
import { type Outcome, ruleResource } from '../outcome.ts';
import { type SampleColumns, sampleColumns } from '../samples.ts';
import { readChecksumCursor, writeChecksumCursor } from './checksum-cursor.ts';
import { compareChecksums } from './compare-checksums.ts';
import { compareListings } from './compare-listings.ts';
import { Confirmer } from './confirm.ts';
import { rowAccess } from './key-order.ts';
import type { RowSource } from './list-rows.ts';
import { ObjectAsker, type ObjectPlace } from './object-asker.ts';
import { checksumRoundPercent, objectOutcomes } from './object-outcomes.ts';
import { RowQueries } from './row-queries.ts';
import { emptyTally, type FaultTally, type Tally } from './tally.ts';

type ObjectRule = RuleOfKind<'objects'>;

/** How rows are read; tests read them in smaller pieces. */
export interface Pace {
  readonly pageRows: number;
  readonly stretchMs: number;
}

const usualPace: Pace = { pageRows: 10_000, stretchMs: 60_000 };

/**
 * Compares rows with the objects in S3 that belong to them, and settles the rule in the coverage ledger. Returns what
 * was found also where not all could be compared, and the ledger says why.
 *
 * Rows for which the rule's `where` does not hold own their objects all the same. Neither side is read as of one
 * moment, so nothing is at fault before both were asked once more.
 *
 * Keys of objects may name people. They are never shown, but as samples: that of a row where `keyColumn` is part of
 * the table's key or one of its safe columns, and that of an object without a row where it would be shown of a row.
 */
export async function auditObjects(
  rule: ObjectRule,
  database: LiveDatabase,
  context: Context,
  pace: Pace = usualPace,
): Promise<Outcome[]> {
  const tally = emptyTally();
  await context.coverage.look(ruleResource(rule), async () => {
    try {
      await compare(rule, database, context, pace, tally);
    } catch (error) {
      if (!context.signal.aborted) throw error;
      const detail = `The run ended when ${tally.rows} rows and ${tally.objects} objects had been compared.`;
      throw new UncheckedError('not-reached', detail, { cause: error });
    }
  });
  measure(rule, tally, context);
  return objectOutcomes(rule, tally, context.config.limits.samples);
}

async function compare(
  rule: ObjectRule,
  database: LiveDatabase,
  context: Context,
  pace: Pace,
  tally: Tally,
): Promise<void> {
  const { config, store, signal } = context;
  const { table, shown } = await readTable(rule, database);
  const source = await rowSource(rule, table, database, context, pace);
  const place: ObjectPlace = { client: s3For(context, rule), bucket: rule.bucket, prefix: rule.prefix };
  const asker = new ObjectAsker(place, signal);
  const { hasKeys, withoutKey } = await countKeys(source);
  tally.rowsWithoutKey = withoutKey;
  if (!hasKeys) await requireNoObject(rule, place, signal);
  const confirmer = new Confirmer({
    source,
    asker,
    keyColumn: rule.keyColumn,
    shown,
    maximumSamples: config.limits.samples,
    tally,
  });
  const comparesChecksums = rule.sha256Column !== undefined && rule.checksumsPerRun > 0;
  const cursor = comparesChecksums ? await readChecksumCursor(store, rule) : undefined;
  const { graceMinutes, sizeColumn, orphanSeverity } = rule;
  await compareListings({
    source,
    place,
    rules: { graceMinutes, comparesSizes: sizeColumn !== undefined },
    confirmer,
    tally,
    wantsOrphans: orphanSeverity !== 'ignore',
    cursor,
    signal,
  });
  if (comparesChecksums) {
    const remember = (after: string) => writeChecksumCursor(store, rule, after);
    const { checksums } = tally;
    await compareChecksums({
      source,
      asker,
      confirmer,
      tally: checksums,
      maximum: rule.checksumsPerRun,
      cursor,
      remember,
    });
  }
  tally.isComplete = true;
  requireConfirmation(tally, asker);
  if (comparesChecksums) requireChecksums(tally, asker);
}

/** Returns the table, and what may be shown of it: of that, what the role may read. */
async function readTable(
  rule: ObjectRule,
  { live, settings }: LiveDatabase,
): Promise<{ table: TableFacts; shown: SampleColumns }> {
  const name = parseTableName(rule.table);
  const { keyColumn, sizeColumn, sha256Column, createdColumn } = rule;
  const columns = [keyColumn, sizeColumn, sha256Column, createdColumn].filter((column) => column !== undefined);
  const table = requireTable(await readTables(live, [name]), name, columns);
  const { columns: all, masked } = sampleColumns(table, settings);
  return { table, shown: { columns: all.filter((column) => table.columns.get(column)?.isReadable === true), masked } };
}

async function rowSource(
  rule: ObjectRule,
  table: TableFacts,
  { live }: LiveDatabase,
  { now }: Context,
  { pageRows, stretchMs }: Pace,
): Promise<RowSource> {
  const queries = new RowQueries(rule, table);
  return {
    reader: live,
    queries,
    access: await rowAccess(live, queries, table, { keyColumn: rule.keyColumn, pageRows }),
    graceMinutes: rule.graceMinutes,
    now,
    pageRows,
    stretchMs,
  };
}

/** Returns whether any row has a key, and how many rows that the rule is about have none. */
async function countKeys({ reader, queries }: RowSource): Promise<{ hasKeys: boolean; withoutKey: number }> {
  const [counts] = await reader.query<{ has_keys: boolean; without_key: string }>(queries.keyCounts());
  return { hasKeys: counts?.has_keys === true, withoutKey: Number(counts?.without_key) };
}

/**
 * Makes sure that there is no object where no row has a key.
 *
 * @throws UncheckedError `nothing-compared` when there is one: it is the wrong table or column, or it was emptied,
 *   and every object would be said to belong to nothing.
 */
async function requireNoObject(
  { table, keyColumn, ...location }: ObjectRule,
  { client, bucket, prefix }: ObjectPlace,
  signal: AbortSignal,
): Promise<void> {
  for await (const _ of listObjects(client, { bucket, prefix }, { signal })) {
    const detail = `No row of ${table} has a ${keyColumn}, and ${s3Url(location)} holds objects: nothing was compared.`;
    throw new UncheckedError('nothing-compared', detail);
  }
}

/** @throws UncheckedError when of what seems to be at fault something was not answered, or nothing could be confirmed. */
function requireConfirmation({ faults }: Tally, { refusal }: ObjectAsker): void {
  const all = Object.values(faults);
  const unanswered = all.filter(({ refused }) => refused > 0);
  if (unanswered.length > 0 && refusal !== undefined) {
    const count = unanswered.reduce((sum, { refused, unconfirmed }: FaultTally) => sum + refused + unconfirmed, 0);
    const detail = `${count} rows or objects seem to be without the other or different, and nobody could be asked.`;
    throw new UncheckedError(refusal.reason, `${detail} ${refusal.detail}`);
  }
  const unclear = all.filter(({ confirmed, unconfirmed }) => confirmed === 0 && unconfirmed > 0);
  if (unclear.length === 0) return;
  const count = unclear.reduce((sum, { unconfirmed }: FaultTally) => sum + unconfirmed, 0);
  const detail = `${count} more rows or objects seem to be without the other or different.`;
  throw new UncheckedError('unconfirmed', `None of those asked about was at fault. ${detail}`);
}

/** @throws UncheckedError when checksums were to be compared, and one could not be asked for, or there was none at all. */
function requireChecksums({ checksums, rows, rowsInFlight }: Tally, { refusal }: ObjectAsker): void {
  const { compared, asked, without, refused, unreadable } = checksums;
  if (refused > 0 && refusal !== undefined) {
    const detail = `${refused} of ${asked} objects gave no answer when asked for their checksum.`;
    throw new UncheckedError(refusal.reason, `${detail} ${refusal.detail}`);
  }
  if (compared > 0 || rows === rowsInFlight) return;
  if (without > 0) {
    const detail = `S3 keeps a SHA-256 of none of ${asked} objects that were asked for, nor has their metadata one.`;
    throw new UncheckedError('no-checksum', `${detail} What they hold was not compared.`);
  }
  if (asked > 0) return;
  const recorded =
    unreadable > 0 ? `${unreadable} rows record what is no SHA-256 in hexadecimal` : 'no row records one';
  throw new UncheckedError('no-checksum', `No checksum was compared: ${recorded}.`);
}

/** Numbers that a rule without findings would not tell. */
function measure({ id, sha256Column }: ObjectRule, tally: Tally, context: Context): void {
  const { checksums } = tally;
  context.measure(`${id}/rowsCompared`, tally.rows);
  context.measure(`${id}/objectsCompared`, tally.objects);
  if (sha256Column === undefined) return;
  context.measure(`${id}/checksumsCompared`, checksums.compared);
  context.measure(`${id}/objectsWithoutChecksum`, checksums.without);
  context.measure(`${id}/checksumRoundPercent`, checksumRoundPercent(tally));
}
