import sql, { empty, join, raw, type Sql } from 'sql-template-tag';
import type { TableFacts } from '../../../shared/postgres/catalog.ts';
import { identifier, qualified, writtenSql } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { RuleOfKind } from '../config.ts';

/** How keys are ordered by their bytes: by a collation, given as SQL, or by the operators of text_pattern_ops. */
export type KeyOrder = { readonly collation: Sql } | 'pattern';

/** The order that every server has, whatever its indexes are. */
export const plainOrder: KeyOrder = { collation: raw('collate "C"') };

/** Part of the rows. */
export interface RowRange {
  /** Keys behind this one only. */
  readonly after?: string | undefined;
  /** No keys behind this one. */
  readonly upTo?: string | undefined;
  /** So many rows, and those that have the last one's key; all unless given. */
  readonly limit?: number | undefined;
  /** Only rows that the rule is about and that record a checksum; otherwise all, and no checksums. */
  readonly withChecksum?: boolean | undefined;
}

/** Name under which a row that is read again shows its n-th column. */
export function shownAs(index: number): string {
  return `shown_${index}`;
}

/** The statements of one rule; they return {@link RecordedRow}s. */
export class RowQueries {
  readonly #rule: RuleOfKind<'objects'>;
  readonly #from: Sql;
  readonly #key: Sql;
  readonly #isTested: Sql;
  readonly #created: Sql;
  readonly #isBytea: boolean;

  /** @throws UncheckedError `bad-sql` for a `where` that is not closed in itself. */
  constructor(rule: RuleOfKind<'objects'>, table: TableFacts) {
    this.#rule = rule;
    this.#from = qualified(table);
    // A cast from varchar to text is none to an index.
    this.#key = sql`${identifier(rule.keyColumn)}::text`;
    this.#isTested = rule.where === undefined ? raw('true') : sql`coalesce(${condition(rule.where)}, false)`;
    this.#created = createdMs(rule.createdColumn, table);
    this.#isBytea = table.columns.get(rule.sha256Column ?? '')?.type === 'bytea';
  }

  /** Rows in the order of their keys. */
  inOrder(order: KeyOrder, { after, upTo, limit, withChecksum = false }: RowRange): Sql {
    const conditions = [sql`${this.#key} is not null`];
    if (after !== undefined) conditions.push(sql`${this.#ordered(order)} ${operator('>', order)} ${after}::text`);
    if (upTo !== undefined) conditions.push(sql`${this.#ordered(order)} ${operator('<=', order)} ${upTo}::text`);
    if (withChecksum) conditions.push(sql`${this.#isTested}`, sql`${this.#checksum} is not null`);
    const by = order === 'pattern' ? sql`${this.#key} using ~<~` : this.#ordered(order);
    // With ties, so that rows of one key are never divided.
    const first = limit === undefined ? empty : sql`fetch first ${raw(String(limit))} rows with ties`;
    return sql`select ${this.#columns(withChecksum)} from ${this.#from} where ${join(conditions, ' and ')}
      order by ${by} ${first}`;
  }

  /** The rows of these keys, and perhaps others, key by key, with columns to show as text. */
  ofKeys(keys: readonly string[], shown: readonly string[]): Sql {
    const columns = [
      this.#columns(this.#rule.sha256Column !== undefined),
      ...shown.map((column, index) => sql`${identifier(column)}::text as ${raw(shownAs(index))}`),
    ];
    // An index of any collation serves this, and where that takes different keys for the same, more rows are returned.
    return sql`select ${join(columns, ', ')} from ${this.#from} where ${this.#key} = any(${keys}::text[])
      order by ${this.#ordered(plainOrder)}`;
  }

  /** Whether any row has a key, and how many rows that the rule is about have none. */
  keyCounts(): Sql {
    return sql`select exists (select from ${this.#from} where ${this.#key} is not null) as has_keys,
      (select count(*) from ${this.#from} where ${this.#key} is null and ${this.#isTested}) as without_key`;
  }

  get #checksum(): Sql {
    return identifier(this.#rule.sha256Column as string);
  }

  get #checksumText(): Sql {
    return this.#isBytea ? sql`encode(${this.#checksum}, 'hex')` : sql`${this.#checksum}::text`;
  }

  #columns(withChecksum: boolean): Sql {
    const { sizeColumn } = this.#rule;
    const size = sizeColumn === undefined ? raw('null') : sql`${identifier(sizeColumn)}::text`;
    const sha256 = withChecksum ? this.#checksumText : raw('null');
    return sql`${this.#key} as key, ${size} as size, ${sha256} as sha256, ${this.#created} as created_ms,
      ${this.#isTested} as is_tested`;
  }

  #ordered(order: KeyOrder): Sql {
    return order === 'pattern' ? this.#key : sql`${this.#key} ${order.collation}`;
  }
}

function operator(name: '>' | '<=', order: KeyOrder): Sql {
  return raw(order === 'pattern' ? `~${name}~` : name);
}

/** A day is over before what was made on it is old; a time without a zone is the estate's. */
function createdMs(column: string | undefined, table: TableFacts): Sql {
  if (column === undefined) return raw('null::float8');
  const at = table.columns.get(column)?.type === 'date' ? sql`(${identifier(column)} + 1)` : identifier(column);
  return sql`extract(epoch from ${at}::timestamptz)::float8 * 1000`;
}

function condition(where: string): Sql {
  try {
    return writtenSql(where);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new UncheckedError('bad-sql', `The rule's where cannot be used: ${cause.message}.`, { cause });
  }
}
