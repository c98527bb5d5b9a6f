import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../sandbox/control-plane/control-plane.ts';
import type { EstateDocument } from '../../sandbox/control-plane/estate-document.ts';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { issueCertificate, makeKey } from '../../sandbox/tls-farm/certificate-authority.ts';
import { AwsClients } from '../aws/clients.ts';
import { uncheckedReason } from '../aws/unchecked-reason.ts';
import { type DatabaseConnection, databaseSchema } from '../databases.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { connectionConfig } from './connection.ts';
import { openReader } from './reader.ts';
import { postgresUncheckedReason } from './unchecked-reason.ts';

const day = 86_400_000;
const validity = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day) };
const root = issueCertificate({ ...validity, commonName: 'Database Root', key: makeKey('ec-p256'), isAuthority: true });
const stranger = issueCertificate({ ...validity, commonName: 'Strangers', key: makeKey('ec-p256'), isAuthority: true });
const leaf = issueCertificate({
  ...validity,
  commonName: 'database.nycmg.example',
  names: ['database.nycmg.example', '127.0.0.1'],
  key: makeKey('ec-p256'),
  issuer: root,
});

const password = 'geh@im:/?#[]%41 "\'';
const region = 'us-east-1';
let server: PostgresServer;
let plain: PostgresServer;
let plane: ControlPlane;
let clients: AwsClients;

function secretsOf(secrets: Readonly<Record<string, string | undefined>>): EstateDocument {
  const documents = Object.entries(secrets).map(([Name, SecretString]) => ({
    Name,
    ARN: `arn:aws:secretsmanager:${region}:123456789012:secret:${Name}`,
    ...(SecretString === undefined ? {} : { SecretString }),
  }));
  return {
    homeAccount: '123456789012',
    accounts: { '123456789012': { regions: { [region]: { secretsManager: { secrets: documents } } } } },
  };
}

beforeAll(async () => {
  [server, plain] = await Promise.all([startPostgres({ tls: { key: leaf.keyPem, cert: leaf.pem } }), startPostgres()]);
  for (const { url } of [server, plain]) {
    const admin = new pg.Client(url);
    await admin.connect();
    await admin.query(`create role audit login password ${pg.escapeLiteral(password)}`);
    await admin.query('create database nycmg');
    await admin.end();
  }
  const { host, port } = server;
  const secret = { engine: 'postgres', host, port, username: 'audit', password, dbname: 'nycmg' };
  plane = await startControlPlane({
    estate: secretsOf({
      whole: JSON.stringify(secret),
      'text-port': JSON.stringify({ ...secret, port: String(port), dbname: undefined }),
      'no-host': JSON.stringify({ ...secret, host: undefined, port: 'geheim' }),
      text: password,
      binary: undefined,
    }),
  });
  for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
  vi.stubEnv('AWS_PROFILE', '');
  clients = new AwsClients();
});

afterEach(() => {
  vi.useRealTimers();
});

afterAll(async () => {
  clients.destroy();
  vi.unstubAllEnvs();
  await Promise.all([plane.stop(), server.stop(), plain.stop()]);
});

function surroundings() {
  const estate = { name: 'nycmg', timeZone: 'UTC', regions: [region], accounts: [] };
  return { clients, estate, homeRegion: region, signal: new AbortController().signal };
}

/** Connects as a configuration says, and returns the database and whether TLS is used; or why it was not possible. */
async function connect(written: object): Promise<unknown> {
  try {
    const config = await connectionConfig(databaseSchema.parse(written) as DatabaseConnection, surroundings());
    await using reader = await openReader({
      config,
      connections: 1,
      statementTimeoutSeconds: 5,
      lockTimeoutSeconds: 1,
      timeZone: 'UTC',
      signal: new AbortController().signal,
    });
    const [row] = await reader.query(
      sql`select current_database() as database, ssl from pg_stat_ssl where pid = pg_backend_pid()`,
    );
    return row;
  } catch (error) {
    const reason = error instanceof UncheckedError ? error : (uncheckedReason(error) ?? postgresUncheckedReason(error));
    expect(inspect(error, { depth: 9 })).not.toContain('geh');
    if (reason === undefined) throw error;
    return { reason: reason.reason, detail: reason.detail };
  }
}

const trust = { trustedCertificates: [root.pem] };

describe('a secret of Secrets Manager', () => {
  test('says where the database is, and the password', async () => {
    expect(await connect({ secretId: 'whole', ...trust })).toEqual({ database: 'nycmg', ssl: true });
    const arn = `arn:aws:secretsmanager:${region}:123456789012:secret:whole`;
    expect(await connect({ secretId: arn, ...trust })).toEqual({ database: 'nycmg', ssl: true });
  });

  test('says less than the configuration, and the database postgres where neither says one', async () => {
    expect(await connect({ secretId: 'whole', database: 'template1', ...trust })).toMatchObject({
      database: 'template1',
    });
    expect(await connect({ secretId: 'text-port', ...trust })).toMatchObject({ database: 'postgres' });
  });

  test('that is none of a database is named, with what is wrong, and nothing that is in it', async () => {
    expect(await connect({ secretId: 'no-host' })).toEqual({
      reason: 'bad-secret',
      detail: 'The secret no-host is not that of a database: host, port.',
    });
    for (const secretId of ['text', 'binary']) {
      expect(await connect({ secretId })).toEqual({
        reason: 'bad-secret',
        detail: `The secret ${secretId} is not that of a database: the whole.`,
      });
    }
  });

  test('that is not there is a fault of AWS’s', async () => {
    expect(await connect({ secretId: 'absent' })).toMatchObject({ reason: 'aws-error' });
  });
});

describe('a certificate', () => {
  const url = (host: string) => ({ host, port: server.port, username: 'audit', password, dbname: 'nycmg' });

  test('has to be from an authority that is trusted', async () => {
    expect(await connect({ secretId: 'whole' })).toMatchObject({
      reason: 'unreachable',
      detail: expect.stringMatching(/^127.0.0.1:\d+: The server is not trusted: .*certificate/),
    });
    expect(await connect({ secretId: 'whole', trustedCertificates: [stranger.pem] })).toMatchObject({
      reason: 'unreachable',
      detail: expect.stringMatching(/^127.0.0.1:\d+: The server is not trusted/),
    });
    expect(await connect({ secretId: 'whole', trustedCertificates: [stranger.pem, root.pem] })).toMatchObject({
      ssl: true,
    });
  });

  test('has to be that of the host asked for', async () => {
    const other = await startControlPlane({ estate: secretsOf({ other: JSON.stringify(url('localhost')) }) });
    for (const [name, value] of Object.entries(other.environment)) vi.stubEnv(name, value);
    clients.destroy();
    try {
      expect(await connect({ secretId: 'other', ...trust })).toMatchObject({
        reason: 'unreachable',
        detail: expect.stringMatching(/not trusted: Hostname\/IP does not match certificate's altnames.*localhost/),
      });
      expect(await connect({ secretId: 'other', tls: 'off' })).toEqual({ database: 'nycmg', ssl: false });
    } finally {
      clients.destroy();
      for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
      await other.stop();
    }
  });

  test('is asked for: a server without TLS is not talked to', async () => {
    const other = await startControlPlane({
      estate: secretsOf({ other: JSON.stringify({ ...url('127.0.0.1'), port: plain.port }) }),
    });
    for (const [name, value] of Object.entries(other.environment)) vi.stubEnv(name, value);
    clients.destroy();
    try {
      expect(await connect({ secretId: 'other', ...trust })).toEqual({
        reason: 'unreachable',
        detail: `127.0.0.1:${plain.port}: The server does not support SSL connections.`,
      });
    } finally {
      clients.destroy();
      for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
      await other.stop();
    }
  });
});

describe('IAM', () => {
  test('gives a new token for each connection, made for the region that the host is in', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'geheim');
    try {
      const hosts = [
        ['main.c1abcdefghij.eu-central-1.rds.amazonaws.com', 'eu-central-1'],
        ['main.proxy-c1abcdefghij.us-gov-west-1.rds.amazonaws.com', 'us-gov-west-1'],
        ['main.c1abcdefghij.cn-north-1.rds.amazonaws.com.cn', 'cn-north-1'],
        ['database.nycmg.example', region],
      ] as const;
      for (const [host, expected] of hosts) {
        const written = { host, database: 'nycmg', user: 'audit', iam: true, ...trust };
        const config = await connectionConfig(databaseSchema.parse(written) as DatabaseConnection, surroundings());
        expect(config).toMatchObject({ host, port: 5432, database: 'nycmg', user: 'audit' });
        expect(config.ssl).toEqual({ rejectUnauthorized: true, ca: [root.pem] });
        const token = new URL(`https://${await (config.password as () => Promise<string>)()}`);
        expect(token.hostname).toBe(host);
        expect(token.port).toBe('5432');
        const parameters = Object.fromEntries(token.searchParams);
        expect(parameters).toMatchObject({ Action: 'connect', DBUser: 'audit', 'X-Amz-Expires': '900' });
        expect(parameters['X-Amz-Credential']).toMatch(
          new RegExp(`^AKIDEXAMPLE/\\d{8}/${expected}/rds-db/aws4_request$`),
        );
        expect(parameters['X-Amz-Signature']).toMatch(/^[0-9a-f]{64}$/);
      }
    } finally {
      for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
    }
  });

  test('is sent as a password, which a server without IAM does not take', async () => {
    const written = { host: '127.0.0.1', port: server.port, database: 'nycmg', user: 'audit', iam: true, ...trust };
    expect(await connect(written)).toMatchObject({ reason: 'bad-credentials' });
  });
});

describe('a connection string', () => {
  const at = ({ port }: PostgresServer, { database = 'nycmg', secret = password, more = '' } = {}) => ({
    url: `postgres://audit:${encodeURIComponent(secret)}@127.0.0.1:${port}/${database}${more}`,
  });

  test('is without TLS unless it says so', async () => {
    expect(await connect(at(server))).toEqual({ database: 'nycmg', ssl: false });
    expect(await connect(at(server, { more: '?sslmode=no-verify' }))).toEqual({ database: 'nycmg', ssl: true });
    expect(await connect(at(server, { more: '?sslmode=verify-full' }))).toMatchObject({
      reason: 'unreachable',
      detail: expect.stringMatching(/^127.0.0.1:\d+: The server is not trusted/),
    });
  });

  test.each([
    ['a wrong password', () => at(server, { secret: 'geheim' }), 'bad-credentials'],
    ['no password', () => ({ url: `postgres://audit@127.0.0.1:${server.port}/nycmg` }), 'bad-credentials'],
    ['no such database', () => at(server, { database: 'absent' }), 'missing-database'],
    ['no such file of certificates', () => at(server, { more: '?sslrootcert=/absent/root.pem' }), 'bad-url'],
    ['no port', () => ({ url: 'postgres://audit:geheim@127.0.0.1:99999/nycmg' }), 'bad-url'],
    ['no such host', () => ({ url: 'postgres://audit:geheim@absent.invalid/nycmg' }), 'unreachable'],
  ])('with %s says so, without the password', async (_title, written, reason) => {
    expect(await connect(written())).toMatchObject({ reason });
  });

  test('of a server that is down says so', async () => {
    const nobody = createServer().listen(0, '127.0.0.1');
    await once(nobody, 'listening');
    const { port } = nobody.address() as { port: number };
    nobody.close();
    await once(nobody, 'close');
    for (const host of ['127.0.0.1', 'localhost']) {
      expect(await connect({ url: `postgres://audit:geheim@${host}:${port}/nycmg` })).toMatchObject({
        reason: 'unreachable',
        detail: expect.stringContaining('ECONNREFUSED'),
      });
    }
  });

  test('of something else than PostgreSQL says so', async () => {
    const other = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    try {
      for (const more of ['', '?sslmode=verify-full']) {
        expect(await connect({ url: `postgres://audit:geheim@127.0.0.1:${port}/nycmg${more}` })).toMatchObject({
          reason: 'unreachable',
        });
      }
    } finally {
      other.close();
    }
  });
});
