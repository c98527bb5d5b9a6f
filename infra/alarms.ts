import type { MetricAlarm, TaskDefinition } from '../shared/task.ts';

/** One kind of alarm: `infra` creates one for each task, and `docs/runbook.md` has one heading for each kind. */
export interface AlarmKind {
  /** Heading in `docs/runbook.md`. */
  readonly heading: string;
  /** What the alarm means, in one sentence. */
  readonly description: string;
  /** Topic that hears of it: `page` wakes somebody, `notice` can wait for the morning. */
  readonly channel: 'page' | 'notice';
  /** Only a task whose runs are performed in steps has it. */
  readonly isOfStateMachine?: true;
}

/** Every alarm that a deployment has, by id. */
export const alarmKinds = {
  errors: {
    heading: 'Alarm: errors',
    description:
      'A run ended in an error. It is tried three times; the alarms on failed and missed runs say if all were in vain.',
    channel: 'notice',
  },
  'missed-run': {
    heading: 'Alarm: missed run',
    description: 'No scheduled run has ended with a stored report for longer than the schedule explains.',
    channel: 'page',
  },
  'undelivered-schedule': {
    heading: 'Alarm: undelivered schedule',
    description: 'EventBridge Scheduler could not hand a run over and gave it up to the dead-letter queue.',
    channel: 'page',
  },
  'failed-run': {
    heading: 'Alarm: failed run',
    description: 'A run failed three times over, or waited too long, and was given up to the failure queue.',
    channel: 'page',
  },
  'failed-execution': {
    heading: 'Alarm: failed execution',
    description: 'A run in steps failed, ran out of time or was stopped before it had reported.',
    channel: 'page',
    isOfStateMachine: true,
  },
  throttles: {
    heading: 'Alarm: throttles',
    description: 'Lambda turned invocations away, because the account has no concurrency to spare.',
    channel: 'notice',
  },
} as const satisfies Record<string, AlarmKind>;

/** Id of an alarm kind. */
export type AlarmId = keyof typeof alarmKinds;

/** Returns the kinds of alarm that a task has. */
export function alarmIdsOf(definition: TaskDefinition): AlarmId[] {
  return Object.entries<AlarmKind>(alarmKinds)
    .filter(([, { isOfStateMachine }]) => isOfStateMachine !== true || definition.resumable === true)
    .map(([id]) => id as AlarmId);
}

/** Returns the heading in `docs/runbook.md` of an alarm on a number in a task's reports. */
export function metricAlarmHeading({ title }: MetricAlarm): string {
  return `Alarm: ${title.charAt(0).toLowerCase()}${title.slice(1)}`;
}

/** Returns where the runbook treats this kind of alarm: its address, else its path in this repository. */
export function runbookLink(id: AlarmId, runbookUrl?: string): string {
  return linkTo(alarmKinds[id].heading, runbookUrl);
}

/** Returns where the runbook treats an alarm on a number, likewise. */
export function metricRunbookLink(alarm: MetricAlarm, runbookUrl?: string): string {
  return linkTo(metricAlarmHeading(alarm), runbookUrl);
}

/** With GitHub's anchor of the heading. */
function linkTo(heading: string, runbookUrl = 'docs/runbook.md'): string {
  const anchor = heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
  return `${runbookUrl}#${anchor}`;
}
