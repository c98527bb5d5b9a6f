import type { ManifestTable } from '../../../shared/archive/manifest.ts';
import { formatTableName, type TableName } from '../../../shared/postgres/sql.ts';
import type { TargetTableFacts } from '../../../shared/retention/read-target-tables.ts';
import { shapeDifferences } from '../../../shared/retention/table-shape.ts';
import { RestoreRefusal } from './restore-refusal.ts';

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
  const differences = shapeDifferences(archived.columns, facts.columns);
  if (differences.length === 0) return;
  throw new RestoreRefusal(
    'shape-differs',
    `${formatTableName(name)} is not what it was when its rows were archived: ${differences.join('; ')}. ${elsewhere}`,
  );
}
