import sql, { join, raw, type Sql } from 'sql-template-tag';
import type { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import { type ArchivedRow, archivedRows } from '../../../shared/archive/archived-rows.ts';
import { addDigests, emptyDigest, equalDigests, hashText, subtractDigests } from '../../../shared/archive/digest.ts';
import type { Manifest } from '../../../shared/archive/manifest.ts';
import { rowHash } from '../../../shared/archive/row-hash-sql.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { columnList, identifier, qualified } from '../../../shared/postgres/sql.ts';
import { childRows, rootRows } from '../../../shared/retention/row-range.ts';
import type { Position, RowRange, RowsDigest, RowTarget } from '../../../shared/retention/row-target.ts';

/** What is otherwise in the database than in a segment of an archive. */
export interface SegmentChanges {
  readonly segment: number;
  /** Keys of archived rows of the root that are in the table, with what goes with them, in another form or at another age. */
  readonly changed: readonly Position[];
  /** Keys of archived rows that are not in the table any more. */
  readonly gone: readonly Position[];
  /** Keys of rows that are in the segment's range and not in the archive. */
  readonly late: readonly Position[];
  /** Keys of archived rows that were left out before, whatever they are now. */
  readonly excluded: readonly Position[];
  /** What is to be deleted of the segment: the rows that are there as they were archived. */
  readonly unchanged: readonly RowsDigest[];
}

/** Where rows are compared with, and which are not. */
export interface ComparedDatabase {
  /** The tables have other columns than were archived: every row that is there is another one. */
  readonly isAltered?: boolean;
  readonly target: RowTarget;
  readonly reader: Pick<Reader, 'query'>;
  readonly excludedKeys?: readonly Position[];
}

/**
 * Yields, for some segments of an archive, what is otherwise in the database now, having compared row by row. A row whose children are
 * others than were archived with it has changed. Of the archive it holds a segment at a time.
 *
 * @param segments indexes, ascending.
 * @param excludedKeys of archived rows that were left out before.
 * @throws ArchiveFault as `verifyArchive`, and the reader's errors.
 */
export async function* changedRows(
  store: ArchiveStore,
  manifest: Manifest,
  segments: readonly number[],
  { target, reader, excludedKeys = [], isAltered = false }: ComparedDatabase,
): AsyncGenerator<SegmentChanges, void, undefined> {
  const wanted = new Set(segments);
  const excluded = new Set(excludedKeys.map(keyText));
  const tables = manifest.tables.map((_, at) => new TableRows(manifest, at, store, wanted));
  try {
    for (const segment of segments) {
      const archived = new Map<string, Row>();
      const isClear = (await readArchived(tables, segment, archived)) && !isAltered;
      const found = await readDatabase(reader, target, segmentRange(manifest, segment));
      const digests = manifest.segments[segment]?.digests ?? [];
      yield await compare({ segment, digests, archived, isClear, excluded }, found, { target, reader });
    }
  } finally {
    for (const table of tables) await table.close();
  }
}

/** Returns the rows that a segment is about. */
export function segmentRange({ range, segments }: Pick<Manifest, 'range' | 'segments'>, segment: number): RowRange {
  const after = segment === 0 ? (range.after ?? undefined) : segments[segment - 1]?.upTo;
  return { after, upTo: segments[segment]?.upTo };
}

/** A row of the root, and of each child what goes with it. */
interface Row {
  readonly key: Position;
  readonly digests: RowsDigest[];
}

/** The rows of a table of the archive, segment by segment. */
class TableRows {
  readonly table: Manifest['tables'][number];
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly #rows: AsyncGenerator<ArchivedRow, void, undefined>;
  #next: ArchivedRow | undefined;

  constructor(manifest: Manifest, at: number, store: ArchiveStore, segments: ReadonlySet<number>) {
    const { tables, key } = manifest;
    const table = tables[at] as Manifest['tables'][number];
    const referred = tables.filter(({ parent }) => parent === at).flatMap(({ referredColumns }) => referredColumns);
    const own = at === 0 ? key : table.referringColumns;
    this.table = table;
    this.key = key;
    this.columns = [...new Set([...own, ...referred])];
    this.#rows = archivedRows(store, manifest, at, segments, this.columns);
  }

  async *of(segment: number): AsyncGenerator<ArchivedRow, void, undefined> {
    while (true) {
      this.#next ??= (await this.#rows.next()).value ?? undefined;
      if (this.#next === undefined || this.#next.segment > segment) return;
      const row = this.#next;
      this.#next = undefined;
      if (row.segment === segment) yield row;
    }
  }

  /** Returns the values of some columns of a row as one text. */
  textOf({ values }: ArchivedRow, names: readonly string[]): string {
    return JSON.stringify(names.map((name) => values[this.columns.indexOf(name)] ?? null));
  }

  valuesOf({ values }: ArchivedRow, names: readonly string[]): string[] {
    return names.map((name) => values[this.columns.indexOf(name)] ?? '');
  }

  async close(): Promise<void> {
    await this.#rows.return();
  }
}

/**
 * Finds for each row of a child the row of the root that it goes with, by the values by which it refers to it; returns whether all were
 * found: values that are equal to the server can be different texts.
 */
async function readArchived(
  tables: readonly TableRows[],
  segment: number,
  archived: Map<string, Row>,
): Promise<boolean> {
  const owners = tables.map(() => new Map<string, Row>());
  let isClear = true;
  for (const [at, table] of tables.entries()) {
    const { parent, referringColumns } = table.table;
    for await (const archivedRow of table.of(segment)) {
      let row: Row | undefined;
      if (parent === null) {
        row = { key: table.valuesOf(archivedRow, table.key), digests: tables.map(() => emptyDigest) };
        archived.set(keyText(row.key), row);
      } else {
        row = owners[at]?.get(table.textOf(archivedRow, referringColumns));
      }
      if (row === undefined) {
        isClear = false;
        continue;
      }
      row.digests[at] = addDigests(row.digests[at] ?? emptyDigest, archivedRow.digest);
      for (const [index, child] of tables.entries()) {
        if (child.table.parent !== at) continue;
        owners[index]?.set(table.textOf(archivedRow, child.table.referredColumns), row);
      }
    }
  }
  return isClear;
}

async function readDatabase(
  reader: Pick<Reader, 'query'>,
  target: RowTarget,
  range: RowRange,
): Promise<Map<string, Row>> {
  const found = new Map<string, Row>();
  const root = identifier(target.root.name);
  const rows = await reader.query<{ key: string[]; hash: string }>(
    sql`select ${keyTexts(target)} as key, ${rowHash(target.root.columns, target.root.name)}::text as hash
      from ${rootRows(target, range)} as ${root}`,
  );
  for (const { key, hash } of rows) {
    const digests = [{ rows: 1, hash: hashText(BigInt(hash)) }, ...target.children.map(() => emptyDigest)];
    found.set(keyText(key), { key, digests });
  }
  for (const [index, { columns }] of target.children.entries()) {
    const children = await reader.query<{ key: string[]; rows: string; hash: string }>(
      sql`select ${keyTexts(target, 'root')} as key, pg_catalog.count(*)::text as rows,
          pg_catalog.sum(${rowHash(columns, 'child')})::text as hash
        from ${childRows(target, index, range)} group by 1`,
    );
    for (const { key, rows: count, hash } of children) {
      const row = found.get(keyText(key));
      if (row !== undefined) row.digests[index + 1] = { rows: Number(count), hash: hashText(BigInt(hash)) };
    }
  }
  return found;
}

interface ArchivedSegment {
  readonly segment: number;
  readonly digests: readonly RowsDigest[];
  readonly archived: ReadonlyMap<string, Row>;
  /** Rows can be compared, and it is known of each row of a child which row it goes with. */
  readonly isClear: boolean;
  readonly excluded: ReadonlySet<string>;
}

async function compare(
  { segment, digests, archived, isClear, excluded }: ArchivedSegment,
  found: ReadonlyMap<string, Row>,
  { target, reader }: { readonly target: RowTarget; readonly reader: Pick<Reader, 'query'> },
): Promise<SegmentChanges> {
  const changed: Row[] = [];
  const missing: Row[] = [];
  const leftOut: Row[] = [];
  for (const [text, row] of archived) {
    const now = found.get(text);
    if (excluded.has(text)) leftOut.push(row);
    else if (now === undefined) missing.push(row);
    else if (!isClear || !isSame(row, now)) changed.push(row);
  }
  const late = [...found].filter(([text]) => !archived.has(text)).map(([, { key }]) => key);
  const there = await presentKeys(
    reader,
    target,
    missing.map(({ key }) => key),
  );
  const moved = missing.filter(({ key }) => there.has(keyText(key)));
  const gone = missing.filter(({ key }) => !there.has(keyText(key)));
  const others = [...changed, ...missing, ...leftOut];
  const unchanged = digests.map((digest, at) => {
    if (!isClear) return emptyDigest;
    return others.reduce((rest, row) => subtractDigests(rest, row.digests[at] ?? emptyDigest), digest);
  });
  return {
    segment,
    changed: [...changed, ...moved].map(({ key }) => key),
    gone: gone.map(({ key }) => key),
    late,
    excluded: leftOut.map(({ key }) => key),
    unchanged,
  };
}

function isSame(row: Row, now: Row): boolean {
  return row.digests.every((digest, at) => equalDigests(digest, now.digests[at] ?? emptyDigest));
}

/** Returns which of these keys are in the table, wherever. */
async function presentKeys(
  reader: Pick<Reader, 'query'>,
  target: RowTarget,
  keys: readonly Position[],
): Promise<Set<string>> {
  if (keys.length === 0) return new Set();
  const { key } = target;
  const texts = key.map((_, at) => sql`pg_catalog.unnest(${keys.map((values) => values[at])}::text[])`);
  const values = key.map(({ type }, at) => raw(`k${at}::${type}`));
  const names = key.map((_, at) => raw(`k${at}`));
  const root = identifier(target.root.name);
  const rows = await reader.query<{ key: string[] }>(
    sql`select ${keyTexts(target, target.root.name)} as key from ${qualified(target.root)} as ${root}
      where (${columnList(
        key.map(({ name }) => name),
        target.root.name,
      )}) in (select ${join(values, ', ')} from rows from (${join(texts, ', ')}) as wanted (${join(names, ', ')}))`,
  );
  return new Set(rows.map((row) => keyText(row.key)));
}

/** As COPY writes them: a cast to text has other words for some types, such as `true` for `t`. */
function keyTexts({ key }: RowTarget, alias?: string): Sql {
  const texts = key.map(({ name }) => sql`pg_catalog.format('%s', ${columnList([name], alias)})`);
  return sql`array[${join(texts, ', ')}]`;
}

function keyText(key: Position): string {
  return JSON.stringify(key);
}
