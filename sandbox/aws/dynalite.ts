import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import dynalite from 'dynalite';

/** A running DynamoDB, in memory. It knows conditional writes, and no transactions. */
export interface Dynalite {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts dynalite on 127.0.0.1, at a port that the system chooses. Tables are there at once, unlike in AWS. */
export async function startDynalite(): Promise<Dynalite> {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = promisify((done: (error?: Error | null) => void) =>
        server.close(done as (error?: Error) => void),
      )();
      server.closeAllConnections();
      await closed;
    },
  };
}
