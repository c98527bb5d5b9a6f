import { afterEach, beforeEach } from 'vitest';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import type { EstateDocument } from './estate-document.ts';

/** The control plane of the test that runs. */
export interface TestPlane {
  readonly plane: ControlPlane;
  /** Returns a client of it, in us-east-1 and without retries unless configured otherwise. */
  client<Client extends { destroy(): void }>(
    Constructor: new (configuration: Record<string, unknown>) => Client,
    configuration?: Record<string, unknown>,
  ): Client;
}

/** Starts a control plane before each test of the file and stops it afterwards, with its clients. */
export function testPlane(estate: EstateDocument): TestPlane {
  let plane: ControlPlane;
  let clients: { destroy(): void }[];

  beforeEach(async () => {
    plane = await startControlPlane({ estate });
    clients = [];
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    await plane.stop();
  });

  return {
    get plane() {
      return plane;
    },
    client(Constructor, configuration = {}) {
      const credentials = {
        accessKeyId: plane.environment.AWS_ACCESS_KEY_ID,
        secretAccessKey: plane.environment.AWS_SECRET_ACCESS_KEY,
      };
      const client = new Constructor({
        endpoint: plane.url,
        region: 'us-east-1',
        maxAttempts: 1,
        credentials,
        ...configuration,
      });
      clients.push(client);
      return client;
    },
  };
}
