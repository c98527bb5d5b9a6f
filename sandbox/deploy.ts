import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Context } from 'aws-lambda';
import { configurationSchema } from '../config/schema.ts';
import * as registry from '../functions/index.ts';
import { parseOrThrow } from '../shared/config-error.ts';
import { forTask } from '../shared/databases.ts';
import { type DeployedConfig, deployedConfigFileName, functionName } from '../shared/deployment.ts';
import type { InvocationResult } from '../shared/handler.ts';
import { type Report, reportSchema } from '../shared/report.ts';
import type { TaskDefinition } from '../shared/task.ts';
import type { Sandbox } from './sandbox.ts';

/** The tasks as they are deployed, in this process: real handlers, with the environment that `infra` gives them. */
export interface SandboxDeployment {
  readonly taskIds: readonly string[];
  /** Invokes a task's Lambda entry. @throws what the function throws. */
  invoke(taskId: string, event?: unknown): Promise<InvocationResult>;
  /** Returns the report that an invocation stored. */
  readReport(result: InvocationResult): Promise<Report>;
  /** Puts the environment back and removes what was written. */
  undo(): Promise<void>;
}

/** What a deployed function has in its environment beside the sandbox's own, here with logs and metrics switched off. */
const lambdaEnvironment = {
  POWERTOOLS_LOG_LEVEL: 'SILENT',
  POWERTOOLS_METRICS_DISABLED: 'true',
  POWERTOOLS_TRACE_ENABLED: 'false',
};

/** Deploys every task to the sandbox. It changes the environment of this process until it is undone. */
export async function deployToSandbox(sandbox: Sandbox): Promise<SandboxDeployment> {
  const configuration = parseOrThrow(configurationSchema, sandbox.configuration, 'sandbox');
  await using made = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-deployment-'));
  made.defer(() => rm(directory, { recursive: true }));
  made.defer(setEnvironment({ ...sandbox.environment, ...lambdaEnvironment }));
  const definitions: readonly TaskDefinition[] = Object.values(registry);
  const taskIds = definitions.map(({ id }) => id);
  for (const definition of definitions) {
    const { id } = definition;
    const config = configuration.tasks[id]?.config ?? {};
    const taskConfig: DeployedConfig = {
      estate: configuration.estate,
      runbookUrl: configuration.alerts.runbookUrl,
      databases: forTask(definition, config, configuration.databases),
      config,
    };
    await mkdir(join(directory, id));
    await writeFile(join(directory, id, deployedConfigFileName), JSON.stringify(taskConfig));
  }
  const s3 = new S3Client({});
  made.defer(() => s3.destroy());

  const deployed = made.move();
  return {
    taskIds,
    async invoke(taskId, event = {}) {
      process.env.LAMBDA_TASK_ROOT = join(directory, taskId);
      const module: { handler: (event: unknown, context: Context) => Promise<InvocationResult> } = await import(
        `../functions/${taskId}/handler.ts`
      );
      return module.handler(event, contextOf(taskId));
    },
    async readReport({ reportUrl }) {
      const { hostname, pathname } = new URL(reportUrl ?? '');
      const stored = await s3.send(new GetObjectCommand({ Bucket: hostname, Key: pathname.slice(1) }));
      return reportSchema.parse(JSON.parse((await stored.Body?.transformToString()) ?? ''));
    },
    undo: () => deployed.disposeAsync(),
  };
}

/** Sets variables and returns what puts them back. */
function setEnvironment(variables: Readonly<Record<string, string>>): () => void {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  return () => {
    for (const name of [...Object.keys(variables), 'LAMBDA_TASK_ROOT']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  };
}

function contextOf(taskId: string): Context {
  const definition = Object.values(registry).find(({ id }) => id === taskId);
  const endsAt = performance.now() + (definition?.timeoutSeconds ?? 0) * 1000;
  const name = functionName('sandbox', taskId);
  return {
    awsRequestId: randomUUID(),
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:123456789012:function:${name}`,
    memoryLimitInMB: String(definition?.memoryMiB ?? 0),
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: 'sandbox',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, endsAt - performance.now()),
    done() {},
    fail() {},
    succeed() {},
  };
}
