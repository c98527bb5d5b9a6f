import type { Sql } from 'sql-template-tag';
import type { Json } from '../../../shared/ledger/canonical-json.ts';
import { sha256Of } from '../../../shared/ledger/sha256.ts';
import { readTables, requireTable, type TableFacts } from '../../../shared/postgres/catalog.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { parseTableName } from '../../../shared/postgres/sql.ts';
import type { Correction, DatabaseSettings, Rule } from '../config.ts';
import { trigramSchema } from '../queries/trigram-schema.ts';
import { type SampleColumns, sampleColumns } from '../samples.ts';
import { tablesOf } from '../tables-of.ts';
import { readsFromHeap, violatingRows } from './violating-rows.ts';

/** A rule that has a correction. */
export type CorrectableRule = Rule & { readonly correction: Correction };

/** What a rule's correction comes to with the tables as they are. */
export interface PreparedCorrection {
  readonly rule: CorrectableRule;
  /** Returns the keys of the violating rows. */
  readonly rows: Sql;
  /** Tell one row from another; empty for a table without a key, whose rows can only be counted. */
  readonly keys: readonly string[];
  /** Returns what may be shown of them. */
  readonly sampleRows: Sql | undefined;
  readonly shown: SampleColumns;
  /** The rows are read from tables, not from indexes. */
  readonly fromHeap: boolean;
  /** SHA-256 of all that decides what the correction does: the rule, and how it reads the tables. */
  readonly definition: string;
}

/**
 * Returns what is to be done with the tables as they are, for a rule whose violations are rows.
 *
 * @throws UncheckedError where a table, a column or an extension is missing, or the role may not read it; and the server's errors.
 */
export async function prepareCorrection(
  rule: CorrectableRule,
  settings: DatabaseSettings,
  reader: Pick<Reader, 'query'>,
): Promise<PreparedCorrection> {
  const tables = await readTables(reader, tablesOf(rule).map(parseTableName));
  const schema = rule.kind === 'nearDuplicates' ? await trigramSchema(reader) : '';
  const rowsOf = (columns: readonly string[]) => {
    const rows = violatingRows(rule, tables, columns, schema);
    if (rows === undefined) throw new TypeError(`the violations of ${rule.id} are no rows`);
    return rows;
  };
  const { keys, shown } = columnsOf(rule, settings, tables);
  // Any column will do to count the rows of a table without a key.
  const rows = rowsOf(keys.length > 0 ? keys : anyColumn(rule, tables));
  return {
    rule,
    rows,
    keys,
    sampleRows: shown.columns.length === 0 ? undefined : rowsOf(shown.columns),
    shown,
    fromHeap: readsFromHeap(rule),
    definition: definitionOf(rule, rows),
  };
}

function columnsOf(
  rule: CorrectableRule,
  settings: DatabaseSettings,
  tables: ReadonlyMap<string, TableFacts>,
): Pick<PreparedCorrection, 'keys' | 'shown'> {
  if (rule.kind === 'sql') {
    // Which table a column of a query is from is not known: what is personal in one is taken to be so in all.
    const masked = new Set(Object.values(settings.tables).flatMap(({ personalColumns = [] }) => personalColumns));
    return { keys: rule.key, shown: { columns: rule.key, masked } };
  }
  const table = tableOf(rule, tables);
  return { keys: keyOf(table, settings), shown: sampleColumns(table, settings) };
}

function tableOf(rule: CorrectableRule, tables: ReadonlyMap<string, TableFacts>): TableFacts {
  if (!('table' in rule)) throw new TypeError(`the violations of ${rule.id} are no rows`);
  return requireTable(tables, parseTableName(rule.table));
}

function anyColumn(rule: CorrectableRule, tables: ReadonlyMap<string, TableFacts>): string[] {
  const columns = [...tableOf(rule, tables).columns.values()];
  return columns
    .filter(({ isReadable }) => isReadable)
    .map(({ name }) => name)
    .slice(0, 1);
}

/** Returns a table's key, the settings' before the catalog's. */
function keyOf(table: TableFacts, { tables }: DatabaseSettings): readonly string[] {
  const settings = {
    tables: Object.fromEntries(Object.entries(tables).map(([name, given]) => [name, { key: given.key }])),
  };
  return sampleColumns(table, settings).columns;
}

function definitionOf(rule: CorrectableRule, { text, values }: Sql): string {
  return sha256Of({ rule: rule as unknown as Json, text, values: values as Json[] });
}
