import type { ReportTable } from '../../shared/report.ts';
import type { Outcome } from './outcome.ts';
import { isBroken } from './tolerance.ts';

/** Returns what was measured of each declared rule, good or bad. */
export function outcomeTable(outcomes: readonly Outcome[]): ReportTable {
  return {
    title: 'What the declared rules have measured',
    columns: [
      { key: 'rule', title: 'rule' },
      { key: 'kind', title: 'kind' },
      { key: 'tested', title: 'tested' },
      { key: 'violations', title: 'violations' },
      { key: 'value', title: 'measured' },
    ],
    rows: outcomes.map((outcome) => ({ rule: outcome.rule.id, kind: outcome.rule.kind, ...measuredOf(outcome) })),
  };
}

function measuredOf(outcome: Outcome): ReportTable['rows'][number] {
  const none = { tested: null, violations: null };
  switch (outcome.kind) {
    case 'violations': {
      const { tested, count } = outcome;
      return {
        tested: tested ?? null,
        violations: count,
        value: isBroken(outcome) || count === 0 ? null : 'tolerated',
      };
    }
    case 'freshness':
      return { ...none, value: outcome.newestAt?.toISOString() ?? null };
    case 'measurement':
      return { ...none, value: String(outcome.point.value) };
  }
}
