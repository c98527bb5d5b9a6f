import { loadConfiguration } from '../config/load.ts';
import { nextRuns } from '../shared/schedule/next-run.ts';
import { parseScheduleExpression } from '../shared/schedule/schedule-expression.ts';
import { formatInZone } from '../shared/schedule/time-zone.ts';
import { definitions } from './tasks.ts';
import { userPath } from './user-path.ts';

/** Runs shown for each task. */
const shownRuns = 3;

/** One task's coming runs; times are ISO 8601. */
export interface ScheduledRuns {
  readonly task: string;
  readonly enabled: boolean;
  readonly schedule: string;
  readonly timeZone: string;
  /** In UTC. A `rate()` is shown as if it began now. */
  readonly nextRuns: readonly string[];
}

/** Prints when each task runs next, in the estate's time zone and in UTC. */
export async function scheduleCommand(options: { config?: string; json?: boolean }, now: Date): Promise<void> {
  const configuration = await loadConfiguration(userPath(options.config ?? 'caretaker.config.ts'));
  const { timeZone } = configuration.estate;
  const schedules = definitions.map(({ id, schedule }): ScheduledRuns => {
    const settings = configuration.tasks[id] ?? { enabled: true, schedule };
    const expression = parseScheduleExpression(settings.schedule);
    const runs = settings.enabled ? nextRuns(expression, now, timeZone, shownRuns) : [];
    return {
      task: id,
      enabled: settings.enabled,
      schedule: settings.schedule,
      timeZone,
      nextRuns: runs.map((run) => run.toISOString()),
    };
  });
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(schedules, null, 2)}\n`
      : schedules.map((scheduled) => scheduleText(scheduled)).join('\n'),
  );
}

function scheduleText({ task, enabled, schedule, timeZone, nextRuns: runs }: ScheduledRuns): string {
  const lines = [`${task}  ${schedule}  ${timeZone}`];
  if (!enabled) lines.push('  switched off');
  else if (runs.length === 0) lines.push('  never again');
  for (const run of runs) {
    lines.push(`  ${formatInZone(new Date(run), timeZone)}   ${run.slice(0, 16).replace('T', ' ')} UTC`);
  }
  return `${lines.join('\n')}\n`;
}
