import { hashText } from '../archive/digest.ts';
import { formatTableName } from '../postgres/sql.ts';
import type { Writer } from '../postgres/writer.ts';
import { BatchMismatch, requireOldEnough } from './delete-batch.ts';
import type { BeforeCommit } from './delete-batch-facts.ts';
import {
  deleteAgedChildRows,
  deleteChildRows,
  deleteRootRows,
  type Gone,
  type NextRows,
  nextRows,
} from './delete-batch-statements.ts';
import { inTransaction } from './delete-batch-transaction.ts';
import type { Position, RowRange, RowTarget, TargetChild } from './row-target.ts';

/** What was deleted. */
export interface DeletedRows {
  readonly rows: number;
  /** Of the last one; as given when there was none. */
  readonly upTo: Position | undefined;
}

/**
 * Deletes the first `rows` rows behind a position with all that goes with them, as {@link deleteBatch} does. The keys are hashed where
 * the index has them, in the same moment in which the rows are deleted by their range: when as many are deleted as were hashed, they
 * are the same.
 *
 * @throws BatchMismatch when fewer rows were deleted than there are, as a trigger can have it; ChildTooYoung; and as {@link deleteBatch}.
 */
export async function deleteNextRows(
  writer: Writer,
  target: RowTarget,
  { after, rows }: { readonly after: Position | undefined; readonly rows: number },
  beforeCommit: (facts: Parameters<BeforeCommit>[0], upTo: Position) => Promise<void>,
): Promise<DeletedRows> {
  return inTransaction(writer, async () => {
    const [next] = await writer.query<NextRows>(nextRows(target, after, rows));
    const count = Number(next?.rows ?? 0);
    const upTo = next?.up_to ?? undefined;
    if (next === undefined || upTo === undefined) return { rows: 0, upTo: after };
    const range = { after, upTo };
    const childRows: number[] = [];
    for (let index = target.children.length - 1; index >= 0; index -= 1) {
      childRows.unshift(await deleteFromChild(writer, target, index, range));
    }
    const { rowCount } = await writer.run(deleteRootRows(target, range));
    if (rowCount !== count) throw new BatchMismatch(formatTableName(target.root), { rows: count }, { rows: rowCount });
    const keysHash = hashText(BigInt(next.keys_hash ?? 0));
    await beforeCommit({ transaction: next.transaction, rows: count, childRows, keysHash }, upTo);
    return { rows: count, upTo };
  });
}

/** Returns how many rows went. */
async function deleteFromChild(writer: Writer, target: RowTarget, index: number, range: RowRange): Promise<number> {
  const child = target.children[index] as TargetChild;
  const { ageColumn } = child;
  if (ageColumn === undefined) return (await writer.run(deleteChildRows(target, index, range))).rowCount;
  const statement = deleteAgedChildRows(target, index, range, ageColumn);
  const [gone] = await writer.query<Pick<Gone, 'rows' | 'too_young'>>(statement);
  requireOldEnough(child, gone);
  return Number(gone?.rows ?? 0);
}
