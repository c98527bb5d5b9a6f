import type { Evaluation } from '../../shared/evaluate-rules.ts';
import type { CollectContext, WorkContext } from '../../shared/run-task.ts';
import type { ConfigOf, RuleOf } from '../../shared/task.ts';
import type { task } from './task.ts';

/** What this task's halves are given and give back, with its own configuration and rules. */
export type Config = ConfigOf<typeof task>;
export type RuleId = RuleOf<typeof task>;
export type Context = CollectContext<Config>;
export type BackupWorkContext = WorkContext<Config>;
export type BackupEvaluation = Evaluation<RuleId>;
