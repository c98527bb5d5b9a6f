import * as z from 'zod';
import { databasesSchema } from './databases.ts';
import { estateSchema } from './estate.ts';

/** Environment variables that `infra` sets on every function and the handler reads; the one place where they are named. */
export const environmentNames = {
  stage: 'CARETAKER_STAGE',
  pageTopicArn: 'CARETAKER_PAGE_TOPIC_ARN',
  noticeTopicArn: 'CARETAKER_NOTICE_TOPIC_ARN',
  reportBucket: 'CARETAKER_REPORT_BUCKET',
  ledgerBucket: 'CARETAKER_LEDGER_BUCKET',
  stateTable: 'CARETAKER_STATE_TABLE',
} as const;

/** File beside the bundled handler that carries the deployed configuration, so that a rollback rolls it back too. */
export const deployedConfigFileName = 'caretaker.config.json';

/** What {@link deployedConfigFileName} holds; `config` is parsed by the task's own schema. */
export const deployedConfigSchema = z.strictObject({
  estate: estateSchema,
  /** Where the runbook can be read. */
  runbookUrl: z.string().optional(),
  /** Those that the task reads. */
  databases: databasesSchema.default({}),
  config: z.record(z.string(), z.unknown()),
});

export type DeployedConfig = z.input<typeof deployedConfigSchema>;

/** Alias of the version in service: what the schedule invokes, and what is rolled back. */
export const liveAlias = 'live';

/** CloudWatch namespace of the metrics that the functions emit. */
export const metricNamespace = 'Caretaker';

/** Returns the dimensions of every metric that a function emits: `service` is what Powertools calls the task. */
export function metricDimensions(stage: string, taskId: string): { service: string; stage: string } {
  return { service: taskId, stage };
}

/** Metric names, shared by the functions that emit them and the alarms that watch them. */
export const metricNames = {
  /** 1 for each scheduled run that ended with a stored report, whatever its status; its absence is the missed-run alarm. */
  scheduledRunCompleted: 'ScheduledRunCompleted',
  /** Hours since such a run, emitted several times a day for tasks that run too rarely for an alarm to wait for the other. */
  hoursSinceScheduledRun: 'HoursSinceScheduledRun',
  findings: 'Findings',
  unchecked: 'Unchecked',
} as const;

/** Returns what CloudWatch calls a number in the reports of a task that has an alarm on it: `backlogAgeHours` is `BacklogAgeHours`. */
export function alarmMetricName(metric: string): string {
  return `${metric.charAt(0).toUpperCase()}${metric.slice(1)}`;
}

/** Returns the name of a deployed function: what `aws lambda invoke --function-name` takes. */
export function functionName(stage: string, taskId: string): string {
  return `caretaker-${stage}-${taskId}`;
}

/** Returns where in the report bucket a task keeps what it must remember. */
export function statePrefix(taskId: string): string {
  return `state/${taskId}/`;
}

/** Returns where in the ledger bucket a task writes down what it did. */
export function ledgerPrefix(taskId: string): string {
  return `${taskId}/`;
}

/** Returns where in the report bucket the steps of a run keep what they tell each other; of no use once the run has ended. */
export function runStatePrefix(taskId: string): string {
  return `${statePrefix(taskId)}runs/`;
}

/**
 * Returns where in the report bucket a task keeps the lists that its plans name: of no use once a plan is at its end, or too old to be
 * begun.
 */
export function listStatePrefix(taskId: string): string {
  return `${statePrefix(taskId)}lists/`;
}

/** Days for which such a list is kept: longer than a plan may wait to be begun, 90 days, and than it then takes. */
export const listRetentionDays = 120;

/** Returns the name of the state machine of a task whose work is planned: what a run in steps is started by. */
export function stateMachineName(stage: string, taskId: string): string {
  return functionName(stage, taskId);
}

/**
 * A run in steps stops working after this, in seconds, and reports what has not been done as unchecked: less than a day, so that a
 * nightly run does not meet the next one.
 */
export const workWindowSeconds = 10 * 3600;

/** A run in steps is ended after this, in seconds, should its work not have stopped by itself and its report been made. */
export const stateMachineTimeoutSeconds = 12 * 3600;

/**
 * Options that every deployed function's Node runs with. V8 lets the space for short-lived objects grow with the machine's memory
 * and not with what they need; bounded to 8 MiB, streaming through millions of objects takes the same memory as through thousands.
 */
export const nodeOptions = '--enable-source-maps --max-semi-space-size=8';
