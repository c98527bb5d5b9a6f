import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSteps } from '../cli/tasks.ts';
import { configurationSchema } from '../config/schema.ts';
import * as registry from '../functions/index.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import { AwsClients } from '../shared/aws/clients.ts';
import { MemoryControlStore } from '../shared/control/memory-control-store.ts';
import { forTask } from '../shared/databases.ts';
import { runTask } from '../shared/run-task.ts';
import { MemoryStateStore } from '../shared/storage/memory-state-store.ts';
import type { TaskDefinition } from '../shared/task.ts';

let sandbox: Sandbox;
let environment: NodeJS.ProcessEnv;
beforeAll(async () => {
  sandbox = await startSandbox();
  environment = { ...process.env };
  Object.assign(process.env, sandbox.environment);
});
afterAll(async () => {
  process.env = environment;
  await sandbox.stop();
});

/**
 * What every function may do whatever its task: `infra` grants sts:AssumeRole on the roles that the configuration names, and
 * sts:GetCallerIdentity needs no permission (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
 */
const always = ['sts:AssumeRole', 'sts:GetCallerIdentity'];

/** What `infra` grants beside that to a function that reads databases, on the secrets to log in to them with. */
const toLogIn = ['secretsmanager:GetSecretValue'];

/**
 * IAM's names of what the SDK calls otherwise:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
const actionNames: Readonly<Record<string, readonly string[]>> = {
  's3:ListBuckets': ['s3:ListAllMyBuckets'],
  's3:ListObjectsV2': ['s3:ListBucket'],
  's3:ListObjectVersions': ['s3:ListBucketVersions'],
  's3:ListMultipartUploads': ['s3:ListBucketMultipartUploads'],
  's3:ListParts': ['s3:ListMultipartUploadParts'],
  's3:HeadObject': ['s3:GetObject'],
  // With the ids of versions, of which the name of the command says nothing.
  's3:DeleteObjects': ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  's3:CreateMultipartUpload': ['s3:PutObject'],
  's3:UploadPart': ['s3:PutObject'],
  's3:CompleteMultipartUpload': ['s3:PutObject'],
  's3:GetBucketReplication': ['s3:GetReplicationConfiguration'],
  's3:GetObjectLockConfiguration': ['s3:GetBucketObjectLockConfiguration'],
  'tagging:GetResources': ['tag:GetResources'],
  'monitoring:GetMetricData': ['cloudwatch:GetMetricData'],
};

/** What a task may have to do and does not in a run in which all goes well, by task. */
const unseen: Readonly<Record<string, readonly string[]>> = {
  'data-archival': [
    // Of an upload that has failed.
    's3:AbortMultipartUpload',
    // S3 asks for them, in the name of whoever reads or writes an object that is encrypted with a key of one's own.
    'kms:GenerateDataKey',
    'kms:Decrypt',
  ],
  'data-purge': [
    // S3 asks for it where a deletion names the ETag: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
    's3:GetObject',
  ],
};

const definitions: readonly TaskDefinition[] = Object.values(registry);

describe.each(definitions.map((definition) => [definition.id, definition] as const))('%s', (id, definition) => {
  it('sends exactly the commands that its definition declares', async () => {
    const sent = new Set<string>();
    const clients = new AwsClients(({ service, operation }) => {
      const name = `${service}:${operation}`;
      sent.add(name);
    });
    const { estate, tasks, ...configuration } = configurationSchema.parse(sandbox.configuration);
    const config = tasks[id]?.config ?? {};
    const databases = forTask(definition, config, configuration.databases);
    const store = new MemoryStateStore();
    await sandbox.seedState(id, store);
    const control = new MemoryControlStore();
    await sandbox.seedControl(id, control);
    await runTask(definition, await loadSteps(definition), {
      estate,
      databases,
      config,
      configSource: 'sandbox',
      invocation: {},
      clients,
      clock: () => new Date(),
      store,
      control,
      timeBudgetSeconds: definition.timeoutSeconds,
    });
    clients.destroy();
    const declared = definition.permissions.flatMap(({ actions }) => actions);
    const granted = Object.keys(databases).length > 0 ? [...always, ...toLogIn] : always;
    const needed = [...sent].filter((name) => !granted.includes(name)).map((name) => actionNames[name] ?? [name]);
    const undeclared = needed.filter((actions) => !actions.some((action) => declared.includes(action)));
    expect(undeclared, 'sent without being declared').toEqual([]);
    const seen = new Set([...needed.flat(), ...(unseen[id] ?? [])]);
    expect(
      declared.filter((action) => !seen.has(action)),
      'declared without being sent',
    ).toEqual([]);
  });
});
