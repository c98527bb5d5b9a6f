import type { KeyMetadata } from '@aws-sdk/client-kms';
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../../sandbox/control-plane/control-plane.ts';
import type { Fault } from '../../../sandbox/control-plane/faults.ts';
import type { KeyDocument } from '../../../sandbox/control-plane/services/kms.ts';
import { type AccessibleAccount, enterAccounts } from '../../../shared/aws/accounts.ts';
import { AwsClients } from '../../../shared/aws/clients.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import type { Estate } from '../../../shared/estate.ts';
import { contextFor } from '../context-fixtures.ts';
import { collectKeys } from './collect-keys.ts';

const home = '123456789012';
const other = '210987654321';
const foreign = '999988887777';
const roleArn = `arn:aws:iam::${other}:role/caretaker`;
const accounts: Estate['accounts'] = [{ id: home }, { id: other, roleArn }];

let environment: NodeJS.ProcessEnv;
let plane: ControlPlane | undefined;

beforeEach(() => {
  environment = { ...process.env };
});

afterEach(async () => {
  process.env = environment;
  await plane?.stop();
  plane = undefined;
});

const keyArn = (id: string, account = home, region = 'us-east-1') => `arn:aws:kms:${region}:${account}:key/${id}`;

function key(id: string, details: Partial<KeyMetadata> = {}, account = home): KeyDocument {
  return {
    metadata: { KeyId: id, Arn: keyArn(id, account), KeyState: 'Enabled', KeyManager: 'CUSTOMER', ...details },
    aliases: [`alias/${id}`],
  };
}

async function collectFrom(keys: Readonly<Record<string, readonly KeyDocument[]>>, arns: string[], ...faults: Fault[]) {
  plane = await startControlPlane({
    estate: {
      homeAccount: home,
      accounts: {
        [home]: {
          regions: {
            'us-east-1': { kms: { keys: keys[home] ?? [] } },
            'us-west-2': { kms: { keys: keys.west ?? [] } },
          },
        },
        [other]: { sts: { roles: [{ arn: roleArn }] }, regions: { 'us-east-1': { kms: { keys: keys[other] ?? [] } } } },
        [foreign]: { regions: { 'us-east-1': { kms: { keys: keys[foreign] ?? [] } } } },
      },
    },
  });
  for (const fault of faults) plane.inject(fault);
  Object.assign(process.env, plane.environment);
  const clients = new AwsClients();
  const estate: Estate = { name: 'nycmg', timeZone: 'UTC', regions: ['us-east-1'], accounts };
  const entered = await enterAccounts(estate, clients, new CoverageLedger({ classify: uncheckedReason }));
  return collect(arns, entered, clients, estate);
}

async function collect(arns: string[], entered: AccessibleAccount[], clients: AwsClients, estate: Estate) {
  const coverage = new CoverageLedger({ classify: uncheckedReason });
  const keys = await collectKeys(
    new Set(arns),
    entered,
    contextFor({ estate, now: new Date('2026-11-22T03:00:00Z'), clients, coverage }),
  );
  clients.destroy();
  const { unchecked, byType } = coverage.summary();
  return {
    keys,
    byType,
    unchecked: unchecked.map(({ resource, reason }) => `${resource.type} ${resource.id} ${reason}`),
  };
}

describe('collectKeys', () => {
  test.each([
    [{ KeyState: 'Enabled' }, 'usable', 'Enabled'],
    [{ KeyState: 'Updating' }, 'usable', 'Updating'],
    [{ KeyState: 'Disabled' }, 'blocked', 'Disabled'],
    [{ KeyState: 'Creating' }, 'blocked', 'Creating'],
    [{ KeyState: 'PendingImport' }, 'blocked', 'PendingImport'],
    [{ KeyState: 'Unavailable' }, 'blocked', 'Unavailable'],
    [{ KeyState: 'PendingDeletion' }, 'blocked', 'PendingDeletion'],
    [
      { KeyState: 'PendingDeletion', DeletionDate: new Date('2026-12-01T12:00:00Z') },
      'blocked',
      'PendingDeletion, deleted on 2026-12-01',
    ],
    [
      { KeyState: 'PendingReplicaDeletion', PendingDeletionWindowInDays: 7, MultiRegion: true },
      'blocked',
      'PendingReplicaDeletion, deleted 7 days after the last of its replicas',
    ],
  ] as const)('%o is %s: “%s”', async (metadata, state, detail) => {
    const { keys, unchecked } = await collectFrom({ [home]: [key('k1', metadata)] }, [keyArn('k1')]);
    expect(keys.get(keyArn('k1'))).toEqual({ arn: keyArn('k1'), state, detail, managedBy: 'customer' });
    expect(unchecked).toEqual([]);
  });

  test('a key that AWS manages is told from the customer’s own', async () => {
    const { keys } = await collectFrom({ [home]: [key('k1', { KeyManager: 'AWS' })] }, [keyArn('k1')]);
    expect(keys.get(keyArn('k1'))?.managedBy).toBe('aws');
  });

  test('a key that no longer exists is blocked, and was looked at', async () => {
    const { keys, unchecked, byType } = await collectFrom({}, [keyArn('gone')]);
    expect(keys.get(keyArn('gone'))).toMatchObject({ state: 'blocked' });
    expect(keys.get(keyArn('gone'))?.detail).toContain('no longer exists');
    expect(unchecked).toEqual([]);
    expect(byType['kms-key']).toEqual({ expected: 1, checked: 1 });
  });

  test('an alias stands for its key; one that is gone says nothing of the key', async () => {
    const alias = (name: string) => `arn:aws:kms:us-east-1:${home}:alias/${name}`;
    const { keys, unchecked } = await collectFrom({ [home]: [key('k1', { KeyState: 'Disabled' })] }, [
      alias('k1'),
      alias('gone'),
    ]);
    expect(keys.get(alias('k1'))).toMatchObject({ arn: alias('k1'), state: 'blocked' });
    expect(keys.size).toBe(1);
    expect(unchecked).toEqual([`kms-key ${alias('gone')} alias-not-found`]);
  });

  test('each replica of a multi-Region key is asked for in its own region, in the estate’s or not', async () => {
    const inWest = keyArn('mrk-1', home, 'us-west-2');
    const { keys } = await collectFrom(
      { [home]: [key('mrk-1')], west: [key('mrk-1', { Arn: inWest, KeyState: 'Disabled' })] },
      [keyArn('mrk-1'), inWest],
    );
    expect(keys.get(keyArn('mrk-1'))?.state).toBe('usable');
    expect(keys.get(inWest)?.state).toBe('blocked');
  });

  test('a key is asked for by the account that owns it, and one of a stranger by the home account', async () => {
    const arns = [keyArn('mine'), keyArn('theirs', other), keyArn('strange', foreign)];
    const { keys, unchecked } = await collectFrom(
      {
        [home]: [key('mine')],
        [other]: [key('theirs', {}, other)],
        [foreign]: [key('strange', {}, foreign)],
      },
      arns,
    );
    expect([...keys.keys()].sort()).toEqual(arns.toSorted());
    expect(unchecked).toEqual([]);
    const askers = plane?.requests
      .filter(({ operation }) => operation === 'DescribeKey')
      .map((request) => request.account);
    expect(askers?.sort()).toEqual([home, home, other]);
  });

  test('a key that may not be looked at is unchecked, and the others are looked at', async () => {
    const { keys, unchecked } = await collectFrom({ [home]: [key('k1'), key('k2')] }, [keyArn('k1'), keyArn('k2')], {
      service: 'kms',
      resourceId: keyArn('k1'),
      fault: 'access-denied',
    });
    expect([...keys.keys()]).toEqual([keyArn('k2')]);
    expect(unchecked).toEqual([`kms-key ${keyArn('k1')} access-denied`]);
  });

  test.each(['not-an-arn', 'arn:aws:s3:::bucket', 'arn:aws:kms:us-east-1:123456789012:key/', keyArn('../k1')])(
    '%s is unchecked',
    async (arn) => {
      const { keys, unchecked } = await collectFrom({}, [arn]);
      expect(keys.size).toBe(0);
      expect(unchecked).toEqual([`kms-key ${arn} unreadable`]);
    },
  );

  test('a state that nobody has heard of, or none, is unchecked', async () => {
    const mock = mockClient(KMSClient);
    mock.on(DescribeKeyCommand).resolves({ KeyMetadata: { KeyId: 'k2' } });
    mock
      .on(DescribeKeyCommand, { KeyId: keyArn('k1') })
      .resolves({ KeyMetadata: { KeyId: 'k1', KeyState: 'Rusting' as KeyMetadata['KeyState'] } });
    const estate: Estate = { name: 'nycmg', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] };
    const entered = [{ id: home, in: (region: string) => ({ region }) }];
    const { keys, unchecked } = await collect([keyArn('k1'), keyArn('k2')], entered, new AwsClients(), estate);
    mock.restore();
    expect(keys.size).toBe(0);
    expect(unchecked).toEqual([`kms-key ${keyArn('k1')} unknown-status`, `kms-key ${keyArn('k2')} aws-error`]);
  });

  test('where no account could be entered, every key is unchecked', async () => {
    const estate: Estate = { name: 'nycmg', timeZone: 'UTC', regions: ['us-east-1'], accounts };
    const { keys, unchecked } = await collect([keyArn('k1')], [], new AwsClients(), estate);
    expect(keys.size).toBe(0);
    expect(unchecked).toEqual([`kms-key ${keyArn('k1')} not-reached`]);
  });
});
