import type { CollectContext, WorkContext } from '../../shared/run-task.ts';
import type { ConfigOf, RuleOf } from '../../shared/task.ts';
import type { task } from './task.ts';

export type Config = ConfigOf<typeof task>;
export type RuleId = RuleOf<typeof task>;
export type PurgeContext = WorkContext<Config>;
export type PurgeCollectContext = CollectContext<Config>;
