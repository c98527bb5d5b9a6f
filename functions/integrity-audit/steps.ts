import { postgresUncheckedReason } from '../../shared/postgres/unchecked-reason.ts';
import type { TaskSteps } from '../../shared/run-task.ts';
import { type AuditItems, collect } from './collect.ts';
import type { Config, RuleId } from './context.ts';
import { evaluate } from './evaluate.ts';

/** The halves of the task, for the Lambda entry and the command line alike. */
export const steps: TaskSteps<Config, AuditItems, RuleId> = {
  collect,
  evaluate,
  classify: postgresUncheckedReason,
};
