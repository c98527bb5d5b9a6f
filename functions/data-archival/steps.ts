import { postgresUncheckedReason } from '../../shared/postgres/unchecked-reason.ts';
import { policyItems, policyOf } from '../../shared/retention/policy-work.ts';
import type { TaskSteps } from '../../shared/run-task.ts';
import { archivePolicy } from './archive/archive-policy.ts';
import { collect } from './collect.ts';
import type { Config, RuleId } from './context.ts';
import { evaluate } from './evaluate.ts';
import type { ArchivalItems } from './items.ts';
import { task } from './task.ts';

/** The halves of the task, for the Lambda entry and the command line alike. */
export const steps: TaskSteps<Config, ArchivalItems, RuleId> = {
  plan: async ({ config, scope }) => policyItems(task.id, config.policies, scope.only),
  work: (item, progress, context) => archivePolicy(policyOf(context.config.policies, item), context, progress),
  collect,
  evaluate,
  classify: postgresUncheckedReason,
};
