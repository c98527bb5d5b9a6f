import type { TaskSteps } from '../../shared/run-task.ts';
import type { ConfigOf, RuleOf } from '../../shared/task.ts';
import { collect } from './collect.ts';
import { evaluate } from './evaluate.ts';
import type { CertificateItem } from './items.ts';
import type { task } from './task.ts';

/** The halves of the task, for the Lambda entry and the command line alike. */
export const steps: TaskSteps<ConfigOf<typeof task>, CertificateItem[], RuleOf<typeof task>> = { collect, evaluate };
