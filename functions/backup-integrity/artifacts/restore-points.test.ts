import { expect, it } from 'vitest';
import { artifact, artifactSet, inspection, now } from './artifact-fixtures.ts';
import { artifactRestorePoints } from './restore-points.ts';

it('takes every artifact that is not known to be no good for a point to restore to', () => {
  const set = artifactSet([artifact(3, { inspection: inspection() }), artifact(27)]);
  expect(artifactRestorePoints(set)).toEqual([
    {
      method: 'artifact',
      id: 's3://nycmg-backups/dumps/3.dump',
      state: 'good',
      status: 'read',
      restorableTo: new Date(now.getTime() - 3 * 3_600_000),
      createdAt: new Date(now.getTime() - 3 * 3_600_000),
      deleteAt: undefined,
      account: '123456789012',
      region: 'us-east-1',
      isEncrypted: undefined,
      kmsKeyArn: undefined,
      sizeBytes: 1_000_000,
      isImmutable: undefined,
    },
    expect.objectContaining({ id: 's3://nycmg-backups/dumps/27.dump', state: 'good', status: 'not read' }),
  ]);
});

it.each([
  ['empty', artifact(3, { sizeBytes: 0 })],
  ['too small', artifact(3, { sizeBytes: 99 })],
  ['unreadable', artifact(3, { inspection: inspection({ fault: 'is cut off' }) })],
  ['altered', artifact(3, { inspection: inspection({ companion: 'differs' }) })],
  ['altered', artifact(3, { inspection: inspection({ altered: { algorithm: 'MD5', expected: 'a', actual: 'b' } }) })],
])('takes one that is %s for bad', (status, bad) => {
  expect(artifactRestorePoints(artifactSet([bad], { minimumBytes: 100 }))).toMatchObject([{ state: 'bad', status }]);
});

it('does not hold a missing companion against it, nor that it is archived', () => {
  const set = artifactSet([
    artifact(3, { inspection: inspection({ companion: 'missing' }) }),
    artifact(4, { inspection: inspection({ companion: 'unchecked', container: 'not read' }) }),
    artifact(5, { sizeBytes: 100 }),
  ]);
  expect(artifactRestorePoints({ ...set, minimumBytes: 100 }).map(({ state }) => state)).toEqual([
    'good',
    'good',
    'good',
  ]);
});

it.each([
  ['long before it was uploaded', 40, 40 - 12],
  ['just before', 3.5, 3],
  ['in a time zone ahead of UTC, by its own clock', -8, 3],
])('restores no later than what it says itself: made %s', (_, madeHoursAgo, restorableHoursAgo) => {
  const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);
  const set = artifactSet([artifact(3, { inspection: inspection({ madeAt: hoursAgo(madeHoursAgo) }) })]);
  expect(artifactRestorePoints(set)).toMatchObject([
    { createdAt: hoursAgo(3), restorableTo: hoursAgo(restorableHoursAgo) },
  ]);
});

it('has none for a set of nothing', () => {
  expect(artifactRestorePoints(artifactSet([]))).toEqual([]);
});
