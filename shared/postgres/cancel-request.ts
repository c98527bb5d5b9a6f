import pg, { type Client } from 'pg';

/** What of `pg` a cancel request needs, and its types leave out. */
interface Connection {
  readonly stream: { destroy(): void };
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
  on(event: 'connect' | 'sslconnect' | 'end' | 'error', listener: () => void): void;
}

interface ConnectedClient {
  readonly host: string;
  readonly port: number;
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly ssl: unknown;
  readonly sslNegotiation: string;
}

const Connection = pg.Connection as unknown as new (config: { ssl: unknown; sslNegotiation: string }) => Connection;

/** The server answers a cancel request by closing its connection. */
const deadlineMs = 3_000;

/**
 * Asks the server to end what this client has it do, over a connection of its own: a server does not notice that its
 * client is gone before it has something to send. Resolves when that is done, or cannot be.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export function requestCancel(client: Client): Promise<void> {
  const { host, port, processID, secretKey, ssl, sslNegotiation } = client as unknown as ConnectedClient;
  if (processID === null || secretKey === null) return Promise.resolve();
  const connection = new Connection({ ssl, sslNegotiation });
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, deadlineMs);
  connection.on('error', resolve);
  connection.on('end', resolve);
  connection.on('connect', () => {
    if (ssl === false) connection.cancel(processID, secretKey);
    else if (sslNegotiation !== 'direct') connection.requestSsl();
  });
  connection.on('sslconnect', () => connection.cancel(processID, secretKey));
  if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
  else connection.connect(port, host);
  return promise.finally(() => {
    clearTimeout(timer);
    connection.stream.destroy();
  });
}
