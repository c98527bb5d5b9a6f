import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type * as z from 'zod';
import { AwsClients } from './aws/clients.ts';
import { hoursSinceScheduledRun, recordScheduledRun } from './aws/last-run.ts';
import { type Lease, LeaseHeldError, takeLease } from './aws/lease.ts';
import { storeReport } from './aws/report-store.ts';
import { ConfigError, parseOrThrow } from './config-error.ts';
import { DynamoControlStore } from './control/dynamo-control-store.ts';
import {
  alarmMetricName,
  deployedConfigFileName,
  deployedConfigSchema,
  environmentNames,
  metricDimensions,
  metricNames,
  metricNamespace,
  stateMachineTimeoutSeconds,
  statePrefix,
  workWindowSeconds,
} from './deployment.ts';
import { type Invocation, invocationSchema, type Step } from './invocation.ts';
import { S3LedgerStore } from './ledger/s3-ledger-store.ts';
import { publishReport } from './notify/publish.ts';
import type { Report } from './report.ts';
import {
  continueWork,
  finishTask,
  planWork,
  type RunOptions,
  runTask,
  type TaskSteps,
  type WorkItem,
} from './run-task.ts';
import { type RunPlan, RunState } from './storage/run-state.ts';
import { S3StateStore } from './storage/s3-state-store.ts';
import type { TaskDefinition } from './task.ts';

/** Seconds kept back at the end of an invocation for storing and publishing the report. */
const reserveSeconds = 15;

/** Seconds kept back at the end of a step of long work, for stopping and for storing how far it came. */
const workReserveSeconds = 30;

/** Step Functions hands on 256 KiB at most: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const maxPlanBytes = 250_000;

/** Characters of an error that a report shows. */
const maxFailureLength = 500;

/** What an invocation answers: enough for a person who ran it by hand; the whole report is at `reportUrl`. */
export interface InvocationResult {
  readonly task: string;
  /**
   * The report's, or else. `skipped`: this scheduled run has been done already, or another execution is doing it. `watched`:
   * nothing was to be run. `planned`: `items` are to be worked on. `unfinished`: this part needs another step. `done`, `out-of-time`:
   * it needs none.
   */
  readonly status: Report['status'] | 'skipped' | 'watched' | 'planned' | 'unfinished' | 'done' | 'out-of-time';
  readonly runId?: string;
  /** Ids of the parts of the work. */
  readonly items?: readonly string[];
  readonly findings?: number;
  readonly checked?: number;
  readonly unchecked?: number;
  /** `s3://bucket/key`. */
  readonly reportUrl?: string;
}

/** What a run by hand has in place of a lease: nobody else performs it. */
const ownRun: Lease = { confirm: async () => {}, complete: async () => {}, release: async () => {} };

/**
 * Returns the Lambda entry of a task: it reads the configuration that travels with the code, takes the lease of a scheduled
 * run, runs the task, stores the report and tells people. Of a run in steps, it does the step that the event names.
 *
 * The returned function throws ConfigError for a bad event or configuration, and lets everything else that is not about a
 * single resource propagate, so that the failure destination and the alarms act.
 */
export function createHandler<Config extends z.ZodType, Items, Rule extends string>(
  definition: TaskDefinition<string, Rule, Config>,
  steps: TaskSteps<z.output<Config>, Items, Rule>,
): (event: unknown, context: Context) => Promise<InvocationResult> {
  const logger = new Logger({ serviceName: definition.id });
  const metrics = new Metrics({ namespace: metricNamespace, serviceName: definition.id });
  const tracer = new Tracer({ serviceName: definition.id });
  // One set of clients per container: connections and credentials outlive an invocation.
  const clients = new AwsClients();

  async function handle(event: unknown, context: Context): Promise<InvocationResult> {
    const { step, ...invocation } = parseOrThrow(invocationSchema, event ?? {}, 'event');
    const deployed = await readDeployedConfig();
    const environment = readEnvironment();
    if (invocation.watch === true) return watch(environment);

    const remainingSeconds = context.getRemainingTimeInMillis() / 1000;
    const store = new S3StateStore(clients.get(S3Client, home()), environment.reportBucket, statePrefix(definition.id));
    const surroundings: Surroundings = {
      environment,
      runbookUrl: deployed.runbookUrl,
      remainingSeconds,
      options: {
        estate: deployed.estate,
        databases: deployed.databases,
        config: deployed.config,
        configSource: deployedConfigFileName,
        invocation,
        clients,
        clock: () => new Date(),
        store,
        control: new DynamoControlStore(clients.get(DynamoDBClient, home()), environment.stateTable),
        ledgers: new S3LedgerStore(clients.get(S3Client, home()), environment.ledgerBucket),
        actor: actorOf(context),
        timeBudgetSeconds: Math.max(1, remainingSeconds - reserveSeconds),
      },
    };
    if (step === undefined) {
      return perform(surroundings, context.awsRequestId, () => runTask(definition, steps, surroundings.options));
    }
    if (definition.resumable !== true) {
      throw new ConfigError('event', [
        { path: 'step', message: `${definition.id} does all of a run in one invocation` },
      ]);
    }
    const run = new RunState(store, step.runId);
    if (step.kind === 'plan') return plan(surroundings, run, step.runId);
    return step.kind === 'work' ? work(surroundings, run, step) : finish(surroundings, run, step.runId);
  }

  /**
   * Performs a run, stores its report and tells people; of a scheduled run, only with its lease.
   *
   * @param requestId the same for every attempt of those that follow each other, so that a later one need not wait for an earlier.
   */
  async function perform(
    { environment, runbookUrl, remainingSeconds, options }: Surroundings,
    requestId: string,
    run: () => Promise<Report>,
  ): Promise<InvocationResult> {
    const { schedule } = options.invocation;
    const lease = await leaseOf(schedule, environment, requestId, Math.ceil(remainingSeconds));
    if (lease === undefined) return skipped('This scheduled run has been done already', schedule);
    try {
      const report = await run();
      await lease.confirm();
      const reportUrl = await storeAndPublish(report, environment, runbookUrl);
      if (schedule !== undefined) {
        // Killed between the two, the run is repeated, and recorded again.
        await recordScheduledRun(
          clients.get(DynamoDBClient, home()),
          environment.stateTable,
          definition.id,
          new Date(),
        );
        await lease.complete();
      }
      const result = resultOf(report, reportUrl);
      measure(report, environment.stage);
      logger.info('Run finished', result);
      return result;
    } catch (error) {
      await releaseQuietly(lease, logger);
      throw error;
    }
  }

  /** Takes the lease for as long as the run may last, and divides the work, once: asked again, it answers the same. */
  async function plan({ environment, options }: Surroundings, run: RunState, runId: string): Promise<InvocationResult> {
    const { invocation } = options;
    let lease: Lease | undefined;
    try {
      lease = await leaseOf(invocation.schedule, environment, runId, stateMachineTimeoutSeconds);
    } catch (error) {
      // Scheduler delivered twice, and the other execution is at work. To wait here would gain nothing.
      if (!(error instanceof LeaseHeldError)) throw error;
      return skipped('Another execution is performing this scheduled run', invocation.schedule);
    }
    if (lease === undefined) return skipped('This scheduled run has been done already', invocation.schedule);
    try {
      let planned = await run.readPlan();
      if (planned === undefined) {
        const startedAt = options.clock().toISOString();
        const items = await planWork(definition, steps, { ...options, runId });
        planned = { startedAt, invocation, items: items.map((item) => ({ ...item })) };
        requireDistinct(planned.items);
        await run.writePlan(planned);
      }
      const items = planned.items.map(({ id }) => id);
      logger.info('Run planned', { runId, items: items.length });
      return requireSmall({ task: definition.id, status: 'planned', runId, items });
    } catch (error) {
      await releaseQuietly(lease, logger);
      throw error;
    }
  }

  /** Goes on with one part of the work from where its last step ended. */
  async function work(
    { remainingSeconds, options }: Surroundings,
    run: RunState,
    { runId, item: id }: Step & { kind: 'work' },
  ): Promise<InvocationResult> {
    const planned = await planOf(run, runId);
    const item = planned.items.find((candidate) => candidate.id === id);
    if (item === undefined)
      throw new ConfigError('event', [{ path: 'step.item', message: `${id} is not in the plan` }]);
    const answer = { task: definition.id, runId };
    const { progress: before } = await run.readPart(item);
    if (before?.isDone === true) return { ...answer, status: 'done' };
    const secondsSinceStart = (options.clock().getTime() - Date.parse(planned.startedAt)) / 1000;
    if (secondsSinceStart > workWindowSeconds) return { ...answer, status: 'out-of-time' };
    const timeBudgetSeconds = Math.max(1, remainingSeconds - workReserveSeconds);
    const stepOptions = { ...options, invocation: planned.invocation, runId, timeBudgetSeconds };
    try {
      const after = await continueWork(definition, steps, stepOptions, item, before);
      await run.writePart(item, { progress: after });
      return { ...answer, status: after.isDone ? 'done' : 'unfinished' };
    } catch (error) {
      // For the report, should this have been the last attempt.
      const failure = String(error).slice(0, maxFailureLength);
      await run.writePart(item, { progress: before, failure }).catch((fault: unknown) => {
        // The step's own error is what must reach the caller.
        logger.warn('Why the step failed could not be written down', { item: id, failure, error: fault as Error });
      });
      throw error;
    }
  }

  async function finish(surroundings: Surroundings, run: RunState, runId: string): Promise<InvocationResult> {
    const planned = await planOf(run, runId);
    const options = { ...surroundings.options, invocation: planned.invocation, runId };
    return perform({ ...surroundings, options }, runId, async () =>
      finishTask(definition, steps, options, await run.readWork(planned), new Date(planned.startedAt)),
    );
  }

  async function leaseOf(
    schedule: Invocation['schedule'],
    { stateTable }: Environment,
    requestId: string,
    holdSeconds: number,
  ): Promise<Lease | undefined> {
    if (schedule === undefined) return ownRun;
    const run = { scheduleArn: schedule.arn, scheduledTime: schedule.scheduledTime };
    const now = () => new Date();
    return takeLease(clients.get(DynamoDBClient, home()), stateTable, run, { requestId, holdSeconds, now });
  }

  function skipped(why: string, schedule: Invocation['schedule']): InvocationResult {
    logger.info(why, { scheduledTime: schedule?.scheduledTime });
    return { task: definition.id, status: 'skipped' };
  }

  async function watch({ stage, stateTable }: Environment): Promise<InvocationResult> {
    const hours = await hoursSinceScheduledRun(
      clients.get(DynamoDBClient, home()),
      stateTable,
      definition.id,
      new Date(),
    );
    metrics.addDimension('stage', metricDimensions(stage, definition.id).stage);
    metrics.addMetric(metricNames.hoursSinceScheduledRun, MetricUnit.Count, hours);
    return { task: definition.id, status: 'watched' };
  }

  /** People hear of what was found even when it could not be stored; the run fails all the same, and is tried again. */
  async function storeAndPublish(report: Report, environment: Environment, runbookUrl?: string): Promise<string> {
    const [stored] = await Promise.allSettled([
      storeReport(report, clients.get(S3Client, home()), environment.reportBucket),
    ]);
    await publishReport(report, {
      sns: clients.get(SNSClient, home()),
      pageTopicArn: environment.pageTopicArn,
      noticeTopicArn: environment.noticeTopicArn,
      stage: environment.stage,
      runbookUrl,
      ...(stored.status === 'fulfilled' ? { reportUrl: stored.value } : {}),
    });
    if (stored.status === 'rejected') throw stored.reason;
    return stored.value;
  }

  function measure(report: Report, stage: string): void {
    // Powertools adds the dimension `service` by itself; the alarms watch exactly these two.
    metrics.addDimension('stage', metricDimensions(stage, definition.id).stage);
    if (report.trigger === 'schedule') metrics.addMetric(metricNames.scheduledRunCompleted, MetricUnit.Count, 1);
    metrics.addMetric(metricNames.findings, MetricUnit.Count, report.findings.length);
    metrics.addMetric(metricNames.unchecked, MetricUnit.Count, report.coverage.unchecked.length);
    for (const { metric } of definition.alarms ?? []) {
      const value = report.metrics[metric];
      // What was not measured is not nothing: the alarm stays as it is.
      if (value !== undefined) metrics.addMetric(alarmMetricName(metric), MetricUnit.NoUnit, value);
    }
  }

  /** Not every step measures something, and Powertools' own middleware warns of each that does not. */
  function publishMetrics(): void {
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
  }

  return middy<unknown, InvocationResult>()
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use(captureLambdaHandler(tracer, { captureResponse: false }))
    .use({ after: publishMetrics, onError: publishMetrics })
    .handler(handle) as unknown as (event: unknown, context: Context) => Promise<InvocationResult>;
}

/** What every invocation has, and every way to run a task needs. */
interface Surroundings {
  readonly environment: Environment;
  readonly runbookUrl: string | undefined;
  /** What was left of the invocation's time when it began. */
  readonly remainingSeconds: number;
  readonly options: RunOptions;
}

async function planOf(run: RunState, runId: string): Promise<RunPlan> {
  const planned = await run.readPlan();
  if (planned !== undefined) return planned;
  throw new ConfigError('event', [{ path: 'step.runId', message: `no run ${runId} has been planned` }]);
}

/** Two parts under one name would overwrite each other's progress. */
function requireDistinct(items: readonly WorkItem[]): void {
  if (new Set(items.map(({ id }) => id)).size < items.length)
    throw new TypeError('two parts of the work have the same id');
}

function requireSmall(result: InvocationResult): InvocationResult {
  const bytes = Buffer.byteLength(JSON.stringify(result));
  if (bytes <= maxPlanBytes) return result;
  throw new RangeError(`the plan takes ${bytes} bytes, and Step Functions ${maxPlanBytes}: plan fewer, larger parts`);
}

/** Returns who performs a run here: the function, which has a role of its own, and which version of it. */
function actorOf({ functionName, functionVersion }: Context): string {
  return `lambda:${functionName}:${functionVersion}`;
}

/** The function's own region, which Lambda always sets. */
function home(): { region: string } {
  return { region: process.env.AWS_REGION ?? 'us-east-1' };
}

function resultOf(report: Report, reportUrl: string) {
  return {
    task: report.task,
    status: report.status,
    runId: report.runId,
    findings: report.findings.length,
    checked: report.coverage.checked,
    unchecked: report.coverage.unchecked.length,
    reportUrl,
  } satisfies InvocationResult;
}

/** The original error is what must reach the caller; a lease that cannot be released expires by itself. */
async function releaseQuietly(lease: Lease, logger: Logger): Promise<void> {
  try {
    await lease.release();
  } catch (error) {
    logger.warn('The lease could not be released and will expire by itself', error as Error);
  }
}

async function readDeployedConfig(): Promise<z.output<typeof deployedConfigSchema>> {
  const path = join(process.env.LAMBDA_TASK_ROOT ?? '.', deployedConfigFileName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(path, [{ path: '', message: 'cannot be read; the deployment puts it beside the code' }], {
      cause,
    });
  }
  return parseOrThrow(deployedConfigSchema, JSON.parse(text), deployedConfigFileName);
}

type Environment = Record<keyof typeof environmentNames, string>;

function readEnvironment(): Environment {
  const values: Partial<Record<keyof typeof environmentNames, string>> = {};
  const faults = [];
  for (const [key, name] of Object.entries(environmentNames) as [keyof typeof environmentNames, string][]) {
    const value = process.env[name];
    if (value) values[key] = value;
    else faults.push({ path: name, message: 'is not set' });
  }
  if (faults.length > 0) throw new ConfigError('environment', faults);
  return values as Record<keyof typeof environmentNames, string>;
}
