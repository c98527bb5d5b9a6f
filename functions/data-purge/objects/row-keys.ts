import sql from 'sql-template-tag';
import { readTables, requireTable } from '../../../shared/postgres/catalog.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { columnList, formatTableName, parseTableName, qualified } from '../../../shared/postgres/sql.ts';
import type { TrippedGuard } from '../../../shared/retention/guard.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { OrphansPolicy } from '../config.ts';

type KeyPolicy = Pick<OrphansPolicy, 'table' | 'keyColumn' | 'index' | 'keyPrefix'>;

/** Types whose equality is that of the text; of others, what is found may be spelt otherwise. */
const textTypes = /^(text|character varying(\(\d+\))?)$/;

interface IndexFacts {
  readonly isOfTable: boolean;
  readonly isUsable: boolean;
  readonly method: string;
  readonly firstColumn: string | null;
  readonly coversAll: boolean;
}

/** Whose objects are whose: asks a table which keys its rows name. */
export class RowKeys {
  readonly #reader: Pick<Reader, 'query'>;
  readonly #policy: KeyPolicy;

  private constructor(reader: Pick<Reader, 'query'>, policy: KeyPolicy) {
    this.#reader = reader;
    this.#policy = policy;
  }

  /**
   * @param reader of the primary, where something is to be deleted: a replica may not have heard yet of a row.
   * @throws UncheckedError `missing-table`, `missing-column`, `access-denied`; `unusable-key-column` for one that is no text;
   *   `row-security` when rows may be hidden from the role; `is-replica`.
   */
  static async open(
    reader: Pick<Reader, 'query'>,
    policy: KeyPolicy,
    { onPrimary }: { readonly onPrimary: boolean },
  ): Promise<RowKeys> {
    const { table, keyColumn } = policy;
    const name = parseTableName(table);
    const facts = requireTable(await readTables(reader, [name]), name, [keyColumn]);
    const type = facts.columns.get(keyColumn)?.type ?? '';
    if (!textTypes.test(type)) {
      const detail = `${keyColumn} of ${formatTableName(name)} is ${type}: keys are compared with a text.`;
      throw new UncheckedError('unusable-key-column', detail);
    }
    const [state] = await reader.query<{ isReplica: boolean; hidesRows: boolean }>(sql`
      select pg_catalog.pg_is_in_recovery() as "isReplica",
        pg_catalog.row_security_active(${facts.oid}::pg_catalog.oid) as "hidesRows"`);
    if (state?.hidesRows !== false) {
      const detail = `Row security hides rows of ${formatTableName(name)} from the role: what they name would be taken for orphaned.`;
      throw new UncheckedError('row-security', detail);
    }
    if (onPrimary && state.isReplica) {
      throw new UncheckedError(
        'is-replica',
        'The database is a replica, which may not have heard yet of a row. Name its writer.',
      );
    }
    return new RowKeys(reader, policy);
  }

  /** Returns the guards of a table that cannot be asked, or has nothing to say. */
  async guards(): Promise<TrippedGuard[]> {
    const { table, keyColumn, index } = this.#policy;
    const name = parseTableName(table);
    const [facts] = await this.#reader.query<IndexFacts>(sql`
      select t.relname = ${name.name} and tn.nspname = ${name.schema} as "isOfTable",
        i.indisvalid and i.indisready and i.indislive as "isUsable", m.amname::text as method,
        (select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[0])
          as "firstColumn",
        coalesce(
          pg_catalog.pg_get_expr(i.indpred, i.indrelid) = pg_catalog.format('(%I IS NOT NULL)', ${keyColumn}::text), true
        ) as "coversAll"
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_index i on i.indexrelid = c.oid
      join pg_catalog.pg_am m on m.oid = c.relam
      join pg_catalog.pg_class t on t.oid = i.indrelid
      join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
      where n.nspname = ${name.schema} and c.relname = ${index}`);
    const fault = indexFault(facts, keyColumn);
    const guards: TrippedGuard[] = [];
    if (fault !== undefined) {
      guards.push({
        guard: 'index-missing',
        detail: `The index ${index} on ${formatTableName(name)} by ${keyColumn} ${fault}.`,
        evidence: { index, column: keyColumn },
      });
      return guards;
    }
    const key = columnList([keyColumn]);
    const [row] = await this.#reader.query<{ hasKeys: boolean }>(
      sql`select exists (select from ${qualified(name)} where ${key} is not null) as "hasKeys"`,
    );
    if (row?.hasKeys !== true) {
      guards.push({
        guard: 'too-large-share',
        detail: `No row of ${formatTableName(name)} names an object: every one would be taken for orphaned.`,
        evidence: { table: formatTableName(name), column: keyColumn },
      });
    }
    return guards;
  }

  /** Returns those of these keys that a row names, by what stands in the column. */
  async named(keys: readonly string[]): Promise<Set<string>> {
    if (keys.length === 0) return new Set();
    const { table, keyColumn } = this.#policy;
    const rows = await this.#reader.query<{ key: string }>(
      sql`
        select asked.key
        from pg_catalog.unnest(${[...keys]}::text[]) as asked (key)
        where exists (
          select from ${qualified(parseTableName(table))} as named where named.${columnList([keyColumn])} = asked.key
        )`,
      { fromHeap: 'never' },
    );
    return new Set(rows.map(({ key }) => key));
  }
}

function indexFault(facts: IndexFacts | undefined, column: string): string | undefined {
  if (facts === undefined) return 'does not exist';
  if (!facts.isOfTable) return 'is one of another table';
  if (!facts.isUsable) return 'is not valid: its creation did not end, or not in all partitions';
  if (facts.method !== 'btree' && facts.method !== 'hash')
    return `is of the kind ${facts.method}, which finds no single text`;
  if (facts.firstColumn !== column) return `begins with ${facts.firstColumn ?? 'an expression'}`;
  return facts.coversAll ? undefined : 'has only some of the rows';
}
