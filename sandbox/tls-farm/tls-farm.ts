import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { endpointId } from '../../functions/certificate-expiry/endpoint-id.ts';
import type { EndpointConfig } from '../../functions/certificate-expiry/task.ts';
import { endpointCases, type PlantedEndpoint, serverNameOf } from '../estate/endpoints.ts';
import type { AuthorityName, Behaviour, LeafSpec, ServesTls } from './behaviour.ts';
import type { IssuedCertificate } from './certificate-authority.ts';
import { FarmAuthorities } from './farm-authorities.ts';
import { speakPostgres, speakSmtp, type Upgrade } from './start-tls-stubs.ts';

/** A running farm of servers on 127.0.0.1. */
export interface TlsFarm {
  /** The root to trust, for `trustedCertificates`. */
  readonly rootPem: string;
  /** The sample estate's endpoints as they are running, each with the findings that it must cause. */
  readonly cases: readonly PlantedEndpoint[];
  /** The resources of {@link cases}: ready for the task's `endpoints`. */
  readonly endpointConfigs: readonly EndpointConfig[];
  /**
   * Returns the certificate that an endpoint shows to those who ask for its name.
   *
   * @param name the name of a case or of what {@link serve} started, such as `expired`.
   * @throws RangeError for an endpoint that shows none.
   */
  leafOf(name: string): X509Certificate;
  /** Starts one more server, for a test; its server name is `<name>.nycmg.example`. Ends with the farm. */
  serve(name: string, behaviour: Behaviour): Promise<EndpointConfig>;
  /** Ends every server and connection. The farm cannot be used afterwards. */
  stop(): Promise<void>;
}

/**
 * Starts a server for each endpoint of the sample estate, with certificates made on the spot.
 *
 * @param options.now what the certificates' dates are counted from. OpenSSL judges them by the clock of the machine, so
 *   this has to be the present for chains to verify.
 */
export async function startTlsFarm(options: { now: Date }): Promise<TlsFarm> {
  const farm = new Farm(options.now);
  try {
    await farm.start();
  } catch (error) {
    await farm.stop();
    throw error;
  }
  return farm;
}

const loopback = '127.0.0.1';

/** Old and weak on purpose: the farm has to serve what a server of today refuses to. */
const anyCipher = 'DEFAULT@SECLEVEL=0';

class Farm implements TlsFarm {
  readonly cases: PlantedEndpoint[] = [];
  readonly #authorities: FarmAuthorities;
  readonly #servers = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  readonly #leaves = new Map<string, X509Certificate>();

  constructor(now: Date) {
    this.#authorities = new FarmAuthorities(now);
  }

  get rootPem(): string {
    return this.#authorities.authority('root').pem;
  }

  get endpointConfigs(): readonly EndpointConfig[] {
    return this.cases.map(({ resource }) => resource);
  }

  async start(): Promise<void> {
    for (const endpointCase of endpointCases) {
      const resource = await this.serve(endpointCase.name, endpointCase.behaviour);
      this.cases.push({ ...endpointCase, resource, resourceId: endpointId(resource) });
    }
  }

  leafOf(name: string): X509Certificate {
    const leaf = this.#leaves.get(name);
    if (leaf === undefined) throw new RangeError(`no endpoint ${name} that shows a certificate`);
    return leaf;
  }

  async serve(name: string, behaviour: Behaviour): Promise<EndpointConfig> {
    // RFC 6761, section 6.4: a name that never resolves.
    if (behaviour.does === 'not-resolve') return { host: 'does-not-exist.invalid', port: 443 };
    const serverName = serverNameOf(name);
    const port =
      behaviour.does === 'refuse-connection'
        ? await this.#takenPort()
        : await this.#listen(this.#connectionHandler(name, serverName, behaviour));
    const startTls =
      'startTls' in behaviour && behaviour.startTls !== undefined ? { startTls: behaviour.startTls } : {};
    return { host: loopback, port, serverName, ...startTls };
  }

  async stop(): Promise<void> {
    const closed = [...this.#servers].map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
    this.#servers.clear();
  }

  #connectionHandler(name: string, serverName: string, behaviour: Behaviour): (socket: Socket) => void {
    switch (behaviour.does) {
      case 'serve-tls': {
        const upgrade = this.#upgrade(name, serverName, behaviour);
        return behaviour.startTls === undefined ? upgrade : beforeTls(behaviour.startTls, serverName, upgrade);
      }
      case 'refuse-start-tls':
        return beforeTls(behaviour.startTls, serverName, undefined);
      case 'reset-connection':
        return (socket) => socket.once('data', () => socket.resetAndDestroy());
      case 'send-alert':
        // RFC 8446, sections 5.1 and 6: record type 21, version 3.3, two octets: fatal, unrecognized_name.
        return (socket) => socket.once('data', () => socket.end(Buffer.of(21, 3, 3, 0, 2, 2, 112)));
      case 'answer-plain-http':
        return (socket) =>
          socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
      default:
        return (socket) => socket.resume();
    }
  }

  #upgrade(name: string, serverName: string, behaviour: ServesTls): Upgrade {
    const leaf = this.#authorities.leaf(serverName, behaviour.leaf);
    this.#leaves.set(name, leaf.certificate);
    const named = this.#secureContext(leaf, behaviour, behaviour.leaf);
    const other = behaviour.leafForOtherNames;
    const unnamed =
      other === undefined ? named : this.#secureContext(this.#authorities.leaf(serverName, other), behaviour, other);
    return (socket) => {
      const secure = new TLSSocket(socket, {
        isServer: true,
        secureContext: unnamed,
        SNICallback: (asked, callback) => callback(null, asked === serverName ? named : unnamed),
      });
      // A client that dislikes the certificate hangs up in the middle of the handshake: that is what it is for.
      secure.on('error', () => secure.destroy());
      secure.resume();
    };
  }

  #secureContext(leaf: IssuedCertificate, behaviour: ServesTls, spec: LeafSpec | undefined): SecureContext {
    const issuer = spec?.issuer ?? 'intermediate';
    const sends: readonly AuthorityName[] = behaviour.sends ?? (issuer === 'self' ? [] : [issuer]);
    return createSecureContext({
      key: leaf.keyPem,
      cert: leaf.pem + sends.map((authority) => this.#authorities.authority(authority).pem).join(''),
      ciphers: anyCipher,
      minVersion: behaviour.onlyVersion ?? 'TLSv1.2',
      maxVersion: behaviour.onlyVersion ?? 'TLSv1.3',
    });
  }

  /** Returns the port of a new server that does `accept` with every connection. */
  async #listen(accept: (socket: Socket) => void): Promise<number> {
    const server = createTcpServer((socket) => {
      this.#track(socket);
      accept(socket);
    });
    this.#servers.add(server);
    server.listen(0, loopback);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /**
   * Returns a port that refuses connections for as long as the farm runs: it is the client's end of an open connection,
   * so nothing listens on it, and nobody else is given it meanwhile.
   */
  async #takenPort(): Promise<number> {
    const socket = connect({ host: loopback, port: await this.#listen(() => {}) });
    this.#track(socket);
    await once(socket, 'connect');
    return (socket.address() as AddressInfo).port;
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // Clients of the farm hang up as they like.
    socket.on('error', () => socket.destroy());
  }
}

function beforeTls(
  protocol: 'postgres' | 'smtp',
  serverName: string,
  upgrade: Upgrade | undefined,
): (socket: Socket) => void {
  if (protocol === 'postgres') return (socket) => speakPostgres(socket, upgrade);
  return (socket) => speakSmtp(socket, serverName, upgrade);
}
