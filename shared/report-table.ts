import type { ReportTable } from './report.ts';

/** Returns the value of a cell; `null` too where the row has none for the column. */
export function cellValue(row: ReportTable['rows'][number], key: string): ReportTable['rows'][number][string] {
  return Object.hasOwn(row, key) ? (row[key] ?? null) : null;
}

/** Returns whether a column holds numbers and nothing else, but for what is not known. */
export function isNumberColumn({ rows }: ReportTable, key: string): boolean {
  const known = rows.map((row) => cellValue(row, key)).filter((value) => value !== null);
  return known.length > 0 && known.every((value) => typeof value === 'number');
}
