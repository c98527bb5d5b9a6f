import { postgresUncheckedReason } from '../../shared/postgres/unchecked-reason.ts';
import { policyItems, policyOf } from '../../shared/retention/policy-work.ts';
import type { TaskSteps, WorkItem } from '../../shared/run-task.ts';
import { archivePolicy } from './archive/archive-policy.ts';
import { collect } from './collect.ts';
import type { ArchivalPolicy } from './config.ts';
import type { Config, RuleId } from './context.ts';
import { evaluate } from './evaluate.ts';
import type { ArchivalItems } from './items.ts';
import { task } from './task.ts';

/** The halves of the task, for the Lambda entry and the command line alike. */
export const steps: TaskSteps<Config, ArchivalItems, RuleId> = {
  plan: async ({ config, scope }) => policyItems(task.id, config.policies, scope.only),
  work: (item, progress, context) => archivePolicy(wholePolicy(item, context.config), context, progress),
  collect,
  evaluate,
  classify: postgresUncheckedReason,
};

/** With what it takes from its task: archives somewhere else are another plan, which somebody has to look at anew. */
function wholePolicy(item: WorkItem, { policies, destination }: Config): ArchivalPolicy {
  const policy = policyOf(policies, item);
  return { ...policy, destination: policy.destination ?? destination };
}
