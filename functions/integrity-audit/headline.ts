import type { FindingDraft } from '../../shared/finding.ts';
import type { Unchecked } from '../../shared/report.ts';
import { type Outcome, ruleResource } from './outcome.ts';
import type { PhysicalFacts } from './physical/facts.ts';

/** Returns a sentence or two on how much holds; undefined when neither a rule nor a database has anything to say. */
export function headline(
  outcomes: readonly Outcome[],
  physical: readonly PhysicalFacts[],
  findings: readonly FindingDraft[],
  unchecked: readonly Pick<Unchecked, 'resource'>[],
): string | undefined {
  if (outcomes.length === 0 && physical.length === 0) return 'No database was audited.';
  // What was measured, and could not be judged by too short a history, holds or not.
  const unjudged = new Set(unchecked.map(({ resource }) => resource.id));
  const judged = new Set(outcomes.map(({ rule }) => ruleResource(rule).id).filter((id) => !unjudged.has(id)));
  const broken = new Set(
    findings.filter(({ resource }) => resource.type === 'integrity-rule').map(({ resource }) => resource.id),
  );
  const others = findings.filter(({ resource }) => resource.type !== 'integrity-rule').length;
  const rules = `${broken.size} of ${judged.size} declared ${judged.size === 1 ? 'rule' : 'rules'} that could be judged`;
  const sentences = [
    ...(judged.size === 0 ? [] : [`${rules} ${broken.size === 1 ? 'is' : 'are'} broken.`]),
    ...(others === 0 ? [] : [`Of the databases themselves there ${countOf(others)}.`]),
  ];
  return sentences.length === 0 ? undefined : sentences.join(' ');
}

function countOf(findings: number): string {
  return findings === 1 ? 'is 1 finding' : `are ${findings} findings`;
}
