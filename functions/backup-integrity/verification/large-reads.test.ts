import { once } from 'node:events';
import { createServer, type IncomingMessage, request as requestHttp } from 'node:http';
import { createServer as createTlsServer, request as requestHttps } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { issueCertificate, makeKey } from '../../../sandbox/tls-farm/certificate-authority.ts';
import { largeReadAgents, refuseReused } from './large-reads.ts';

const dayMs = 86_400_000;
const certificate = issueCertificate({
  notBefore: new Date(Date.now() - dayMs),
  notAfter: new Date(Date.now() + dayMs),
  commonName: 'localhost',
  names: ['localhost'],
  key: makeKey('ec-p256'),
});

/** Not the same anywhere, so that a chunk in the place of another shows. */
const body = Buffer.alloc(
  3_000_000,
  Uint8Array.from({ length: 65_537 }, (_, index) => (index * 31) % 251),
);

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function portOf(server: Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test.each([
  ['HTTP', createServer((_, response) => response.end(body)), requestHttp, 'httpAgent'],
  [
    'TLS',
    createTlsServer({ key: certificate.keyPem, cert: certificate.pem }, (_, response) => response.end(body)),
    requestHttps,
    'httpsAgent',
  ],
] as const)(
  'reads bodies over %s as they are, and hands on none of its own memory',
  async (_, server, request, kind) => {
    const port = await portOf(server);
    const { [kind]: agent } = largeReadAgents({ keepAlive: true, maxSockets: 2 });
    const ports = new Set<number | undefined>();
    const read = async () => {
      const sent = request({ host: 'localhost', port, agent, rejectUnauthorized: false, lookup: toLoopback });
      sent.end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      ports.add(response.socket.localPort);
      const kept: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) {
        refuseReused(chunk);
        kept.push(chunk);
      }
      expect(Buffer.concat(kept).equals(body)).toBe(true);
    };
    for (let round = 0; round < 3; round++) await Promise.all([read(), read(), read()]);
    // Connections are used again.
    expect(ports.size).toBe(2);
    agent.destroy();
  },
);

test('refuses a chunk that the next read would overwrite', async () => {
  const port = await portOf(createServer((_, response) => response.end(body)));
  const { httpAgent } = largeReadAgents({});
  const socket = httpAgent.createConnection({ host: '127.0.0.1', port } as never) as Socket;
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  expect(() => refuseReused(chunk)).toThrow('does not copy');
  expect(() => refuseReused(Buffer.from(chunk))).not.toThrow();
  socket.destroy();
});

function toLoopback(
  _: string,
  __: object,
  answer: (error: null, addresses: { address: string; family: number }[]) => void,
): void {
  answer(null, [{ address: '127.0.0.1', family: 4 }]);
}
