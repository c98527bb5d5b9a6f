import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
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
import { type Lease, takeLease } from './aws/lease.ts';
import { storeReport } from './aws/report-store.ts';
import { ConfigError, parseOrThrow } from './config-error.ts';
import {
  deployedConfigFileName,
  deployedConfigSchema,
  environmentNames,
  metricDimensions,
  metricNames,
  metricNamespace,
} from './deployment.ts';
import { invocationSchema } from './invocation.ts';
import { publishReport } from './notify/publish.ts';
import type { Report } from './report.ts';
import { runTask, type TaskSteps } from './run-task.ts';
import { MemoryStateStore } from './storage/memory-state-store.ts';
import type { TaskDefinition } from './task.ts';

/** Seconds kept back at the end of an invocation for storing and publishing the report. */
const reserveSeconds = 15;

/** What an invocation answers: enough for a person who ran it by hand; the whole report is at `reportUrl`. */
export interface InvocationResult {
  readonly task: string;
  /** `skipped`: this scheduled run has been done already. `watched`: nothing was to be run. */
  readonly status: Report['status'] | 'skipped' | 'watched';
  readonly runId?: string;
  readonly findings?: number;
  readonly checked?: number;
  readonly unchecked?: number;
  /** `s3://bucket/key`. */
  readonly reportUrl?: string;
}

/**
 * Returns the Lambda entry of a task: it reads the configuration that travels with the code, takes the lease of a scheduled
 * run, runs the task, stores the report and tells people.
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
    const invocation = parseOrThrow(invocationSchema, event ?? {}, 'event');
    const deployed = await readDeployedConfig();
    const environment = readEnvironment();
    if (invocation.watch === true) return watch(environment);
    const remainingSeconds = context.getRemainingTimeInMillis() / 1000;

    let lease: Lease | undefined;
    if (invocation.schedule !== undefined) {
      const run = { scheduleArn: invocation.schedule.arn, scheduledTime: invocation.schedule.scheduledTime };
      lease = await takeLease(clients.get(DynamoDBClient, home()), environment.stateTable, run, {
        requestId: context.awsRequestId,
        holdSeconds: Math.ceil(remainingSeconds),
        now: () => new Date(),
      });
      if (lease === undefined) {
        logger.info('This scheduled run has been done already', { scheduledTime: run.scheduledTime });
        return { task: definition.id, status: 'skipped' };
      }
    }

    try {
      const report = await runTask(definition, steps, {
        estate: deployed.estate,
        config: deployed.config,
        configSource: deployedConfigFileName,
        invocation,
        clients,
        clock: () => new Date(),
        store: new MemoryStateStore(),
        timeBudgetSeconds: Math.max(1, remainingSeconds - reserveSeconds),
      });
      await lease?.confirm();
      const reportUrl = await storeAndPublish(report, environment, deployed.runbookUrl);
      if (lease !== undefined) {
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
  }

  return middy<unknown, InvocationResult>()
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use(captureLambdaHandler(tracer, { captureResponse: false }))
    .use(logMetrics(metrics))
    .handler(handle) as unknown as (event: unknown, context: Context) => Promise<InvocationResult>;
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
async function releaseQuietly(lease: Lease | undefined, logger: Logger): Promise<void> {
  try {
    await lease?.release();
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
