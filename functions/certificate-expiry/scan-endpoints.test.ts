import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Behaviour } from '../../sandbox/tls-farm/behaviour.ts';
import { issueCertificate, makeKey } from '../../sandbox/tls-farm/certificate-authority.ts';
import { startTlsFarm, type TlsFarm } from '../../sandbox/tls-farm/tls-farm.ts';
import { AwsClients } from '../../shared/aws/clients.ts';
import type { Report } from '../../shared/report.ts';
import { runTask } from '../../shared/run-task.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import { steps } from './steps.ts';

import { type EndpointConfig, task } from './task.ts';

/** What the names of this test resolve to; every other name is the system's affair. */
const addresses = new Map<string, string[]>();
/** Names of which nothing is ever heard. */
const hanging = new Set<string>();
vi.mock('node:dns/promises', async (original) => {
  const actual = await original<typeof import('node:dns/promises')>();
  const lookup = async (host: string, options: object) =>
    hanging.has(host)
      ? new Promise(() => {})
      : (addresses.get(host)?.map((address) => ({ address, family: 4 })) ?? actual.lookup(host, options));
  return { ...actual, lookup };
});

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);

let farm: TlsFarm;
const servers: Server[] = [];
beforeAll(async () => {
  farm = await startTlsFarm({ now: new Date() });
});
afterAll(async () => {
  await farm.stop();
  for (const server of servers) server.close();
});

function scan(endpoints: readonly EndpointConfig[], settings: object = {}): Promise<Report> {
  return runTask(task, steps, {
    estate: { name: 'nycmg', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] },
    config: {
      sources: ['endpoints'],
      endpoints,
      trustedCertificates: [farm.rootPem],
      connectTimeoutSeconds: 1,
      handshakeTimeoutSeconds: 0.5,
      ...settings,
    },
    configSource: 'test',
    invocation: {},
    clients: new AwsClients(),
    clock: () => new Date(),
    store: new MemoryStateStore(),
    timeBudgetSeconds: 30,
  });
}

/** A server that is not TLS's: what it does with each connection is up to the test. */
async function serve(onConnection: (socket: Socket) => void): Promise<EndpointConfig> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const rulesOf = ({ findings }: Report) => findings.map(({ rule }) => rule).sort();
const uncheckedOf = ({ coverage }: Report) => coverage.unchecked.map(({ reason }) => reason);

describe('an endpoint scan', () => {
  it('makes one handshake for endpoints that differ only in the case of their name', async () => {
    const www = await farm.serve('shared', { does: 'serve-tls' });
    const twin = { ...www, host: 'localhost', serverName: 'shared.nycmg.example' };
    const report = await scan([www, twin]);
    expect(report).toMatchObject({ status: 'clean', coverage: { checked: 2 } });
    expect(report.metrics.handshakes).toBeLessThanOrEqual(2);
  });

  it('resolves host names, also to an address where nobody listens', async () => {
    const www = await farm.serve('by-name', { does: 'serve-tls' });
    // `localhost` may be ::1 first, where the farm is not: the retry goes to the next address.
    expect(await scan([{ ...www, host: 'localhost' }])).toMatchObject({ status: 'clean' });
  });

  it('tries a failed endpoint once more, and no more', async () => {
    let connections = 0;
    const endpoint = await serve((socket) => {
      connections++;
      socket.destroy();
    });
    expect(uncheckedOf(await scan([endpoint]))).toEqual(['tls-alert']);
    expect(connections).toBe(2);
  });

  it('keeps what the second try found', async () => {
    const good = await farm.serve('second-try', { does: 'serve-tls' });
    let connections = 0;
    const { connect } = await import('node:net');
    const flaky = await serve((socket) => {
      if (connections++ === 0) {
        socket.resetAndDestroy();
        return;
      }
      const upstream = connect(good.port ?? 0, '127.0.0.1').on('error', () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
      socket.on('close', () => upstream.destroy());
    });
    expect(await scan([{ ...good, port: flaky.port }])).toMatchObject({ status: 'clean' });
  });

  it('lists what it could not reach before its deadline, and ends there', async () => {
    const silent = await Promise.all(Array.from({ length: 6 }, () => serve(() => {})));
    const report = await scan(silent, { concurrency: 1, handshakeTimeoutSeconds: 10, scanTimeoutSeconds: 0.4 });
    expect(uncheckedOf(report)).toEqual(Array.from({ length: 6 }, () => 'not-reached'));
    expect(report.status).toBe('failed');
  });

  it('ends at its deadline also with a host of which one address answered and another waits for its second try', async () => {
    const good = await farm.serve('half-late', { does: 'serve-tls' });
    addresses.set('half-late.test', ['127.0.0.1', '127.0.0.4']);
    const silent = await Promise.all(Array.from({ length: 4 }, () => serve(() => {})));
    const settings = { concurrency: 1, handshakeTimeoutSeconds: 10, scanTimeoutSeconds: 0.5 };
    const report = await scan([{ ...good, host: 'half-late.test' }, ...silent], settings);
    expect(report.coverage).toMatchObject({ expected: 5, checked: 1 });
    expect(uncheckedOf(report)).toEqual(Array.from({ length: 4 }, () => 'not-reached'));
  });

  it('does not wait for names beyond its deadline', async () => {
    hanging.add('hangs.test');
    const names = Array.from({ length: 40 }, (_, index) => ({
      host: 'hangs.test',
      port: 443,
      serverName: `n${index}.test`,
    }));
    const others = Array.from({ length: 40 }, (_, index) => ({ host: `hangs-${index}.test`, port: 443 }));
    for (const { host } of others) hanging.add(host);
    // Four at a time, five seconds each, these would outlast the test's own limit.
    expect(new Set(uncheckedOf(await scan([...names, ...others], { scanTimeoutSeconds: 0.3 })))).toEqual(
      new Set(['not-reached']),
    );
  });

  it('goes through dead hosts side by side', async () => {
    // One after the other, two tries of a second each, these would outlast the test's own limit.
    const silent = await Promise.all(Array.from({ length: 20 }, () => serve(() => {})));
    const report = await scan(silent, { handshakeTimeoutSeconds: 1 });
    expect(uncheckedOf(report)).toEqual(Array.from({ length: 20 }, () => 'connect-timeout'));
  });

  it('survives a server that talks nonsense, too much, or hangs up half-way', async () => {
    const endpoints = await Promise.all([
      serve((socket) => socket.write(Buffer.alloc(200_000, 0x16))),
      serve((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      serve((socket) => socket.once('data', () => socket.end(Buffer.of(0x16, 3, 3, 0x40, 0)))),
    ]);
    expect(uncheckedOf(await scan(endpoints))).toEqual(['tls-alert', 'tls-alert', 'tls-alert']);
  });

  it('refuses data slipped in before encryption, as a man in the middle would', async () => {
    const injected = await serve((socket) => socket.once('data', () => socket.write('SX')));
    expect(uncheckedOf(await scan([{ ...injected, startTls: 'postgres' }]))).toEqual(['starttls-refused']);
  });
});

describe('a root to trust that cannot be read', () => {
  it('is a fault of the configuration, not of everything that rests on it', async () => {
    const garbage = `-----BEGIN CERTIFICATE-----\n${'A'.repeat(80)}\n-----END CERTIFICATE-----\n`;
    const www = await farm.serve('rooted', { does: 'serve-tls' });
    await expect(scan([www], { trustedCertificates: [farm.rootPem, garbage] })).rejects.toThrow(
      /trustedCertificates\[1\]/,
    );
  });
});

describe('a host with several addresses', () => {
  it('is looked at on each of them', async () => {
    const good = await farm.serve('several', { does: 'serve-tls' });
    const expired = await farm.serve('several', { does: 'serve-tls', leaf: { endsInDays: -1 } });
    // The second address serves another certificate at the same port.
    const { connect } = await import('node:net');
    const second = createServer((socket) => {
      const upstream = connect(expired.port ?? 0, '127.0.0.1').on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
      socket.pipe(upstream).pipe(socket);
    });
    servers.push(second);
    second.listen(good.port, '127.0.0.2');
    await once(second, 'listening');
    addresses.set('several.test', ['127.0.0.1', '127.0.0.2']);
    const report = await scan([{ ...good, host: 'several.test' }]);
    expect(rulesOf(report)).toEqual(['expired']);
    expect(report.findings[0]?.evidence.address).toBe('127.0.0.2');
    expect(report.coverage).toMatchObject({ expected: 1, checked: 1 });
  });

  it('is unchecked when one of them cannot be reached, unless all are this machine’s own', async () => {
    const good = await farm.serve('half', { does: 'serve-tls' });
    addresses.set('half.test', ['127.0.0.1', '127.0.0.3']);
    expect(await scan([{ ...good, host: 'half.test' }])).toMatchObject({ status: 'clean' });
    // No address of this machine: connecting to it fails at once where there is no network, and times out elsewhere.
    addresses.set('half.test', ['127.0.0.1', '0.0.0.1']);
    const report = await scan([{ ...good, host: 'half.test' }]);
    expect(report.status).toBe('failed');
    expect(report.coverage.unchecked[0]?.detail).toContain('0.0.0.1: ');
  });
});

describe('a server that asks for the client’s certificate', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('has its own judged all the same, with %s', async (version) => {
    const root = issueCertificate({
      commonName: 'Mutual',
      notBefore: inDays(-100),
      notAfter: inDays(100),
      key: makeKey('ec-p256'),
      isAuthority: true,
    });
    const leaf = issueCertificate({
      commonName: 'mutual.test',
      names: ['mutual.test'],
      notBefore: inDays(-90),
      notAfter: inDays(-1),
      key: makeKey('ec-p256'),
      issuer: root,
    });
    const server = createTlsServer(
      {
        key: leaf.keyPem,
        cert: leaf.pem,
        ca: root.pem,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: version,
        maxVersion: version,
      },
      (socket) => socket.on('error', () => {}),
    );
    server.on('tlsClientError', () => {});
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, serverName: 'mutual.test' };
    const report = await scan([endpoint], { trustedCertificates: [`${farm.rootPem}\n${root.pem}`] });
    // The second certificate of a bundle is trusted as the first is.
    expect(rulesOf(report)).toEqual(['expired']);
  });
});

describe('odd certificates', () => {
  async function scanLeaf(name: string, leaf: Extract<Behaviour, { does: 'serve-tls' }>['leaf']) {
    return scan([await farm.serve(name, { does: 'serve-tls', leaf })]);
  }

  it('with a date that is not in RFC 5280’s form are found, not passed', async () => {
    // OpenSSL reads the date leniently, and then refuses the certificate for its form.
    for (const generalizedTime of ['20990101000000+0100', '20990101000000.5Z']) {
      const report = await scanLeaf(`dated-${generalizedTime.length}`, { notAfter: { generalizedTime } });
      expect(rulesOf(report)).toEqual(['chain-invalid', 'intermediate-expires-first']);
    }
  });

  it('do not hide what else was found', async () => {
    const odd = await farm.serve('odd', {
      does: 'serve-tls',
      leaf: { notAfter: { generalizedTime: '20990101000000.5Z' } },
    });
    const expired = await farm.serve('gone', { does: 'serve-tls', leaf: { endsInDays: -1 } });
    const report = await scan([odd, expired]);
    expect(rulesOf(report)).toContain('expired');
  });
});
