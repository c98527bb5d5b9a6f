import type { ReportTable } from '../../../shared/report.ts';
import type { DrillFacts } from './drill-facts.ts';

/** Returns how the drills of the policies stand; undefined where there is nothing to tell. */
export function drillTable(drills: readonly DrillFacts[]): ReportTable | undefined {
  const told = drills.filter(({ state }) => state !== 'switched-off' && state !== 'nothing-to-drill');
  if (told.length === 0) return undefined;
  return {
    title: 'Restore drills',
    columns: [
      { key: 'policy', title: 'policy' },
      { key: 'state', title: 'state' },
      { key: 'rows', title: 'rows' },
      { key: 'seconds', title: 'seconds' },
      { key: 'lastGoodAt', title: 'last good' },
      { key: 'archive', title: 'archive' },
    ],
    rows: told.map(({ policy, state, rows, seconds, isEqual, lastGoodAt, manifest }) => ({
      policy,
      state: state === 'equal' ? 'restored, every row equal' : state,
      rows: isEqual === null ? null : rows,
      seconds: isEqual === null ? null : Number(seconds.toFixed(1)),
      lastGoodAt,
      archive: manifest === null ? null : manifest.split('/').slice(-3, -1).join('/'),
    })),
  };
}
