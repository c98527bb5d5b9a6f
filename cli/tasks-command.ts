import { definitions } from './tasks.ts';

/** Prints what tasks there are: from their definitions, whatever the configuration says. */
export function tasksCommand(options: { json?: boolean }): void {
  if (options.json === true) {
    const tasks = definitions.map(({ id, title, schedule, timeoutSeconds, memoryMiB, permissions, rules }) => ({
      id,
      title,
      schedule,
      timeoutSeconds,
      memoryMiB,
      permissions,
      rules,
    }));
    process.stdout.write(`${JSON.stringify(tasks, null, 2)}\n`);
    return;
  }
  const width = Math.max(...definitions.map(({ id }) => id.length));
  for (const { id, title, schedule } of definitions) {
    process.stdout.write(`${id.padEnd(width)}  ${title}  ${schedule}\n`);
  }
}
