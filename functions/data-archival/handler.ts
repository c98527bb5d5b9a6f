import { createHandler } from '../../shared/handler.ts';
import { steps } from './steps.ts';
import { task } from './task.ts';

/** The Lambda entry. */
export const handler = createHandler(task, steps);
