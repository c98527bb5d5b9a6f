import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { issueCertificate, makeKey } from '../../sandbox/tls-farm/certificate-authority.ts';
import type { Servers } from '../certificates.bench.ts';

const dayMs = 86_400_000;
const validity = { notBefore: new Date(Date.now() - 30 * dayMs), notAfter: new Date(Date.now() + 60 * dayMs) };
const authority = { ...validity, isAuthority: true, notAfter: new Date(Date.now() + 900 * dayMs) };

const root = issueCertificate({ ...authority, commonName: 'Bench Root', key: makeKey('ec-p256') });
const intermediate = issueCertificate({
  ...authority,
  commonName: 'Bench Intermediate',
  key: makeKey('ec-p256'),
  issuer: root,
});
const leaf = issueCertificate({
  ...validity,
  commonName: 'bench.example',
  names: ['*.bench.example'],
  key: makeKey('ec-p256'),
  issuer: intermediate,
});

async function listen(server: Server): Promise<number> {
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const tls = createTlsServer({ key: leaf.keyPem, cert: leaf.pem + intermediate.pem }, (socket) =>
  socket.on('error', () => {}),
);
tls.on('tlsClientError', () => {});
const port = await listen(tls);
const silentPort = await listen(createTcpServer((socket) => socket.on('error', () => {})));
const closing = createTcpServer();
const closedPort = await listen(closing);
closing.close();

process.send?.({ port, silentPort, closedPort, rootPem: root.pem } satisfies Servers);
// Without the benchmark there is nobody to serve.
process.on('disconnect', () => process.exit());
