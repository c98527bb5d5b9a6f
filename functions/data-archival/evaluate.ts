import type { Evaluation } from '../../shared/evaluate-rules.ts';
import { evaluateOutcomes, type FaultRules } from '../../shared/retention/evaluate-outcomes.ts';
import type { Config, RuleId } from './context.ts';
import { drillTable } from './drill/drill-table.ts';
import { evaluateDrill } from './drill/evaluate-drill.ts';
import type { ArchivalItems } from './items.ts';
import { task } from './task.ts';

/** Severity and remedy of what can go otherwise than planned. */
export const faultRules: FaultRules<
  'archive-corrupt' | 'manifest-tampered' | 'chain-broken' | 'row-changed' | 'deletion-failed' | 'ledger-broken'
> = {
  'archive-corrupt': {
    severity: 'critical',
    remedy:
      'Nothing that it should hold was deleted in this run. Look for an earlier version of the file; else see the runbook before anything is moved.',
  },
  'manifest-tampered': {
    severity: 'critical',
    remedy: 'Find out who has written it, and bring back the version whose SHA-256 the ledger has.',
  },
  'chain-broken': {
    severity: 'critical',
    remedy: 'Find out who has taken an archive away, and bring it back from a version or a copy of the bucket.',
  },
  'row-changed': {
    severity: 'medium',
    remedy: 'The next run leaves these rows in the table and deletes the others. See who changes rows of that age.',
  },
  'deletion-failed': {
    severity: 'high',
    remedy:
      'See what the server says of it; the rows are archived and still in the table, and the next run tries again.',
  },
  'ledger-broken': {
    severity: 'critical',
    remedy:
      'Find out who has changed the ledger: caretaker ledger verify names the entry. Nothing is deleted until then.',
  },
};

/** Returns what became of the policies and their drills, as findings, changes and tables. */
export function evaluate({ outcomes, drills }: ArchivalItems, config: Config): Evaluation<RuleId> {
  const evaluation = evaluateOutcomes(task.id, outcomes, faultRules, config);
  const table = drillTable(drills);
  return {
    ...evaluation,
    findings: [...evaluation.findings, ...drills.flatMap((facts) => evaluateDrill(facts, config, faultRules))],
    tables: [...(evaluation.tables ?? []), ...(table === undefined ? [] : [table])],
  };
}
