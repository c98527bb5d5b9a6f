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
  const rules = `${broken.size} of ${read.size} declared ${read.size === 1 ? 'rule' : 'rules'} that could be read`;
  return [
    ...(read.size === 0 ? [] : [`${rules} ${broken.size === 1 ? 'is' : 'are'} broken.`]),
    ...(physical.length === 0 ? [] : [`Of the databases themselves there ${countOf(others)}.`]),
  ].join(' ');
}

function countOf(findings: number): string {
  if (findings === 0) return 'is no finding';
  return findings === 1 ? 'is 1 finding' : `are ${findings} findings`;
}
