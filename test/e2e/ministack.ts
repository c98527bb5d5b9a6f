import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import type { Processes } from './processes.ts';
import { waitFor } from './wait-for.ts';

const script = join(dirname(fileURLToPath(import.meta.url)), 'run-ministack.py');

/** The region and the credentials of everything in the end-to-end test; MiniStack's account is twelve zeros. */
export const region = 'us-east-1';
export const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/**
 * Returns this process's environment made safe for the test: Node 24 first in PATH, nothing of a real AWS account in it,
 * no proxy between processes of this machine.
 */
export function safeEnvironment(directory: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(AWS|CDK|CARETAKER)_/.test(name));
  return {
    ...Object.fromEntries(inherited),
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: join(directory, 'no-config'),
    AWS_SHARED_CREDENTIALS_FILE: join(directory, 'no-credentials'),
    CDK_HOME: join(directory, 'cdk'),
    CDK_DISABLE_CLI_TELEMETRY: '1',
  };
}

/** Starts MiniStack on a free port, with all its files below `directory`, and returns its address once it answers. */
export async function startMinistack(options: {
  readonly python: string;
  readonly directory: string;
  readonly processes: Processes;
  readonly signal: AbortSignal;
}): Promise<string> {
  const { directory, signal } = options;
  const port = await freePort();
  const temporary = join(directory, 'ministack');
  await mkdir(temporary);
  const child = options.processes.start(options.python, [script], join(directory, 'ministack.log'), {
    env: {
      ...safeEnvironment(directory),
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
      LAMBDA_EXECUTOR: 'local',
      TMPDIR: temporary,
      STATE_DIR: join(temporary, 'state'),
      S3_DATA_DIR: join(temporary, 's3'),
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
    },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await waitFor('MiniStack to answer', { timeoutSeconds: 30, signal }, async () => {
    if (child.exitCode !== null) throw new Error(`MiniStack ended with status ${child.exitCode}`);
    const answer = await fetch(`${endpoint}/_ministack/health`, { signal }).catch(() => undefined);
    return answer?.ok ? true : undefined;
  });
  return endpoint;
}
