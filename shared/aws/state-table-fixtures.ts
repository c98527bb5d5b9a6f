import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createStateTable } from '../../sandbox/aws/create-state-table.ts';
import { startDynalite } from '../../sandbox/aws/dynalite.ts';

/** A state table of this machine, with its keys as they are deployed. */
export interface LocalStateTable extends AsyncDisposable {
  readonly client: DynamoDBClient;
  readonly name: string;
}

/** Starts a DynamoDB of this machine with a state table in it; disposed of, both are gone. */
export async function startStateTable(): Promise<LocalStateTable> {
  await using started = new AsyncDisposableStack();
  const dynalite = started.adopt(await startDynalite(), (server) => server.stop());
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new DynamoDBClient({ endpoint: dynalite.url, region: 'us-east-1', credentials });
  started.defer(() => client.destroy());
  const name = 'state';
  await createStateTable(client, name);
  const running = started.move();
  return { client, name, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
