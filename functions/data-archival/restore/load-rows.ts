import sql, { join, raw, type Sql } from 'sql-template-tag';
import { addDigests, emptyDigest, equalDigests, subtractDigests } from '../../../shared/archive/digest.ts';
import type { Manifest, ManifestTable } from '../../../shared/archive/manifest.ts';
import type { CopySession } from '../../../shared/postgres/copy-session.ts';
import { columnList, formatTableName, identifier, qualified, type TableName } from '../../../shared/postgres/sql.ts';
import { readTargetTables, type TargetTableFacts } from '../../../shared/retention/read-target-tables.ts';
import type { RowsDigest } from '../../../shared/retention/row-target.ts';
import { advanceIdentities } from './advance-identities.ts';
import { makeTables } from './make-tables.ts';
import { requireShape } from './require-shape.ts';
import { RestoreRefusal } from './restore-refusal.ts';
import { type DigestRow, digestColumns, digestIn, digestOf } from './table-digest.ts';

/** Where rows go: into tables made anew in a schema, or back to where they were taken from. */
export type LoadTarget =
  | { readonly kind: 'schema'; readonly schema: string; readonly isScratch: boolean }
  | { readonly kind: 'original' };

/** A table that rows were loaded into, and proven to be there as they were archived. */
export interface LoadedTable extends RowsDigest {
  readonly archived: string;
  readonly table: string;
  /** Left out, because they had changed and so were never taken away. */
  readonly excludedRows: number;
}

/** What is loaded. */
export interface ArchivedRows {
  readonly manifest: Manifest;
  /** Keys of the root's rows that stay out, and with them their children. */
  readonly excludedKeys: readonly (readonly string[])[];
  /** Returns a table's COPY text, in the manifest's encoding. */
  rowsOf(table: ManifestTable): AsyncIterable<Uint8Array>;
}

/** Values in one statement; the protocol has room for 65,535. */
const maximumParameters = 10_000;

/** Keys that a refusal names. */
const maximumKeysNamed = 10;

/**
 * Loads an archive within the transaction that the session is in, and returns when every row is there with the hash
 * that it had when it was archived, computed columns and all. Whoever calls it makes it final, or does not. After an
 * error the transaction is of no use.
 *
 * Rows are copied into temporary tables first, of columns that take any value of their types: what is computed can be
 * written there, and compared. From there they are inserted, parents before their children.
 *
 * @param progress is told how many rows have been copied.
 * @throws RestoreRefusal when anything is in the way, and the server's errors.
 */
export async function loadRows(
  session: CopySession,
  rows: ArchivedRows,
  target: LoadTarget,
  progress: (rows: number) => void = () => {},
): Promise<LoadedTable[]> {
  const { manifest } = rows;
  if (session.encoding !== manifest.encoding) {
    throw new RestoreRefusal(
      'other-encoding',
      `The archive is in ${manifest.encoding} and the database in ${session.encoding}: ` +
        'what is in it could not be compared.',
    );
  }
  const names =
    target.kind === 'schema'
      ? await makeTables(session, manifest, target.schema, target.isScratch)
      : manifest.tables.map(({ schema, name }) => ({ schema, name }));
  const facts = await readTargetTables(session, names);
  const loads = manifest.tables.map((archived, index) => {
    const name = names[index] as TableName;
    const found = facts.get(formatTableName(name));
    requireShape(archived, name, found, target.kind);
    return new TableLoad(session, archived, found, { schema: 'pg_temp', name: `caretaker_restore_${index}` });
  });
  for (const load of loads) load.parent = load.archived.parent === null ? undefined : loads[load.archived.parent];
  let staged = 0;
  for (const load of loads) {
    await load.stage(rows.rowsOf(load.archived));
    staged += load.archived.rows;
    progress(staged);
  }
  await exclude(session, manifest, loads, rows.excludedKeys);
  if (target.kind === 'original') {
    await requireNoConflict(loads, manifest.key);
    for (const load of loads) await load.lookBefore();
  }
  for (const load of loads) await load.insert();
  // What is checked at the end otherwise is checked here, and what a trigger does then is in the count.
  await session.query(sql`set constraints all immediate`);
  for (const load of loads) await load.requireEqual(target, manifest.key);
  // In the original tables they are behind these rows already: they were there.
  if (target.kind === 'schema') for (const { facts } of loads) await advanceIdentities(session, facts);
  return loads.map((load) => load.loaded());
}

/** One table on its way. */
class TableLoad {
  readonly archived: ManifestTable;
  readonly facts: TargetTableFacts;
  readonly staging: TableName;
  /** Of the rows that are to be inserted. */
  expected: RowsDigest;
  /** What its rows go with; undefined for the root. */
  parent: TableLoad | undefined;
  readonly #session: CopySession;
  /** Rows that went with those of the parent before these were there again: nobody has kept them from coming. */
  #before: RowsDigest = emptyDigest;
  #inserted: RowsDigest = emptyDigest;

  constructor(session: CopySession, archived: ManifestTable, facts: TargetTableFacts, staging: TableName) {
    this.#session = session;
    this.archived = archived;
    this.facts = facts;
    this.staging = staging;
    this.expected = { rows: archived.rows, hash: archived.hash };
  }

  /** Columns that tell rows apart: the table's primary key; nothing without one. */
  get key(): readonly string[] {
    return this.facts.primaryKey;
  }

  async stage(source: AsyncIterable<Uint8Array>): Promise<void> {
    const columns = this.archived.columns.map(({ name }) => name);
    await this.#session.query(sql`
      create temporary table ${identifier(this.staging.name)} on commit drop
      as select ${columnList(columns)} from ${qualified(this.facts)} with no data`);
    await this.#session.copyIn(this.staging, columns, source);
    await this.#session.query(sql`analyze ${qualified(this.staging)}`);
    this.#require(
      await digestOf(this.#session, this.facts.columns, sql`${qualified(this.staging)} t`),
      'what was read from the archive',
    );
  }

  /** Takes rows out of the temporary table; `condition` is about them as `t`. */
  async leaveOut(condition: Sql): Promise<void> {
    const [gone] = await this.#session.query<DigestRow>(sql`
      with t as (delete from ${qualified(this.staging)} t where ${condition} returning t.*)
      select ${digestColumns(this.facts.columns)} from t`);
    this.expected = subtractDigests(this.expected, digestIn(gone));
  }

  /** Returns a sentence on rows that are in the table already; nothing when none is. */
  async conflicts(key: readonly string[]): Promise<string[]> {
    const texts = join(
      key.map((name) => sql`${columnList([name], 's')}::pg_catalog.text`),
      ', ',
    );
    const rows = await this.#session.query<{ total: string; key: string[] }>(sql`
      select pg_catalog.count(*) over () as total, array[${texts}] as key from ${qualified(this.staging)} s
      where exists (select from ${qualified(this.facts)} t where ${sameColumns(key, 's')})
      order by ${columnList(key, 's')} limit ${maximumKeysNamed}`);
    const total = Number(rows[0]?.total ?? 0);
    if (total === 0) return [];
    const named = rows.map(({ key: values }) => keyText(key, values)).join('; ');
    const more = total > rows.length ? `; and ${(total - rows.length).toLocaleString('en-US')} more` : '';
    return [
      `${formatTableName(this.facts)} has ${total.toLocaleString('en-US')} of these rows already: ${named}${more}.`,
    ];
  }

  async insert(): Promise<void> {
    const columns = this.facts.columns.filter(({ isGenerated }) => !isGenerated).map(({ name }) => name);
    const [row] = await this.#session.query<DigestRow>(sql`
      with t as (
        insert into ${qualified(this.facts)} as t (${columnList(columns)}) overriding system value
        select ${columnList(columns)} from ${qualified(this.staging)} returning t.*
      ) select ${digestColumns(this.facts.columns)} from t`);
    this.#inserted = digestIn(row);
  }

  /** Counts what goes with the rows of the parent already, to tell it from what comes now. */
  async lookBefore(): Promise<void> {
    if (this.parent !== undefined) this.#before = await this.#goingWith(this.parent);
  }

  /**
   * Reads the rows where they are now: triggers may have changed them on their way, or since, or have added some that
   * go with them.
   */
  async requireEqual({ kind }: LoadTarget, rootKey: readonly string[]): Promise<void> {
    this.#require(this.#inserted, 'what was inserted');
    const what = 'what is in the table';
    if (kind === 'schema') {
      this.#require(await digestOf(this.#session, this.facts.columns, sql`${qualified(this.facts)} t`), what);
    } else if (this.parent !== undefined) {
      this.#require(await this.#goingWith(this.parent), what, addDigests(this.#before, this.expected));
    } else {
      const isSame = sameColumns(rootKey, 's');
      const matching = sql`${qualified(this.facts)} t join ${qualified(this.staging)} s on ${isSame}`;
      this.#require(await digestOf(this.#session, this.facts.columns, matching), what);
    }
  }

  loaded(): LoadedTable {
    const { archived, facts, expected } = this;
    return {
      archived: formatTableName(archived),
      table: formatTableName(facts),
      excludedRows: archived.rows - expected.rows,
      ...expected,
    };
  }

  async #goingWith(parent: TableLoad): Promise<RowsDigest> {
    const refers = references(this.archived, 'p');
    return digestOf(
      this.#session,
      this.facts.columns,
      sql`${qualified(this.facts)} t where exists (select from ${qualified(parent.staging)} p where ${refers})`,
    );
  }

  #require(actual: RowsDigest, what: string, expected: RowsDigest = this.expected): void {
    const { archived } = this;
    if (equalDigests(actual, expected)) return;
    const count = actual.rows === expected.rows ? 'rows, but with another hash' : 'rows';
    throw new RestoreRefusal(
      'not-equal',
      `${formatTableName(archived)}: ${what} is ${actual.rows.toLocaleString('en-US')} ${count} instead of ` +
        `${expected.rows.toLocaleString('en-US')} with the hash ${expected.hash}.`,
    );
  }
}

/** Rows that were not taken away stay out, and so do the rows that went with them. */
async function exclude(
  session: CopySession,
  { key }: Manifest,
  loads: readonly TableLoad[],
  excludedKeys: ArchivedRows['excludedKeys'],
): Promise<void> {
  if (excludedKeys.length === 0) return;
  const types = new Map(loads[0]?.facts.columns.map(({ name, type }) => [name, type]));
  const equal = key.map((name, index) => sql`${columnList([name], 't')} = e.${raw(`k${index}`)}`);
  const names = raw(key.map((_, index) => `k${index}`).join(', '));
  const size = Math.floor(maximumParameters / key.length);
  for (let start = 0; start < excludedKeys.length; start += size) {
    // Each a parameter of the type itself, so that it is read as the type reads its text.
    const values = excludedKeys.slice(start, start + size).map(
      (texts) =>
        sql`(${join(
          key.map((name, index) => sql`${texts[index]}::${raw(types.get(name) as string)}`),
          ', ',
        )})`,
    );
    await loads[0]?.leaveOut(
      sql`exists (select from (values ${join(values, ', ')}) as e (${names}) where ${join(equal, ' and ')})`,
    );
  }
  const left = (loads[0]?.archived.rows ?? 0) - (loads[0]?.expected.rows ?? 0);
  if (left !== excludedKeys.length) {
    throw new RestoreRefusal(
      'not-equal',
      `The archive has ${left.toLocaleString('en-US')} of the ${excludedKeys.length.toLocaleString('en-US')} rows ` +
        'that are said to have stayed out of it.',
    );
  }
  for (const load of loads) {
    const { parent } = load;
    if (parent === undefined) continue;
    const above = qualified(parent.staging);
    await load.leaveOut(sql`not exists (select from ${above} p where ${references(load.archived, 'p')})`);
    await session.query(sql`analyze ${qualified(load.staging)}`);
  }
}

/** @throws RestoreRefusal `conflicts` naming keys of rows that are there. */
async function requireNoConflict(loads: readonly TableLoad[], rootKey: readonly string[]): Promise<void> {
  const faults: string[] = [];
  for (const [index, load] of loads.entries()) {
    const key = index === 0 ? rootKey : load.key;
    if (key.length > 0) faults.push(...(await load.conflicts(key)));
  }
  if (faults.length === 0) return;
  throw new RestoreRefusal(
    'conflicts',
    `${faults.join(' ')} Restore into a schema of its own to compare: --into <schema>.`,
  );
}

/** Returns the condition that a row `t` of a child goes with a row of its parent. */
function references({ referringColumns, referredColumns }: ManifestTable, parent: string): Sql {
  return join(
    referringColumns.map(
      (name, at) => sql`${columnList([name], 't')} = ${columnList([referredColumns[at] as string], parent)}`,
    ),
    ' and ',
  );
}

function sameColumns(key: readonly string[], alias: string): Sql {
  return join(
    key.map((name) => sql`${columnList([name], 't')} = ${columnList([name], alias)}`),
    ' and ',
  );
}

function keyText(key: readonly string[], values: readonly string[]): string {
  return key.map((name, index) => `${name}=${values[index]}`).join(', ');
}
