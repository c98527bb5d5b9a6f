import { expect, it } from 'vitest';
import { daysAgo, now } from './facts-fixtures.ts';
import { leakedRestore } from './leaked-restore.ts';

const name = 'awsbackup-restore-test-0123456789abcdef';

it('a restore test’s leftover is one once the longest test must be over', () => {
  expect(leakedRestore(name, daysAgo(8), now)).toBeUndefined();
  expect(leakedRestore(name, new Date(daysAgo(8).getTime() - 1), now)?.ageDays).toBeCloseTo(8);
  expect(leakedRestore(name, daysAgo(0.1), now)).toBeUndefined();
});

it('what no restore test made is no leftover', () => {
  expect(leakedRestore('nycmg-awsbackup-restore-test-1', daysAgo(99), now)).toBeUndefined();
  expect(leakedRestore('nycmg-tracks', undefined, now)).toBeUndefined();
});

it('one of unknown age is neither', () => {
  expect(() => leakedRestore(name, undefined, now)).toThrow(/date-unreadable/);
});
