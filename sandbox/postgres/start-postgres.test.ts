import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { issueCertificate, makeKey } from '../tls-farm/certificate-authority.ts';
import { type PostgresServer, startPostgres } from './start-postgres.ts';

const module = JSON.stringify(new URL('start-postgres.ts', import.meta.url));

async function isListening({ host, port }: { host: string; port: number }): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function query<Row extends pg.QueryResultRow>(
  server: PostgresServer,
  text: string,
  ssl?: pg.ClientConfig['ssl'],
) {
  const client = new pg.Client({ connectionString: server.url, ...(ssl === undefined ? {} : { ssl }) });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

const day = 86_400_000;
const root = issueCertificate({
  commonName: 'Database Root',
  notBefore: new Date(Date.now() - day),
  notAfter: new Date(Date.now() + day),
  key: makeKey('ec-p256'),
  isAuthority: true,
});
const leaf = issueCertificate({
  commonName: 'database.nycmg.example',
  names: ['database.nycmg.example', '127.0.0.1'],
  notBefore: new Date(Date.now() - day),
  notAfter: new Date(Date.now() + day),
  key: makeKey('ec-p256'),
  issuer: root,
});

describe('two servers started at once', () => {
  let plain: PostgresServer;
  let secure: PostgresServer;

  beforeAll(async () => {
    [plain, secure] = await Promise.all([
      startPostgres(),
      startPostgres({ tls: { key: leaf.keyPem, cert: leaf.pem + root.pem } }),
    ]);
  });

  afterAll(() => Promise.all([plain.stop(), secure.stop()]));

  test('have ports and data of their own', async () => {
    expect(plain.port).not.toBe(secure.port);
    await query(plain, 'create table only_here (id integer)');
    const [row] = await query(secure, "select to_regclass('only_here') as found");
    expect(row).toEqual({ found: null });
  });

  test('are PostgreSQL 18, sort alike everywhere and keep the time in UTC', async () => {
    const [row] = await query<{ version: number; words: string[]; zone: string }>(
      plain,
      `select current_setting('server_version_num')::integer / 10000 as version, current_setting('timezone') as zone,
         (select array_agg(word order by word) from unnest(array['b', 'A', 'a', 'Ä', 'B']) as word) as words`,
    );
    expect(row).toEqual({ version: 18, words: ['A', 'B', 'a', 'b', 'Ä'], zone: 'UTC' });
  });

  test('ask for the password', async () => {
    const url = new URL(plain.url);
    url.password = 'wrong';
    await expect(query({ ...plain, url: url.href }, 'select 1')).rejects.toThrow('password authentication failed');
  });

  test('speak TLS with the certificate that they were given, and only then', async () => {
    const [row] = await query(secure, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()', { ca: root.pem });
    expect(row).toEqual({ ssl: true });
    await expect(query(plain, 'select 1', { ca: root.pem })).rejects.toThrow(
      'The server does not support SSL connections',
    );
  });

  test('show the whole chain', async () => {
    const socket = connect(secure.port, secure.host);
    socket.write(Buffer.from('0000000804d2162f', 'hex'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toBe('S');
    const tls = connectTls({ socket, ca: root.pem, servername: 'database.nycmg.example' });
    await once(tls, 'secureConnect');
    const shown = tls.getPeerX509Certificate();
    expect(shown?.fingerprint256).toBe(leaf.certificate.fingerprint256);
    expect(shown?.issuerCertificate?.fingerprint256).toBe(root.certificate.fingerprint256);
    tls.destroy();
  });
});

describe('a server that stops', () => {
  test('hangs up on its clients, and is gone with its data', async () => {
    const server = await startPostgres();
    const client = new pg.Client(server.url);
    await client.connect();
    const [directory] = (await client.query<{ data_directory: string }>('show data_directory')).rows;
    const lost = once(client, 'error');
    await server.stop();
    await lost;
    expect(await isListening(server)).toBe(false);
    await expect(readdir(directory?.data_directory ?? '')).rejects.toThrow('ENOENT');
    await server.stop();
  });

  test('leaves nothing that would keep a process alive, and has written nothing', async () => {
    const script = `const { startPostgres } = await import(${module}); await (await startPostgres()).stop();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { timeout: 25_000 });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(output).toBe('');
  });
});

test('a server has the settings that it was given, and checksums of its pages unless told otherwise', async () => {
  await using started = new AsyncDisposableStack();
  const [usual, special] = await Promise.all(
    [
      {},
      { checksums: false, settings: { max_prepared_transactions: 5, autovacuum: 'off', timezone: 'Asia/Tokyo' } },
    ].map(async (options) => {
      const server = await startPostgres(options);
      started.defer(() => server.stop());
      return server;
    }),
  );
  const settings = `select current_setting('data_checksums') as checksums, current_setting('autovacuum') as autovacuum,
    current_setting('max_prepared_transactions') as prepared, current_setting('timezone') as zone`;
  expect(await query(usual as PostgresServer, settings)).toEqual([
    { checksums: 'on', autovacuum: 'on', prepared: '0', zone: 'UTC' },
  ]);
  expect(await query(special as PostgresServer, settings)).toEqual([
    { checksums: 'off', autovacuum: 'off', prepared: '5', zone: 'Asia/Tokyo' },
  ]);
});

test('a server does not outlive the process that started it, even when that is killed', async () => {
  const script = `
    const { startPostgres } = await import(${module});
    const { host, port } = await startPostgres();
    console.log(JSON.stringify({ host, port }));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script]);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const server = JSON.parse(line.toString()) as { host: string; port: number };
  expect(await isListening(server)).toBe(true);
  child.kill('SIGKILL');
  await expect.poll(() => isListening(server), { timeout: 10_000 }).toBe(false);
});

test('a server that is still being set up does not outlive the process that started it, either', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-test-'));
  // As in /tmp, whoever PostgreSQL runs as may remove what is its own.
  await chmod(directory, 0o1777);
  try {
    const script = `const { startPostgres } = await import(${module}); await startPostgres();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...process.env, TMPDIR: directory },
    });
    const data = async () => (await readdir(directory, { recursive: true })).filter((path) => path.endsWith('/data'));
    await expect.poll(data, { timeout: 10_000, interval: 5 }).toHaveLength(1);
    child.kill('SIGKILL');
    await expect.poll(() => readdir(directory), { timeout: 10_000 }).toEqual([]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a server that cannot start says why, and leaves nothing behind', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-test-'));
  await chmod(directory, 0o755);
  vi.stubEnv('TMPDIR', directory);
  try {
    await expect(startPostgres({ tls: { key: 'no key', cert: leaf.pem } })).rejects.toThrow(
      'could not load private key',
    );
    expect(await readdir(directory)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  }
});
