import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import type { AwsClients } from '../../../shared/aws/clients.ts';
import { fakeS3 } from '../../../shared/objects/fake-s3.ts';
import { collect } from '../collect.ts';
import { configSchema } from '../config.ts';
import { contextFor } from '../context-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(() => server?.stop());

async function collected(scope: object) {
  const regions: string[] = [];
  const rule = (id: string, place: object) => ({
    kind: 'objects',
    id,
    table: 'pg_catalog.pg_class',
    keyColumn: 'relname',
    bucket: 'nycmg-audio',
    ...place,
  });
  const context = contextFor({
    config: configSchema.parse({
      databases: { main: { physical: { enabled: false } } },
      rules: [rule('east', {}), rule('west', { region: 'us-west-2' }), rule('theirs', { account: '210987654321' })],
    }),
    databases: { main: { url: server.url } },
    estate: {
      name: 'nycmg',
      timeZone: 'UTC',
      regions: ['us-east-1', 'us-west-2'],
      accounts: [{ id: '123456789012' }, { id: '210987654321' }],
    },
    scope,
    clients: {
      get: (_: unknown, { region }: { region: string }) => {
        regions.push(region);
        return fakeS3({ 'nycmg-audio': [] });
      },
    } as unknown as AwsClients,
  });
  const { outcomes } = await collect(context);
  const { byType, unchecked } = context.coverage.summary();
  expect(unchecked).toEqual([]);
  expect(byType['integrity-rule']?.checked).toBe(byType['integrity-rule']?.expected);
  return { rules: [...new Set(outcomes.map(({ rule: { id } }) => id))], regions };
}

it('compares objects where they are, and leaves out those that a narrowed run does not reach', async () => {
  expect(await collected({})).toEqual({
    rules: ['east', 'west', 'theirs'],
    regions: ['us-east-1', 'us-west-2', 'us-east-1'],
  });
  expect(await collected({ regions: ['us-west-2'] })).toEqual({ rules: ['west'], regions: ['us-west-2'] });
  expect((await collected({ accounts: ['123456789012'] })).rules).toEqual(['east', 'west']);
});
