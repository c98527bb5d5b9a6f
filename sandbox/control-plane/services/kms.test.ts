import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { expect, test } from 'vitest';
import { testPlane } from '../test-plane.ts';

const home = '123456789012';
const other = '210987654321';
const id = '1234abcd-12ab-34cd-56ef-1234567890ab';
const arnOf = (account: string, name: string) => `arn:aws:kms:us-east-1:${account}:${name}`;
const metadata = {
  KeyId: id,
  Arn: arnOf(home, `key/${id}`),
  KeyState: 'PendingDeletion',
  DeletionDate: new Date('2026-11-20T00:00:00Z'),
  Enabled: false,
} as const;

const tested = testPlane({
  homeAccount: home,
  accounts: {
    [home]: { regions: { 'us-east-1': { kms: { keys: [{ metadata, aliases: ['alias/nycmg/rds'] }] } } } },
    [other]: { regions: { 'us-east-1': { kms: { keys: [{ metadata: { KeyId: 'theirs' } }] } } } },
  },
});

const describe = (KeyId: string, configuration = {}) =>
  tested.client(KMSClient, configuration).send(new DescribeKeyCommand({ KeyId }));

test.each([
  ['id', id],
  ['ARN', metadata.Arn],
  ['alias', 'alias/nycmg/rds'],
  ['ARN of an alias', arnOf(home, 'alias/nycmg/rds')],
])('describes a key by its %s', async (_, name) => {
  const { KeyMetadata } = await describe(name);
  expect(KeyMetadata).toEqual(metadata);
});

test("describes another account's key by its ARN", async () => {
  const { KeyMetadata } = await describe(arnOf(other, 'key/theirs'));
  expect(KeyMetadata).toEqual({ KeyId: 'theirs' });
});

test.each([
  ['a key that is not there', 'theirs', 'us-east-1'],
  ['an alias that is not there', 'alias/none', 'us-east-1'],
  ['a key of another region', metadata.Arn, 'us-west-2'],
])('answers NotFoundException for %s', async (_, name, region) => {
  await expect(describe(name, { region })).rejects.toMatchObject({ name: 'NotFoundException', $fault: 'client' });
});

test('strikes the requests about one key', async () => {
  tested.plane.inject({ service: 'kms', resourceId: metadata.Arn, fault: 'throttled' });
  await expect(describe(id)).rejects.toMatchObject({ name: 'ThrottlingException' });
  await expect(describe(arnOf(other, 'key/theirs'))).resolves.toBeDefined();
});
