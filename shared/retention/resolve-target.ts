import { sha256Of } from '../ledger/sha256.ts';
import type { Reader } from '../postgres/reader.ts';
import { formatTableName, parseTableName, type TableName } from '../postgres/sql.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { type AgeLimit, ageTypeOf, readCutoff } from './cutoff.ts';
import { readTargetTables, type TargetTableFacts } from './read-target-tables.ts';
import type { ChildConfig } from './retention-config.ts';
import type { RowPolicy } from './row-policy.ts';
import type { RowTarget, TargetChild, TargetTable, TypedColumn } from './row-target.ts';

/** What of a policy says which rows it takes. */
export type TargetPolicy = Omit<RowPolicy, 'mode' | 'guards' | 'index'>;

/** When a run is; or what was found out then, from its plan. */
export type Moment = { readonly now: Date } | { readonly cutoff: string };

/**
 * Returns the rows of a policy, resolved against the catalog as it is at one moment. For the connection that is to delete rows, `deletes`
 * makes sure that its role may.
 *
 * @throws UncheckedError `missing-table`, `missing-column`, `access-denied`, `not-a-table`, `inherited-table`, `row-security`, `no-key`,
 *   `ambiguous-child`, `bad-child`, `unsupported-age-column`; and the reader's errors.
 */
export async function resolveTarget(
  policy: TargetPolicy,
  reader: Pick<Reader, 'query'>,
  { task, deletes = false, ...moment }: { readonly task: string; readonly deletes?: boolean } & Moment,
): Promise<RowTarget> {
  const rootName = parseTableName(policy.table);
  const configured = flatten(policy.children);
  const names = [rootName, ...configured.map(({ config }) => parseTableName(config.table))];
  requireOnce(names);
  const facts = await readTargetTables(reader, names);
  const rootFacts = requireOwnTable(facts, rootName, deletes);
  const age = ageColumn(rootFacts, policy.ageColumn);
  const key = keyColumns(rootFacts, policy.key);
  const { retention, ageTimeZone } = policy;
  const limit: AgeLimit = { retention, ageTimeZone };
  const children: TargetChild[] = [];
  for (const { config, parent } of configured) {
    const parentFacts = parent === undefined ? rootFacts : requireTable(facts, children[parent] as TargetChild);
    const childFacts = requireOwnTable(facts, parseTableName(config.table), deletes);
    children.push(resolveChild(config, parent, { childFacts, parentFacts, limit }));
  }
  const cutoff = 'now' in moment ? await readCutoff(reader, age.type, policy, moment.now) : moment.cutoff;
  return {
    task,
    policy: policy.id,
    database: policy.database,
    root: tableOf(rootFacts),
    age: { name: age.name, type: ageTypeOf(age.type) },
    key,
    cutoff,
    where: policy.where,
    children,
  };
}

interface ConfiguredChild {
  readonly config: ChildConfig;
  readonly parent: number | undefined;
}

/** A parent before its children. */
function flatten(children: readonly ChildConfig[]): ConfiguredChild[] {
  const flat: ConfiguredChild[] = [];
  const visit = (configs: readonly ChildConfig[], parent: number | undefined) => {
    for (const config of configs) {
      const index = flat.push({ config, parent }) - 1;
      visit(config.children, index);
    }
  };
  visit(children, undefined);
  return flat;
}

/** A table in a cycle, or below two others, would have no one place in the order in which rows go. */
function requireOnce(names: readonly TableName[]): void {
  const texts = names.map(formatTableName);
  const twice = texts.find((text, index) => texts.indexOf(text) !== index);
  if (twice === undefined) return;
  throw new UncheckedError('bad-child', `${twice} is there twice: a table is the root, or the child of one other.`);
}

function requireTable(facts: ReadonlyMap<string, TargetTableFacts>, name: TableName): TargetTableFacts {
  const table = facts.get(formatTableName(name));
  if (table !== undefined) return table;
  throw new UncheckedError('missing-table', `There is no table ${formatTableName(name)}, or the role cannot see it.`);
}

/** A table whose rows are its own, and all of which the role sees. */
function requireOwnTable(
  facts: ReadonlyMap<string, TargetTableFacts>,
  name: TableName,
  deletes: boolean,
): TargetTableFacts {
  const table = requireTable(facts, name);
  const text = formatTableName(name);
  if (table.kind !== 'r' && table.kind !== 'p') {
    throw new UncheckedError('not-a-table', `${text} is a view or a foreign table: rows are not kept there.`);
  }
  if (table.hasHeirs) {
    throw new UncheckedError(
      'inherited-table',
      `Other tables inherit from ${text}: their rows would be taken with it.`,
    );
  }
  const denied = table.columns.filter(({ isReadable }) => !isReadable).map(({ name: column }) => column);
  if (denied.length > 0) {
    throw new UncheckedError('access-denied', `The role may not read ${denied.join(', ')} of ${text}.`);
  }
  if (deletes && !table.isDeletable) {
    throw new UncheckedError('access-denied', `The role may not delete rows of ${text}.`);
  }
  if (table.hidesRows) {
    const detail = `Row-level security decides which rows of ${text} the role sees: it needs BYPASSRLS.`;
    throw new UncheckedError('row-security', detail);
  }
  return table;
}

function tableOf({ oid, schema, name, kind, columns, primaryKey }: TargetTableFacts): TargetTable {
  return {
    oid,
    schema,
    name,
    columns: columns.map(({ isReadable: _, ...column }) => column),
    primaryKey,
    isPartitioned: kind === 'p',
    shapeHash: sha256Of(columns.map((column) => [column.name, column.type])),
  };
}

function requireColumns(table: TargetTableFacts, names: readonly string[]): TypedColumn[] {
  const found = names.map((name) => table.columns.find((column) => column.name === name));
  const missing = names.filter((_, index) => found[index] === undefined);
  if (missing.length > 0) {
    throw new UncheckedError('missing-column', `${formatTableName(table)} has no column ${missing.join(', ')}.`);
  }
  return found.map((column) => {
    const { name, type } = column as TypedColumn;
    return { name, type };
  });
}

function ageColumn(table: TargetTableFacts, name: string): TypedColumn {
  const [column] = requireColumns(table, [name]);
  ageTypeOf((column as TypedColumn).type);
  return column as TypedColumn;
}

function keyColumns(table: TargetTableFacts, configured: readonly string[] | undefined): TypedColumn[] {
  const names = configured ?? table.primaryKey;
  const text = formatTableName(table);
  if (names.length === 0)
    throw new UncheckedError('no-key', `${text} has no primary key: the policy has to name a key.`);
  const columns = requireColumns(table, names);
  const nullable = names.filter((name) => table.columns.find((column) => column.name === name)?.isNotNull !== true);
  if (nullable.length > 0) {
    throw new UncheckedError('no-key', `${nullable.join(', ')} of ${text} can be null, and is no key then.`);
  }
  if (!isUnique(table, names)) {
    throw new UncheckedError(
      'no-key',
      `${names.join(', ')} of ${text} does not tell its rows apart: no unique index says so.`,
    );
  }
  return columns;
}

/** A row that went with two would be counted twice, and deleted with the older one. */
function isUnique({ uniques }: TargetTableFacts, columns: readonly string[]): boolean {
  return uniques.some((unique) => unique.every((name) => columns.includes(name)));
}

function resolveChild(
  { table, columns, references, ageColumn: age }: ChildConfig,
  parent: number | undefined,
  {
    childFacts,
    parentFacts,
    limit,
  }: { readonly childFacts: TargetTableFacts; readonly parentFacts: TargetTableFacts; readonly limit: AgeLimit },
): TargetChild {
  const referred = references ?? parentFacts.primaryKey;
  const parentText = formatTableName(parentFacts);
  if (referred.length === 0) {
    throw new UncheckedError(
      'no-key',
      `${parentText} has no primary key: its child ${table} has to name what it refers to.`,
    );
  }
  if (referred.length !== columns.length || new Set(columns).size !== columns.length) {
    const detail = `${table} refers by ${columns.join(', ')} to ${referred.join(', ')} of ${parentText}: one column for each.`;
    throw new UncheckedError('bad-child', detail);
  }
  requireColumns(childFacts, columns);
  requireColumns(parentFacts, referred);
  if (!isUnique(parentFacts, referred)) {
    const detail = `A row of ${table} may go with several of ${parentText}: no unique index is on ${referred.join(', ')}.`;
    throw new UncheckedError('ambiguous-child', detail);
  }
  return {
    ...tableOf(childFacts),
    parent,
    referringColumns: columns,
    referredColumns: referred,
    ageColumn: age === undefined ? undefined : { ...ageColumn(childFacts, age), limit },
  };
}
