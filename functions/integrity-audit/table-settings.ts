import { type CoverageLedger, scopeType } from '../../shared/coverage.ts';
import { readTables } from '../../shared/postgres/catalog.ts';
import { formatTableName, parseTableName } from '../../shared/postgres/sql.ts';
import { UncheckedError } from '../../shared/unchecked-error.ts';
import type { LiveDatabase } from './context.ts';

/**
 * Settles in the coverage ledger whether the tables and columns are there that the configuration says something about: a
 * personal column that is misspelled would be shown. Columns that the role may not read are there all the same.
 */
export async function checkTableSettings(
  { name, settings, live }: Pick<LiveDatabase, 'name' | 'settings' | 'live'>,
  coverage: CoverageLedger,
): Promise<void> {
  const given = Object.entries(settings.tables);
  if (given.length === 0) return;
  const scope = { type: scopeType, id: `database/${name}/table-settings`, name: `table settings of database ${name}` };
  await coverage.look(scope, async () => {
    const tables = await readTables(
      live,
      given.map(([table]) => parseTableName(table)),
    );
    const gone: string[] = [];
    for (const [written, { key = [], safeColumns = [], personalColumns = [] }] of given) {
      const table = tables.get(formatTableName(parseTableName(written)));
      const columns = [...new Set([...key, ...safeColumns, ...personalColumns])];
      if (table === undefined) gone.push(written);
      else gone.push(...columns.filter((column) => !table.columns.has(column)).map((column) => `${written}.${column}`));
    }
    if (gone.length === 0) return;
    const detail = `The configuration has settings for ${gone.join(', ')}, which the database does not have.`;
    throw new UncheckedError('missing-column', detail);
  });
}
