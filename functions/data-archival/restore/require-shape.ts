import type { ManifestTable } from '../../../shared/archive/manifest.ts';
import { formatTableName, type TableName } from '../../../shared/postgres/sql.ts';
import type { TargetTableFacts } from '../../../shared/retention/read-target-tables.ts';
import { shapeDifferences } from '../../../shared/retention/table-shape.ts';
import type { LoadTarget } from './load-rows.ts';
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
  target: LoadTarget['kind'],
): asserts facts is TargetTableFacts {
  const advice =
    target === 'original'
      ? 'Restore it into a schema of its own instead: --into <schema>.'
      : 'It was made as the manifest says: that is another table than the one that its rows are of.';
  if (facts === undefined) {
    const detail = `There is no table ${formatTableName(name)}, or the role cannot see it. ${advice}`;
    throw new RestoreRefusal('table-missing', detail);
  }
  if (facts.kind !== 'r' && facts.kind !== 'p') {
    throw new RestoreRefusal('shape-differs', `${formatTableName(name)} is not a table any more. ${advice}`);
  }
  const differences = shapeDifferences(archived.columns, facts.columns);
  if (differences.length === 0) return;
  throw new RestoreRefusal(
    'shape-differs',
    `${formatTableName(name)} is not what it was when its rows were archived: ${differences.join('; ')}. ${advice}`,
  );
}
