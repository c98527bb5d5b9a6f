import { postgresUncheckedReason } from '../../shared/postgres/unchecked-reason.ts';
import type { PolicyOutcome } from '../../shared/retention/policy-outcome.ts';
import { policyItems, policyOf } from '../../shared/retention/policy-work.ts';
import type { TaskSteps, WorkProgress } from '../../shared/run-task.ts';
import { collect } from './collect.ts';
import type { PurgePolicy } from './config.ts';
import type { Config, PurgeContext, RuleId } from './context.ts';
import { evaluate } from './evaluate.ts';
import { purgeObjects } from './objects/purge-objects.ts';
import { purgeOrphans } from './objects/purge-orphans.ts';
import { purgePartitions } from './partitions/purge-partitions.ts';
import { purgeRows } from './rows/purge-rows.ts';
import { task } from './task.ts';

/** The halves of the task, for the Lambda entry and the command line alike. */
export const steps: TaskSteps<Config, PolicyOutcome[], RuleId> = {
  plan: async ({ config, scope }) => policyItems(task.id, config.policies, scope.only),
  work: (item, progress, context) => purge(policyOf(context.config.policies, item), context, progress),
  collect,
  evaluate,
  classify: postgresUncheckedReason,
};

function purge(policy: PurgePolicy, context: PurgeContext, progress: WorkProgress | undefined): Promise<WorkProgress> {
  switch (policy.kind) {
    case 'rows':
      return purgeRows(policy, context, progress);
    case 'partitions':
      return purgePartitions(policy, context, progress);
    case 'objects':
      return purgeObjects(policy, context, progress);
    case 'orphans':
      return purgeOrphans(policy, context, progress);
  }
}
