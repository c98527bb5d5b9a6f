import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EndpointConfig } from '../../functions/certificate-expiry/task.ts';
import { endpointCases, type PlantedEndpoint } from '../estate/endpoints.ts';
import { startTlsFarm, type TlsFarm } from './tls-farm.ts';

const now = new Date();
let farm: TlsFarm;

beforeAll(async () => {
  farm = await startTlsFarm({ now });
});

afterAll(() => farm.stop());

function caseOf(name: string): PlantedEndpoint {
  const found = farm.cases.find((candidate) => candidate.name === name);
  if (found === undefined) throw new RangeError(`no case ${name}`);
  return found;
}

/** What node's own client thinks of an endpoint. */
interface Verdict {
  readonly chainLength: number;
  readonly error: string | null;
  readonly protocol: string | null;
  readonly subject: string | undefined;
}

/** Reads up to the first answer that ends as asked. */
async function answer(socket: Socket, isWhole: RegExp): Promise<string> {
  let received = '';
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received += chunk.toString('latin1');
    if (isWhole.test(received)) return received;
  }
}

async function plainSocket(endpoint: EndpointConfig): Promise<Socket> {
  const socket = connectTcp(endpoint.port, endpoint.host);
  await once(socket, 'connect');
  return socket;
}

async function readyForTls(endpoint: EndpointConfig): Promise<Socket> {
  const socket = await plainSocket(endpoint);
  if (endpoint.startTls === 'postgres') {
    socket.write(Buffer.from('0000000804d2162f', 'hex'));
    expect(await answer(socket, /./)).toBe('S');
  } else if (endpoint.startTls === 'smtp') {
    expect(await answer(socket, /\r\n$/)).toMatch(/^220 /);
    socket.write('EHLO test.invalid\r\n');
    expect(await answer(socket, /^250 .*\r\n$/m)).toMatch(/^(250-.*\r\n)+250 STARTTLS\r\n$/);
    socket.write('STARTTLS\r\n');
    expect(await answer(socket, /\r\n$/)).toMatch(/^220 /);
  }
  return socket;
}

async function ask(endpoint: EndpointConfig, serverName?: string): Promise<Verdict> {
  const secure = connect({
    socket: await readyForTls(endpoint),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ca: [farm.rootPem],
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  try {
    await once(secure, 'secureConnect');
    const error = secure.authorizationError as unknown as string | null;
    const protocol = secure.getProtocol();
    const { subject, length } = chainOf(secure);
    return { chainLength: length, error, protocol, subject };
  } finally {
    secure.destroy();
  }
}

function chainOf(secure: TLSSocket): { length: number; subject: string | undefined } {
  const leaf = secure.getPeerX509Certificate();
  let length = 0;
  for (let certificate = leaf; certificate !== undefined; certificate = certificate.issuerCertificate) length += 1;
  return { length, subject: leaf?.subject };
}

const hasExpired = 'CERT_HAS_EXPIRED';

/** Certificates sent and what OpenSSL says of them, for every endpoint that does not simply send two sound ones. */
const special: Record<string, [chainLength: number, error: string | null]> = {
  api: [3, null],
  'reversed-chain': [3, null],
  'root-sent': [3, null],
  'no-expiry': [1, null],
  expired: [2, hasExpired],
  'just-expired': [2, hasExpired],
  'not-yet-valid': [2, 'CERT_NOT_YET_VALID'],
  'self-signed': [1, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  'untrusted-root': [3, 'SELF_SIGNED_CERT_IN_CHAIN'],
  'untrusted-root-not-sent': [2, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  'incomplete-chain': [1, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  'client-certificate': [2, 'INVALID_PURPOSE'],
  'intermediate-expired': [2, hasExpired],
  'expired-cross-sign': [3, null],
  'expired-self-signed': [1, hasExpired],
  'expired-untrusted-root': [2, hasExpired],
  'everything-wrong': [1, hasExpired],
  'expired-database': [2, hasExpired],
  'expired-mail': [2, hasExpired],
};

const serving = endpointCases.filter(({ behaviour }) => behaviour.does === 'serve-tls').map(({ name }) => name);

describe('an endpoint with a certificate', () => {
  test.each(serving)('%s sends the chain that it is meant to, and OpenSSL says so', async (name) => {
    const [chainLength, error] = special[name] ?? [2, null];
    const { resource } = caseOf(name);
    const verdict = await ask(resource, resource.serverName);
    expect({ chainLength: verdict.chainLength, error: verdict.error }).toEqual({ chainLength, error });
    expect(verdict.subject).toBe(farm.leafOf(name).subject);
  });

  test('speaks TLS 1.3, or TLS 1.0 alone where it is meant to', async () => {
    expect((await ask(caseOf('www').resource)).protocol).toBe('TLSv1.3');
    expect((await ask(caseOf('tls-v1-0').resource)).protocol).toBe('TLSv1');
  });

  test('shows another certificate to who does not ask by name', async () => {
    const { resource } = caseOf('sni');
    expect(await ask(resource)).toMatchObject({ subject: 'CN=default.nycmg.example', error: hasExpired });
    expect(await ask(resource, 'other.nycmg.example')).toMatchObject({ subject: 'CN=default.nycmg.example' });
  });

  // What needs no leniency to be read is what an ordinary client of today would accept.
  const acceptable = endpointCases.filter((planted) => planted.findings.length === 0 && serving.includes(planted.name));
  test.each(acceptable.filter(({ name }) => name !== 'tls-v1-0'))(
    '$name is healthy, and a strict client accepts it',
    async ({ name }) => {
      const { resource } = caseOf(name);
      const servername = resource.serverName as string;
      const secure = connect({ socket: await readyForTls(resource), servername, ca: [farm.rootPem] });
      await once(secure, 'secureConnect');
      expect(secure.authorized).toBe(true);
      secure.destroy();
    },
  );

  test('has a name that a strict client rejects where it is meant to', async () => {
    for (const name of ['wrong.host', 'deep.wildcard']) {
      const { host, port, serverName: servername } = caseOf(name).resource;
      const secure = connect({ host, port, servername: servername as string, ca: [farm.rootPem] });
      const [error] = (await once(secure, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    }
    const { resource } = caseOf('no-sans');
    expect(farm.leafOf('no-sans').subjectAltName).toBeUndefined();
    expect(farm.leafOf('no-sans').checkHost(resource.serverName as string, { subject: 'never' })).toBeUndefined();
  });
});

describe('a certificate', () => {
  const daysLeft = (name: string) => (farm.leafOf(name).validToDate.getTime() - now.getTime()) / 86_400_000;

  test.each([
    ['www', 60],
    ['just-not-overdue', 23.1],
    ['just-overdue', 23 - 1 / 1440],
    ['just-not-critical', 9.1],
    ['expiring-soon', 8.9],
    ['short-lived', 1.5],
    ['expired', -3],
  ])('of %s has %d days left', (name, days) => {
    expect(daysLeft(name)).toBeCloseTo(days, 4);
  });

  test('is as odd as it is meant to be', () => {
    expect(farm.leafOf('10000-sans').subjectAltName?.split(', ')).toHaveLength(10_000);
    expect(farm.leafOf('no-subject').subject).toBeUndefined();
    expect(farm.leafOf('no-common-name').subject).toBe('O=NYCMG');
    expect(farm.leafOf('negative-serial').serialNumber).toBe('-07B1');
    expect(farm.leafOf('no-expiry').validToDate).toEqual(new Date('9999-12-31T23:59:59Z'));
    expect(farm.leafOf('pre-epoch').validFromDate.getTime()).toBeLessThan(0);
    expect(farm.leafOf('md5-leaf').signatureAlgorithm).toBe('md5WithRSAEncryption');
    expect(farm.leafOf('sha1-leaf').signatureAlgorithm).toBe('ecdsa-with-SHA1');
    expect(farm.leafOf('rsa1024').publicKey.asymmetricKeyDetails?.modulusLength).toBe(1024);
    expect(farm.leafOf('rsa2048').publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
  });

  test.each([
    ['an offset', '20991231235959+0100'],
    ['fractional seconds', '20991231235959.5Z'],
  ])('with an end that has %s can be served, and OpenSSL rejects it', async (what, generalizedTime) => {
    const endpoint = await farm.serve(`odd-time-${what.replaceAll(' ', '-')}`, {
      does: 'serve-tls',
      leaf: { notAfter: { generalizedTime } },
    });
    expect((await ask(endpoint)).error).toBe('ERROR_IN_CERT_NOT_AFTER_FIELD');
  });
});

describe('an endpoint without a certificate', () => {
  test.each([
    ['refused', 'ECONNREFUSED'],
    ['reset', 'ECONNRESET'],
    ['unrecognized-name', 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME'],
    ['plain-http', 'ERR_SSL_WRONG_VERSION_NUMBER'],
  ])('%s ends a handshake with %s', async (name, code) => {
    const { host, port } = caseOf(name).resource;
    const secure = connect({ host, port, rejectUnauthorized: false });
    const [error] = (await once(secure, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe(code);
  });

  test('silent accepts the connection and answers nothing', async () => {
    const socket = await plainSocket(caseOf('silent').resource);
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    const secure = connect({ socket, rejectUnauthorized: false });
    let isSecure = false;
    secure.once('secureConnect', () => {
      isSecure = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect({ received, isSecure, isOpen: !socket.destroyed }).toEqual({ received: 0, isSecure: false, isOpen: true });
    secure.destroy();
  });

  test('plain-database answers N', async () => {
    const socket = await plainSocket(caseOf('plain-database').resource);
    socket.write(Buffer.from('0000000804d2162f', 'hex'));
    expect(await answer(socket, /./)).toBe('N');
    socket.destroy();
  });

  test('plain-mail answers STARTTLS with 454', async () => {
    const socket = await plainSocket(caseOf('plain-mail').resource);
    await answer(socket, /\r\n$/);
    socket.write('STARTTLS\r\n');
    expect(await answer(socket, /\r\n$/)).toMatch(/^454 /);
    socket.destroy();
  });

  test('unknown-host is under .invalid, which never resolves', () => {
    expect(caseOf('unknown-host').resource).toEqual({ host: 'does-not-exist.invalid', port: 443 });
  });

  test('has no certificate to give', () => {
    expect(() => farm.leafOf('refused')).toThrow(RangeError);
  });
});

describe('the list of endpoints', () => {
  test('has each name once and each resource once', () => {
    expect(new Set(farm.cases.map(({ name }) => name)).size).toBe(endpointCases.length);
    expect(new Set(farm.cases.map(({ resourceId }) => resourceId)).size).toBe(endpointCases.length);
    expect(farm.endpointConfigs).toHaveLength(endpointCases.length);
  });

  test('expects nothing of a certificate that cannot be seen, and something of every other fault', () => {
    for (const { name, behaviour, findings, unchecked } of endpointCases) {
      const canBeSeen = behaviour.does === 'serve-tls';
      expect({ name, canBeSeen: unchecked === undefined }).toEqual({ name, canBeSeen });
      if (!canBeSeen) expect(findings).toEqual([]);
    }
  });

  test('names an endpoint by its server name and its address', () => {
    const { resource, resourceId } = caseOf('wrong.host');
    expect(resourceId).toBe(`tls://wrong.host.nycmg.example@127.0.0.1:${resource.port}`);
  });
});

describe('a farm', () => {
  test('runs beside another one, and hangs up on everybody when it ends', async () => {
    const other = await startTlsFarm({ now });
    const ports = new Set(farm.endpointConfigs.map(({ port }) => port));
    const shared = other.endpointConfigs.filter(({ host, port }) => host === '127.0.0.1' && ports.has(port));
    expect(shared).toEqual([]);
    const silent = other.cases.find(({ name }) => name === 'silent')?.resource as EndpointConfig;
    const socket = await plainSocket(silent);
    await other.stop();
    if (!socket.closed) await once(socket.resume(), 'close');
    const [error] = (await once(connectTcp(silent.port, silent.host), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  test('leaves nothing open that would keep a process alive', async () => {
    const script = `
      import { connect } from 'node:net';
      import { startTlsFarm } from ${JSON.stringify(new URL('tls-farm.ts', import.meta.url))};
      const farm = await startTlsFarm({ now: new Date() });
      for (const { host, port } of farm.endpointConfigs) connect(port, host).on('error', () => {});
      await new Promise((resolve) => setTimeout(resolve, 50));
      await farm.stop();
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { timeout: 20_000 });
    expect(await once(child, 'close')).toEqual([0, null]);
  });
});
