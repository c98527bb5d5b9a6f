import type { TaskDefinition } from '../shared/task.ts';
import { definitions } from './tasks.ts';

/** Prints what tasks there are: from their definitions, whatever the configuration says. */
export function tasksCommand(options: { json?: boolean }): void {
  if (options.json === true) {
    const tasks = definitions.map((definition) => {
      const { id, title, schedule, timeoutSeconds, memoryMiB, resumable = false, rules } = definition;
      return {
        id,
        title,
        schedule,
        timeoutSeconds,
        memoryMiB,
        resumable,
        permissions: permissionsOf(definition),
        readsDatabases: definition.databases !== undefined,
        rules,
      };
    });
    process.stdout.write(`${JSON.stringify(tasks, null, 2)}\n`);
    return;
  }
  const idWidth = Math.max(...definitions.map(({ id }) => id.length));
  const titleWidth = Math.max(...definitions.map(({ title }) => title.length));
  for (const { id, title, schedule } of definitions) {
    process.stdout.write(`${id.padEnd(idWidth)}  ${title.padEnd(titleWidth)}  ${schedule}\n`);
  }
}

/** What depends on the configuration is shown for that which names nothing, and marked. */
function permissionsOf({ permissions, config }: TaskDefinition) {
  const bare = config.safeParse({});
  return permissions.map(({ actions, resources, reason }) =>
    typeof resources === 'function'
      ? { actions, resources: bare.success ? resources(bare.data) : [], dependsOnConfiguration: true, reason }
      : { actions, resources, reason },
  );
}
