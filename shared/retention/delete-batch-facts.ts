import type { RowsDigest } from './row-target.ts';

/** What is known of a batch when all of it is deleted and nothing is final yet. */
export interface BatchFacts {
  /** Of the transaction, as pg_current_xact_id tells it: pg_xact_status knows by it what became of the batch. */
  readonly transaction: string;
  /** Rows of the root. */
  readonly rows: number;
  /** Rows of each child, in the order of the target's children. */
  readonly childRows: readonly number[];
  /** Of the keys of the root's rows: sum of `hashtextextended(key, 0)` modulo 2^64, 16 hexadecimal digits; see `keyText`. */
  readonly keysHash: string;
  /** Of the root and of each child, where the rows were hashed. */
  readonly digests?: readonly RowsDigest[] | undefined;
}

/** Is told of a batch before it is final, to write it down; what it throws undoes the batch. */
export type BeforeCommit = (facts: BatchFacts) => Promise<void>;
