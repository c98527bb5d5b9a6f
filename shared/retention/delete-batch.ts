import { equalDigests, hashText } from '../archive/digest.ts';
import { formatTableName } from '../postgres/sql.ts';
import type { Writer } from '../postgres/writer.ts';
import type { BeforeCommit } from './delete-batch-facts.ts';
import { deleteChild, deleteRoot, type ExcludedKeys, type Gone } from './delete-batch-statements.ts';
import { inTransaction } from './delete-batch-transaction.ts';
import type { RowRange, RowsDigest, RowTarget, TargetChild } from './row-target.ts';
import { changedTables } from './table-shape.ts';

/** Rows of a target that are to be deleted as one. */
export interface Batch {
  readonly range: RowRange;
  /** What they are known to be: the root, and then each child in the order of the target's children. */
  readonly expected?: readonly RowsDigest[];
  /** Of the root's rows in the range that stay, with all that goes with them. */
  readonly excludedKeys?: ExcludedKeys;
}

/** The rows are not those that were expected: nothing is deleted. */
export class BatchMismatch extends Error {
  override readonly name = 'BatchMismatch';
  /** `schema.table` of the first that differs. */
  readonly table: string;
  readonly expected: Pick<RowsDigest, 'rows'>;
  readonly found: Pick<RowsDigest, 'rows'>;

  constructor(table: string, expected: Pick<RowsDigest, 'rows'>, found: Pick<RowsDigest, 'rows'>) {
    const what = expected.rows === found.rows ? 'others' : `${found.rows}`;
    super(`${expected.rows} rows of ${table} were to be deleted, and ${what} would have been`);
    this.table = table;
    this.expected = expected;
    this.found = found;
  }
}

/** A table is not what it was: rows may have what nobody has seen. Nothing is deleted. */
export class TableChanged extends Error {
  override readonly name = 'TableChanged';

  /** @param changes a sentence for each table. */
  constructor(changes: readonly string[]) {
    super(`Rows of a table that has been altered were to be deleted. ${changes.join(' ')}`);
  }
}

/** Rows of a child became younger than the retention since it was planned, or have come since. Nothing is deleted. */
export class ChildTooYoung extends Error {
  override readonly name = 'ChildTooYoung';

  constructor(table: string, rows: number) {
    super(
      `${rows} rows of ${table} would have gone with the ones that they refer to, and are younger than the retention, or have no age`,
    );
  }
}

/** @throws ChildTooYoung when any of the rows that a statement has deleted is still to be kept. */
export function requireOldEnough(child: TargetChild, gone: Pick<Gone, 'too_young'> | undefined): void {
  const rows = Number(gone?.too_young ?? 0);
  if (rows > 0) throw new ChildTooYoung(formatTableName(child), rows);
}

/**
 * Deletes rows with all that goes with them, the children first and the deepest of them before the others, in one transaction that sees
 * one moment: a row that somebody else changes meanwhile is an error of class 40, and undoes it. What was deleted is compared with
 * `expected` before anything is final.
 *
 * @param beforeCommit is told what was deleted.
 * @returns digests of the root and of each child.
 * @throws TableChanged when a table has other columns than the target says; ChildTooYoung when a row of a child is
 *   still to be kept; BatchMismatch when it was not what was expected; BatchUnsettled when the connection breaks at the end; the server's errors.
 */
export async function deleteBatch(
  writer: Writer,
  target: RowTarget,
  { range, expected, excludedKeys = [] }: Batch,
  beforeCommit: BeforeCommit,
): Promise<RowsDigest[]> {
  const tables = [target.root, ...target.children];
  const work = async () => {
    const changed = await changedTables(writer, tables);
    if (changed.length > 0) throw new TableChanged(changed);
    const childDigests: RowsDigest[] = [];
    // A parent comes before its children.
    for (let index = target.children.length - 1; index >= 0; index -= 1) {
      const [gone] = await writer.query<Gone>(deleteChild(target, index, range, excludedKeys));
      requireOldEnough(target.children[index] as TargetChild, gone);
      childDigests.unshift(digestOf(gone));
    }
    const [gone] = await writer.query<Gone>(deleteRoot(target, range, excludedKeys));
    const digests = [digestOf(gone), ...childDigests];
    if (expected !== undefined) requireExpected(target, expected, digests);
    const [rows = 0, ...childRows] = digests.map((digest) => digest.rows);
    const keysHash = hashText(BigInt(gone?.keys_hash ?? 0));
    await beforeCommit({ transaction: gone?.transaction ?? '', rows, childRows, keysHash, digests });
    return digests;
  };
  return inTransaction(writer, work, tables);
}

function digestOf(gone: Gone | undefined): RowsDigest {
  return { rows: Number(gone?.rows), hash: hashText(BigInt(gone?.hash ?? 0)) };
}

function requireExpected(target: RowTarget, expected: readonly RowsDigest[], found: readonly RowsDigest[]): void {
  const tables = [target.root, ...target.children];
  if (expected.length !== tables.length) throw new RangeError('a batch expects something of each table');
  for (const [index, table] of tables.entries()) {
    const [of, is] = [expected[index] as RowsDigest, found[index] as RowsDigest];
    if (!equalDigests(of, is)) throw new BatchMismatch(formatTableName(table), of, is);
  }
}
