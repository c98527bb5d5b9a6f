import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSteps } from '../cli/tasks.ts';
import { configurationSchema } from '../config/schema.ts';
import * as registry from '../functions/index.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import { AwsClients } from '../shared/aws/clients.ts';
import { forReading } from '../shared/databases.ts';
import { runTask } from '../shared/run-task.ts';
import { MemoryStateStore } from '../shared/storage/memory-state-store.ts';
import { databasesFor, type TaskDefinition } from '../shared/task.ts';

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
const actionNames: Readonly<Record<string, string>> = {
  's3:ListBuckets': 's3:ListAllMyBuckets',
  's3:ListObjectsV2': 's3:ListBucket',
  's3:HeadObject': 's3:GetObject',
  's3:GetBucketReplication': 's3:GetReplicationConfiguration',
  's3:GetObjectLockConfiguration': 's3:GetBucketObjectLockConfiguration',
  'tagging:GetResources': 'tag:GetResources',
};

const definitions: readonly TaskDefinition[] = Object.values(registry);

describe.each(definitions.map((definition) => [definition.id, definition] as const))('%s', (id, definition) => {
  it('sends exactly the commands that its definition declares', async () => {
    const sent = new Set<string>();
    const clients = new AwsClients(({ service, operation }) => {
      const name = `${service}:${operation}`;
      sent.add(actionNames[name] ?? name);
    });
    const { estate, tasks, ...configuration } = configurationSchema.parse(sandbox.configuration);
    const config = tasks[id]?.config ?? {};
    const databases = forReading(databasesFor(definition, config, configuration.databases));
    const store = new MemoryStateStore();
    await sandbox.seedState(id, store);
    await runTask(definition, await loadSteps(definition), {
      estate,
      databases,
      config,
      configSource: 'sandbox',
      invocation: {},
      clients,
      clock: () => new Date(),
      store,
      timeBudgetSeconds: definition.timeoutSeconds,
    });
    clients.destroy();
    const declared = definition.permissions.flatMap(({ actions }) => actions);
    const granted = Object.keys(databases).length > 0 ? [...always, ...toLogIn] : always;
    expect([...sent].filter((action) => !granted.includes(action)).sort()).toEqual([...declared].sort());
  });
});
