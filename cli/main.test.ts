import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as registry from '../functions/index.ts';
import { startTlsFarm, type TlsFarm } from '../sandbox/tls-farm/tls-farm.ts';
import { type Report, reportSchema } from '../shared/report.ts';
import { definitions } from './tasks.ts';

let farm: TlsFarm;
let directory: string;
beforeAll(async () => {
  farm = await startTlsFarm({ now: new Date() });
  directory = await mkdtemp(join(tmpdir(), 'caretaker-cli-'));
});
afterAll(async () => {
  await farm.stop();
  await rm(directory, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Without credentials, and without a way to find any. */
const noCredentials = {
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
  AWS_PROFILE: '',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
};

function start(args: readonly string[], environment: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...noCredentials, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function caretaker(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const child = start(args, environment);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...texts };
}

/** Writes a configuration that scans these cases of the farm, and returns its path. */
async function configured(names: readonly string[], settings: object = {}): Promise<string> {
  const endpoints = farm.cases.filter(({ name }) => names.includes(name)).map(({ resource }) => resource);
  expect(endpoints).toHaveLength(names.length);
  const path = join(directory, `${names.join('-')}.json`);
  const task = { sources: ['endpoints'], endpoints, trustedCertificates: [farm.rootPem], ...settings };
  const configuration = {
    estate: { name: 'nycmg', timeZone: 'America/New_York' },
    // What looks at AWS accounts is left out: there is none here.
    tasks: {
      ...Object.fromEntries(Object.values(registry).map(({ id }) => [id, { enabled: false }])),
      'certificate-expiry': task,
    },
  };
  await writeFile(path, JSON.stringify(configuration));
  return path;
}

const run = (config: string, ...more: string[]) =>
  caretaker(['run', 'certificate-expiry', '--config', config, ...more]);

describe('caretaker run', () => {
  it('needs no AWS credentials for endpoints, and exits with 0 when all is well', async () => {
    const { code, stdout } = await run(await configured(['www', 'api']), '--json');
    const report: Report = reportSchema.parse(JSON.parse(stdout));
    expect(report).toMatchObject({ status: 'clean', coverage: { expected: 2, checked: 2 } });
    expect(code).toBe(0);
  });

  it('exits with 3 from --fail-on on, and with 0 below', async () => {
    const config = await configured(['www', 'overdue']);
    expect((await run(config)).code).toBe(0);
    expect((await run(config, '--fail-on', 'medium')).code).toBe(3);
    expect((await run(await configured(['expired']))).code).toBe(3);
    expect((await run(await configured(['expired']), '--fail-on', 'never')).code).toBe(0);
  });

  it('exits with 1 when an endpoint cannot be reached, and says which and why', async () => {
    const { code, stdout } = await run(await configured(['www', 'refused']));
    expect(code).toBe(1);
    expect(stdout).toContain('INCOMPLETE');
    expect(stdout).toMatch(/connect-refused · refused\.nycmg\.example/);
  });

  it('says which credentials are missing and how to supply them, and scans what needs none', async () => {
    const config = await configured(['cdn'], { sources: ['acm', 'endpoints'] });
    const { code, stdout } = await run(config);
    expect(code).toBe(1);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'no-credentials · the current AWS account: No AWS credentials were found. Set AWS_PROFILE',
    );
    expect(stdout).toContain('1 endpoint');
  });

  it('narrows the run to what --only matches, and does not call a pattern without a match clean', async () => {
    const config = await configured(['www', 'expired']);
    expect((await run(config, '--only', 'www.*')).code).toBe(0);
    const { code, stdout } = await run(config, '--only', 'tpyo');
    expect(code).toBe(1);
    expect(stdout).toContain('nothing-matches');
  });

  it('writes a page beside the text, and one array of reports for --all', async () => {
    const config = await configured(['www', 'wrong.host']);
    const page = join(directory, 'report.html');
    await run(config, '--html', page);
    expect(await readFile(page, 'utf8')).toContain('wrong.host.nycmg.example');
    const { stdout } = await caretaker(['run', '--all', '--config', config, '--json']);
    expect(JSON.parse(stdout)).toHaveLength(1);
  });

  it('writes nothing but the result to standard output, and no escape sequences into a pipe', async () => {
    const { stdout, stderr } = await run(await configured(['expired']));
    expect(stdout).not.toContain('\u001b');
    expect(stderr).toBe('');
  });

  it.each([
    ['no task', ['run'], 'name a task'],
    ['an unknown task', ['run', 'certficate-expiry'], 'no such task: certficate-expiry'],
    ['an unknown option', ['run', '--nope'], "unknown option '--nope'"],
    ['a task and --all', ['run', 'certificate-expiry', '--all'], 'not both'],
    ['--apply where nothing can be applied', ['run', 'certificate-expiry', '--apply'], '--apply'],
    ['an unknown severity', ['run', '--all', '--fail-on', 'terrible'], 'terrible'],
    ['--sandbox with --config', ['run', '--all', '--sandbox', '--config', 'x.json'], '--sandbox'],
    ['a file that is not there', ['run', '--all', '--config', 'absent.json'], 'absent.json'],
    ['an unknown command', ['runn'], "unknown command 'runn'"],
  ])('exits with 2, having run nothing, for %s', async (_, args, message) => {
    const { code, stdout, stderr } = await caretaker(args);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('does not call an estate clean in which everything is switched off', async () => {
    const { code, stdout } = await caretaker([
      'run',
      '--all',
      '--config',
      await configured(['cdn'], { enabled: false }),
    ]);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('finds out before it runs that a page cannot be written', async () => {
    const { code, stdout, stderr } = await run(await configured(['www']), '--html', join(directory, 'no', 'page.html'));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('--html');
  });

  it('refuses to run a task that is switched off, by its name', async () => {
    const { code, stderr } = await run(await configured(['no-sans'], { enabled: false }));
    expect(code).toBe(2);
    expect(stderr).toContain('switched off');
  });

  it('ends quietly when its reader has seen enough', async () => {
    const child = start(['run', 'certificate-expiry', '--config', await configured(['self-signed'])]);
    child.stdout?.destroy();
    let stderr = '';
    child.stderr?.on('data', (text) => {
      stderr += text;
    });
    await once(child, 'close');
    expect(stderr).toBe('');
  });
});

describe('the other commands', () => {
  it('list the tasks in columns', async () => {
    const { stdout } = await caretaker(['tasks']);
    const starts = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.indexOf('cron('));
    expect([starts.length, new Set(starts).size, starts[0] !== -1]).toEqual([definitions.length, 1, true]);
  });

  it.each([
    ['run', '--help'],
    ['invoke', '--help'],
    ['correct', '--help'],
    ['approve', '--help'],
    ['pause', '--help'],
    ['restore', '--help'],
    ['ledger', 'verify', '--help'],
  ])('say how they are used in lines that fit: %s %s', async (...args) => {
    const { code, stdout } = await caretaker(args);
    expect(code).toBe(0);
    expect(stdout).toContain('Exit codes: 0');
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it.each([
    [['approve'], 'caretaker approve --help'],
    [['run', '--al'], 'caretaker run --help'],
    [['ledger', 'show'], 'caretaker ledger show --help'],
    [['runn'], 'caretaker --help'],
  ])('say where to read on when they are called wrongly: %j', async (args, where) => {
    const { code, stderr } = await caretaker(args);
    expect([code, stderr.includes(`(${where} `)]).toEqual([2, true]);
  });

  it('list the tasks and print both schemas', async () => {
    const { stdout } = await caretaker(['tasks', '--json']);
    expect(JSON.parse(stdout)).toMatchObject(
      definitions.map(({ id, databases }) => ({ id, readsDatabases: databases !== undefined })),
    );
    for (const name of ['report', 'configuration']) {
      const schema = await caretaker(['schema', name]);
      expect(JSON.parse(schema.stdout)).toMatchObject({ type: 'object' });
    }
  });

  it('show the next runs in the estate’s time zone and in UTC', async () => {
    const config = await configured(['short-lived'], { schedule: 'cron(30 2 * * ? *)' });
    const { code, stdout } = await caretaker(['schedule', '--config', config]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/02:30 -0[45]:00 {3}\d{4}-\d\d-\d\d 0[67]:30 UTC/);
    const json = JSON.parse((await caretaker(['schedule', '--config', config, '--json'])).stdout);
    expect(json).toContainEqual(
      expect.objectContaining({ task: 'certificate-expiry', timeZone: 'America/New_York', enabled: true }),
    );
  });
});

describe('caretaker invoke', () => {
  /** Answers like Lambda's Invoke API, and remembers what it was asked. */
  async function invokeAgainst(answer: { status?: number; headers?: Record<string, string>; body: string }) {
    const asked: { url: string; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (text) => {
        body += text;
      });
      request.on('end', () => {
        asked.push({ url: request.url ?? '', body });
        response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const args = ['invoke', 'certificate-expiry', '--stage', 'prod', '--region', 'us-east-1', '--only', 'www*'];
    const ended = await caretaker(args, {
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    server.closeAllConnections();
    server.close();
    return { ...ended, asked };
  }

  it('invokes the deployed function with the scope and prints what it answers', async () => {
    const { code, stdout, asked } = await invokeAgainst({ body: '{"status":"clean"}' });
    expect(asked).toEqual([
      {
        url: '/2015-03-31/functions/caretaker-prod-certificate-expiry/invocations?Qualifier=live',
        body: '{"scope":{"only":"www*"}}',
      },
    ]);
    expect([code, JSON.parse(stdout)]).toEqual([0, { status: 'clean' }]);
  });

  it('says what to do when nothing names a region', async () => {
    const { code, stderr } = await caretaker(['invoke', 'certificate-expiry', '--stage', 'prod']);
    expect(code).toBe(2);
    expect(stderr).toContain('--region');
  });

  it('exits with 1 when the run was incomplete, failed or could not be started', async () => {
    expect((await invokeAgainst({ body: '{"status":"incomplete"}' })).code).toBe(1);
    expect((await invokeAgainst({ body: 'null' })).code).toBe(1);
    const failed = await invokeAgainst({
      headers: { 'x-amz-function-error': 'Unhandled' },
      body: '{"errorMessage":"event: 1 fault"}',
    });
    expect([failed.code, failed.stderr]).toEqual([1, 'caretaker-prod-certificate-expiry failed: event: 1 fault\n']);
    const absent = await invokeAgainst({
      status: 404,
      headers: { 'x-amzn-errortype': 'ResourceNotFoundException' },
      body: '{"Message":"Function not found"}',
    });
    expect(absent.code).toBe(1);
    expect(absent.stderr).toContain('ResourceNotFoundException');
  });
});
