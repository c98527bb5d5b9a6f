import type { Resource } from '../../shared/resource.ts';
import { collectOutcomes } from '../../shared/retention/policy-work.ts';
import type { ArchivalCollectContext } from './context.ts';
import type { DrillFacts } from './drill/drill-facts.ts';
import { drillResource } from './drill/drill-resource.ts';
import { runDrill } from './drill/run-drill.ts';
import type { ArchivalItems } from './items.ts';
import { task } from './task.ts';

/** Returns what became of each policy, of which the work is done, and then restores an archive of those whose drill is due. */
export async function collect(context: ArchivalCollectContext): Promise<ArchivalItems> {
  const { config, coverage, measure } = context;
  const outcomes = collectOutcomes(task.id, config.policies, context);
  // What is only to be shown must not write anywhere, nor be told of a writer.
  const selected = config.policies.filter(({ id, mode }) => mode === 'apply' && coverage.selects(drillResource(id)));
  const drills: DrillFacts[] = [];
  for (const policy of selected) {
    // One after the other: each takes the room and the time of an archive.
    const facts = await runDrill(policy, context);
    settle(context, drillResource(policy.id), facts);
    drills.push(facts);
    if (facts.isEqual !== null) measure(`restoreDrillSeconds.${policy.id}`, facts.seconds);
  }
  return { outcomes, drills };
}

function settle({ coverage }: ArchivalCollectContext, resource: Resource, { state, unchecked }: DrillFacts): void {
  if (unchecked !== null) coverage.unchecked(resource, unchecked.reason, unchecked.detail);
  else if (state === 'equal' || state === 'failed') coverage.checked(resource);
}
