import type { FindingDraft } from '../../shared/finding.ts';
import type { Outcome } from './outcome.ts';
import type { PhysicalFacts } from './physical/facts.ts';

/** Returns one sentence on how much holds. */
export function headline(
  outcomes: readonly Outcome[],
  physical: readonly PhysicalFacts[],
  findings: readonly FindingDraft[],
): string {
  if (outcomes.length === 0 && physical.length === 0) return 'No database was audited.';
  const read = new Set(outcomes.map(({ rule }) => `${rule.database}/${rule.id}`));
  const broken = new Set(
    findings.filter(({ resource }) => resource.type === 'integrity-rule').map(({ resource }) => resource.id),
  );
  const others = findings.filter(({ resource }) => resource.type !== 'integrity-rule').length;
  const databases =
    physical.length === 0 ? '' : `, and ${others === 0 ? 'nothing' : others} of the databases themselves`;
  return `Of ${read.size} declared rules that could be read, ${broken.size} ${broken.size === 1 ? 'is' : 'are'} broken${databases}.`;
}
