import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { createStateTable } from '../sandbox/aws/create-state-table.ts';
import { startDynalite } from '../sandbox/aws/dynalite.ts';
import { startControlPlane } from '../sandbox/control-plane/control-plane.ts';
import { startObjectServer } from '../sandbox/s3/object-server.ts';
import type { ControlStore } from '../shared/control/control-store.ts';
import { DynamoControlStore } from '../shared/control/dynamo-control-store.ts';
import { environmentNames } from '../shared/deployment.ts';
import type { LedgerStore } from '../shared/ledger/ledger-store.ts';
import { S3LedgerStore } from '../shared/ledger/s3-ledger-store.ts';
import type { Plan } from '../shared/retention/plan.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in a process of its own, with no other environment than this. */
export async function caretakerIn(
  cwd: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...texts };
}

/** Two policies, none of which does anything. */
export const purgeConfiguration = {
  estate: { name: 'nycmg', timeZone: 'America/New_York' },
  databases: { main: { url: 'postgres://nobody@127.0.0.1:1/none' } },
  tasks: {
    'data-purge': {
      policies: ['uploads', 'parts'].map((id) => ({
        id,
        kind: 'objects',
        what: 'uploads',
        bucket: 'nycmg-uploads',
        olderThanDays: 30,
      })),
    },
  },
};

/** Returns a plan of the policy `uploads`. */
export function uploadsPlan(changes: Partial<Extract<Plan, { kind: 'objects' }>> = {}): Plan {
  return {
    task: 'data-purge',
    policy: 'uploads',
    definitionHash: 'd'.repeat(64),
    plannedAt: '2026-11-20T12:00:00.000Z',
    plannedBy: 'grace@laptop',
    kind: 'objects',
    what: 'uploads',
    bucket: 'nycmg-uploads',
    prefix: 'incoming/',
    cutoff: '2026-10-21T12:00:00.000Z',
    objects: 1234,
    bytes: 3 * 1024 ** 2,
    listed: 5000,
    list: 'lists/uploads',
    listHash: 'e'.repeat(64),
    ...changes,
  };
}

/** A stage as it is deployed: what its functions are asked for, its table and its bucket. */
export interface DeployedStage extends AsyncDisposable {
  /** What sends the command line there. */
  readonly environment: Readonly<Record<string, string>>;
  /** Who the caller is. */
  readonly arn: string;
  readonly control: ControlStore;
  readonly ledgers: LedgerStore;
  readonly s3: S3Client;
  readonly bucket: string;
  /** Functions that were asked about. */
  readonly asked: string[];
}

const account = '123456789012';

/** @param functions the deployed functions, by name, with the variables that they have beside the stage's. */
export async function startStage(functions: Readonly<Record<string, object>>): Promise<DeployedStage> {
  await using started = new AsyncDisposableStack();
  const controlPlane = await startControlPlane({
    estate: { homeAccount: account, accounts: { [account]: { regions: {} } } },
  });
  started.defer(() => controlPlane.stop());
  const objects = await startObjectServer();
  started.defer(() => objects.stop());
  const dynalite = await startDynalite();
  started.defer(() => dynalite.stop());
  const bucket = 'caretaker-prod-ledger';
  const table = 'caretaker-prod-state';
  const asked: string[] = [];
  const lambda = createServer((request, response) => {
    const name = /\/functions\/([^/]+)\/configuration/.exec(request.url ?? '')?.[1] ?? '';
    asked.push(name);
    const own = functions[name];
    if (own === undefined) {
      response.writeHead(404, { 'x-amzn-errortype': 'ResourceNotFoundException' }).end('{"Message":"not found"}');
      return;
    }
    const Variables = { [environmentNames.stateTable]: table, [environmentNames.ledgerBucket]: bucket, ...own };
    response.end(JSON.stringify({ FunctionName: name, Environment: { Variables } }));
  }).listen(0, '127.0.0.1');
  await once(lambda, 'listening');
  started.defer(() => {
    lambda.closeAllConnections();
    lambda.close();
  });

  const environment = {
    ...controlPlane.environment,
    AWS_REGION: 'us-east-1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_ENDPOINT_URL_S3: objects.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynalite.url,
    AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${(lambda.address() as AddressInfo).port}`,
  };
  const access = { region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
  const s3 = new S3Client({ ...access, endpoint: objects.url, forcePathStyle: true });
  started.defer(() => s3.destroy());
  const dynamo = new DynamoDBClient({ ...access, endpoint: dynalite.url });
  started.defer(() => dynamo.destroy());
  await s3.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
  await createStateTable(dynamo, table);
  const running = started.move();
  return {
    environment,
    arn: `arn:aws:iam::${account}:user/sandbox`,
    control: new DynamoControlStore(dynamo, table),
    ledgers: new S3LedgerStore(s3, bucket),
    s3,
    bucket,
    asked,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
