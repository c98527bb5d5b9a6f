import { expect, it } from 'vitest';
import type { Verification } from './facts.ts';
import { verificationTable } from './verification-table.ts';

const now = new Date('2026-11-22T03:00:00Z');

const verification: Verification = {
  resource: { type: 's3-verification', id: 's3://nycmg-masters/', name: 'masters' },
  configId: 'masters',
  objects: 10,
  bytes: 1_000,
  verifiedObjects: 3,
  verifiedBytes: 300,
  archivedObjects: 0,
  oldestUnverifiedSince: new Date('2026-10-13T15:00:00Z'),
  oldestUnverifiedKey: 'brooklyn/1.wav',
  altered: [],
  alteredCount: 1,
  unreadable: [],
  unreadableCount: 0,
};

it('tells in whole days how long the object that has waited longest has not been read', () => {
  const { rows, columns } = verificationTable([verification], now);
  expect(rows[0]).toMatchObject({ name: 'masters', verifiedObjects: 3, alteredObjects: 1, oldestUnverifiedDays: 39 });
  for (const { key } of columns) expect(rows[0]).toHaveProperty(key);
});

it('has no age where nothing waits', () => {
  const nothing = { ...verification, objects: 0, oldestUnverifiedSince: undefined };
  expect(verificationTable([nothing], now).rows[0]?.oldestUnverifiedDays).toBeNull();
});
