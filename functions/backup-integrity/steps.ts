import type { TaskSteps, WorkItem } from '../../shared/run-task.ts';
import { type BackupItems, collect } from './collect.ts';
import type { BackupWorkContext, Config, RuleId } from './context.ts';
import { evaluate } from './evaluate.ts';
import { planReplicas, workReplica } from './replicas/replica-work.ts';
import { planVerifications, workVerification } from './verification/verification-work.ts';

/** The halves of the task, for the Lambda entry and the command line alike. */
export const steps: TaskSteps<Config, BackupItems, RuleId> = {
  async plan(context: BackupWorkContext): Promise<WorkItem[]> {
    if (!context.config.sources.includes('s3')) return [];
    const [replicas, verifications] = await Promise.all([planReplicas(context), planVerifications(context)]);
    return [...replicas, ...verifications];
  },
  work: (item, progress, context) =>
    item.id.startsWith('replica/') ? workReplica(item, progress, context) : workVerification(item, progress, context),
  collect,
  evaluate,
};
