import type { TableName } from '../postgres/sql.ts';
import type { AgeLimit } from './cutoff.ts';

/** A column by which rows are ordered or told apart. */
export interface TypedColumn {
  readonly name: string;
  /** As `format_type` writes it, which is good to cast to. */
  readonly type: string;
}

/** A table whose rows are taken, as the catalog has it. */
export interface TargetTable extends TableName {
  readonly oid: number;
  /** In the order of the table, without those that were dropped. */
  readonly columns: readonly TargetColumn[];
  readonly primaryKey: readonly string[];
  readonly isPartitioned: boolean;
  /** SHA-256 of what rows consist of: the columns' names, types and order. */
  readonly shapeHash: string;
}

export interface TargetColumn extends TypedColumn {
  readonly isNotNull: boolean;
  /** It is computed from others and cannot be written. */
  readonly isGenerated: boolean;
  readonly isIdentity: boolean;
}

/** The age of a child's rows, which are not to go before they are old enough themselves. */
export interface ChildAge extends TypedColumn {
  readonly limit: AgeLimit;
}

/** A child, with the way to the row that it goes with. */
export interface TargetChild extends TargetTable {
  readonly columns: readonly TargetColumn[];
  /** Index in {@link RowTarget.children} of the table that it refers to; undefined: the root. */
  readonly parent: number | undefined;
  readonly referringColumns: readonly string[];
  readonly referredColumns: readonly string[];
  readonly ageColumn: ChildAge | undefined;
}

/** Rows past their retention, resolved against the catalog at one moment: everything that statements are made of. */
export interface RowTarget {
  readonly task: string;
  readonly policy: string;
  readonly database: string;
  readonly root: TargetTable;
  readonly age: TypedColumn;
  readonly key: readonly TypedColumn[];
  /** What `age` has to be before, as text of its type: fixed once for a plan. */
  readonly cutoff: string;
  /** The policy's condition, as written there. */
  readonly where: string | undefined;
  /** A parent before its children: deleted from the last to the first, and then the root. */
  readonly children: readonly TargetChild[];
}

/** The age and the key of a row, as PostgreSQL's text of them: rows are taken in this order. */
export type Position = readonly string[];

/** Rows behind `after` up to and with `upTo`; without bounds, all. */
export interface RowRange {
  readonly after: Position | undefined;
  readonly upTo: Position | undefined;
}

/** How many rows of a table there are in a range, and the sum of their hashes: what is to be there, or what was. */
export interface RowsDigest {
  readonly rows: number;
  /** Sum of the hashes of the rows (`rowHashName`) modulo 2^64, 16 hexadecimal digits: whatever their order, the same rows have the same. */
  readonly hash: string;
}

/** A run of rows that is proven and deleted as one, with the rows of children that go with them. */
export interface Segment {
  readonly upTo: Position;
  /** Of the root, then of each child in the order of {@link RowTarget.children}. */
  readonly digests: readonly RowsDigest[];
}
