import { expect, test } from 'vitest';
import type { EstateDocument, RegionDocument } from './estate-document.ts';
import { mergeEstates } from './merge-estates.ts';

const home = '123456789012';

const inRegion = (region: string, document: RegionDocument): EstateDocument => ({
  homeAccount: home,
  accounts: { [home]: { regions: { [region]: document } } },
});

const withBuckets = (...names: readonly string[]): EstateDocument => ({
  homeAccount: home,
  accounts: {
    [home]: {
      s3: {
        buckets: Object.fromEntries(
          names.map((name) => [name, { region: 'us-east-1', creationDate: new Date(0), objects: [] }]),
        ),
      },
      regions: {},
    },
  },
});

test('puts services of a region beside each other and their lists one behind the other', () => {
  const merged = mergeEstates(
    inRegion('us-east-1', { rds: { instances: [{ DBInstanceIdentifier: 'a' }], certificates: [] } }),
    inRegion('us-east-1', { rds: { instances: [{ DBInstanceIdentifier: 'b' }], clusters: [] } }),
    inRegion('us-east-1', { backup: { regionSettings: { ResourceTypeOptInPreference: { RDS: true } } } }),
    inRegion('us-west-2', { rds: { instances: [{ DBInstanceIdentifier: 'c' }] } }),
  );
  expect(merged).toEqual({
    homeAccount: home,
    accounts: {
      [home]: {
        regions: {
          'us-east-1': {
            rds: {
              instances: [{ DBInstanceIdentifier: 'a' }, { DBInstanceIdentifier: 'b' }],
              certificates: [],
              clusters: [],
            },
            backup: { regionSettings: { ResourceTypeOptInPreference: { RDS: true } } },
          },
          'us-west-2': { rds: { instances: [{ DBInstanceIdentifier: 'c' }] } },
        },
      },
    },
  });
});

test('keeps accounts apart and unites their buckets', () => {
  const other: EstateDocument = { homeAccount: home, accounts: { '210987654321': { regions: {} } } };
  const { accounts } = mergeEstates(withBuckets('masters'), other, withBuckets('dumps', 'listens'));
  expect(Object.keys(accounts)).toEqual([home, '210987654321']);
  expect(Object.keys(accounts[home]?.s3?.buckets ?? {})).toEqual(['masters', 'dumps', 'listens']);
});

test('changes none of the estates', () => {
  const first = inRegion('us-east-1', { acm: { certificates: [] } });
  const before = structuredClone(first);
  mergeEstates(first, inRegion('us-east-1', { acm: { certificates: [{ CertificateArn: 'arn' }] } }));
  expect(first).toEqual(before);
});

test('refuses two home accounts, and one bucket twice', () => {
  const elsewhere: EstateDocument = { homeAccount: '210987654321', accounts: {} };
  expect(() => mergeEstates(withBuckets(), elsewhere)).toThrow('Two estates differ in homeAccount.');
  expect(() => mergeEstates(withBuckets('masters'), withBuckets('masters'))).toThrow(
    `Two estates differ in accounts.${home}.s3.buckets.masters.`,
  );
});
