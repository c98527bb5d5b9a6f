import * as registry from '../functions/index.ts';
import type { TaskSteps } from '../shared/run-task.ts';
import type { TaskDefinition } from '../shared/task.ts';
import { UsageError } from './usage-error.ts';

/** Every task, in the registry's order. */
export const definitions: readonly TaskDefinition[] = Object.values(registry);

/** Those that change the estate. */
export const applyingDefinitions = definitions.filter(({ applies }) => applies === true);

/**
 * Returns the definitions of the tasks named.
 *
 * @throws UsageError that lists every name that is no task.
 */
export function definitionsNamed(ids: readonly string[]): TaskDefinition[] {
  const unknown = ids.filter((id) => !definitions.some((definition) => definition.id === id));
  if (unknown.length > 0) {
    throw new UsageError(
      `no such task: ${unknown.join(', ')} (there is ${definitions.map(({ id }) => id).join(', ')})`,
    );
  }
  return [...new Set(ids)].map((id) => definitions.find((definition) => definition.id === id) as TaskDefinition);
}

/** Returns the code of a task; loaded only when it runs, so that the other commands start at once. */
export async function loadSteps(definition: TaskDefinition): Promise<TaskSteps<unknown, unknown>> {
  const module: { steps: TaskSteps<unknown, unknown> } = await import(`../functions/${definition.id}/steps.ts`);
  return module.steps;
}
