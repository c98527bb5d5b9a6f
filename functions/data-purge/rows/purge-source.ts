import type { Writer } from '../../../shared/postgres/writer.ts';
import type { BatchSource, IntendedBatch } from '../../../shared/retention/batch-loop.ts';
import { deleteNextRows } from '../../../shared/retention/delete-batch-next.ts';
import { type NextRows, nextRows } from '../../../shared/retention/delete-batch-statements.ts';
import type { Position, RowTarget } from '../../../shared/retention/row-target.ts';

/**
 * Rows past their retention, the oldest first. It begins with the oldest row that there is, so that nothing is to be remembered from one
 * step to the next.
 */
export class PurgeSource implements BatchSource {
  readonly #target: RowTarget;
  #after: Position | undefined;
  /** Rows that the plan leaves: what came to be within the cutoff since then is for the next plan. */
  #left: number;

  constructor(target: RowTarget, left: number) {
    this.#target = target;
    this.#left = left;
  }

  async delete(writer: Writer, units: number, intend: (batch: IntendedBatch) => Promise<void>): Promise<boolean> {
    const rows = Math.min(units, this.#left);
    if (rows <= 0) return false;
    const deleted = await deleteNextRows(writer, this.#target, { after: this.#after, rows }, (facts, upTo) =>
      intend({ ...facts, units: facts.rows, upTo }),
    );
    return deleted.rows > 0;
  }

  advance({ rows, upTo }: IntendedBatch): void {
    this.#left -= rows;
    this.#after = upTo;
  }

  /** The next row stays, and the others go on behind it. */
  async skip(writer: Writer): Promise<number> {
    await writer.begin();
    const [next] = await writer.query<NextRows>(nextRows(this.#target, this.#after, 1));
    await writer.rollback();
    if (next?.up_to == null) return 0;
    this.#after = next.up_to;
    this.#left -= 1;
    return 1;
  }
}
