import type { ManifestTable } from '../../../shared/archive/manifest.ts';
import { formatTableName, type TableName } from '../../../shared/postgres/sql.ts';
import type { TargetTableFacts } from '../../../shared/retention/read-target-tables.ts';
import { RestoreRefusal } from './restore-refusal.ts';

/**
 * Returns what differs between a table as it was archived and as it is, one part of a sentence each; nothing when rows
 * fit.
 */
function shapeDifferences(archived: ManifestTable, { columns }: Pick<TargetTableFacts, 'columns'>): string[] {
  const now = new Map(columns.map((column) => [column.name, column]));
  const then = new Map(archived.columns.map((column) => [column.name, column]));
  const differences = [
    ...columns.filter(({ name }) => !then.has(name)).map(({ name }) => `the column ${name} has been added since`),
    ...archived.columns
      .filter(({ name }) => !now.has(name))
      .map(({ name }) => `the column ${name} is not there any more`),
    ...archived.columns.flatMap(({ name, type, isGenerated }) => {
      const column = now.get(name);
      if (column === undefined) return [];
      if (column.type !== type) return [`${name} is ${column.type} now and was ${type}`];
      if (column.isGenerated === isGenerated) return [];
      return [`${name} is ${isGenerated ? 'not computed from others any more' : 'computed from others now'}`];
    }),
  ];
  const isOtherOrder = columns.some(({ name }, index) => archived.columns[index]?.name !== name);
  return differences.length === 0 && isOtherOrder ? ['its columns are in another order now'] : differences;
}

/**
 * Requires that rows of an archive can be put into a table, and be told to be the same there.
 *
 * @throws RestoreRefusal `table-missing` or `shape-differs`.
 */
export function requireShape(
  archived: ManifestTable,
  name: TableName,
  facts: TargetTableFacts | undefined,
): asserts facts is TargetTableFacts {
  const elsewhere = 'Restore it into a schema of its own instead: --into <schema>.';
  if (facts === undefined) {
    const detail = `There is no table ${formatTableName(name)}, or the role cannot see it. ${elsewhere}`;
    throw new RestoreRefusal('table-missing', detail);
  }
  if (facts.kind !== 'r' && facts.kind !== 'p') {
    throw new RestoreRefusal('shape-differs', `${formatTableName(name)} is not a table any more. ${elsewhere}`);
  }
  const differences = shapeDifferences(archived, facts);
  if (differences.length === 0) return;
  throw new RestoreRefusal(
    'shape-differs',
    `${formatTableName(name)} is not what it was when its rows were archived: ${differences.join('; ')}. ${elsewhere}`,
  );
}
