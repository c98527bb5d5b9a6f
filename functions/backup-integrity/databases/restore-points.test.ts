import { describe, expect, test } from 'vitest';
import {
  arnOf,
  database,
  daysAgo,
  hoursAgo,
  minutesAgo,
  replicatedBackup,
  snapshot,
  snapshotResource,
} from './database-fixtures.ts';
import { databaseRestorePoints, snapshotRestorePoints } from './restore-points.ts';

describe('snapshotRestorePoints', () => {
  test('finds the newest good one wherever it is in the listing', () => {
    const points = snapshotRestorePoints([
      snapshot('rights', daysAgo(3)),
      snapshot('rights', daysAgo(1)),
      snapshot('rights', hoursAgo(2), { status: 'failed' }),
      snapshot('rights', daysAgo(2)),
    ]);
    expect(points.map(({ restorableTo }) => restorableTo)).toEqual([hoursAgo(2), daysAgo(1), daysAgo(2), daysAgo(3)]);
    expect(points.find(({ state }) => state === 'good')?.restorableTo).toEqual(daysAgo(1));
  });

  test('one that is still being made, and has no time yet, is no point and hides none', () => {
    const points = snapshotRestorePoints([
      snapshot('rights', undefined, { status: 'creating' }),
      snapshot('rights', daysAgo(1)),
    ]);
    expect(points.map(({ status }) => status)).toEqual(['available']);
  });

  test('one that is being deleted is neither good nor bad', () => {
    expect(snapshotRestorePoints([snapshot('rights', daysAgo(1), { status: 'deleting' })])).toEqual([]);
  });

  test.each([
    ['available', 'good'],
    ['copying', 'unfinished'],
    ['creating', 'unfinished'],
    ['pending', 'unfinished'],
    ['failed', 'bad'],
    ['incompatible-restore', 'bad'],
    ['incompatible-parameters', 'bad'],
    ['from-the-future', 'unknown'],
  ])('%s is %s', (status, state) => {
    expect(snapshotRestorePoints([snapshot('rights', daysAgo(1), { status })])[0]?.state).toBe(state);
  });

  test('a copy restores to when its original was made', () => {
    const [point] = snapshotRestorePoints([snapshot('rights', hoursAgo(1), { originalCreatedAt: daysAgo(2) })]);
    expect(point).toMatchObject({ restorableTo: daysAgo(2), createdAt: hoursAgo(1) });
  });

  test('automated ones go after the retention, manual ones never by themselves', () => {
    const automated = snapshot('rights', daysAgo(1), { type: 'automated' });
    expect(snapshotRestorePoints([automated], 14)[0]?.deleteAt).toEqual(daysAgo(-13));
    expect(snapshotRestorePoints([automated])[0]?.deleteAt).toBeUndefined();
    expect(snapshotRestorePoints([snapshot('rights', daysAgo(1))], 14)[0]?.deleteAt).toBeUndefined();
  });

  test('none can be kept from being deleted', () => {
    expect(snapshotRestorePoints([snapshot('rights', daysAgo(1))])[0]?.isImmutable).toBe(false);
  });
});

describe('databaseRestorePoints', () => {
  test('has the continuous backup, its copies and the snapshots, the newest first', () => {
    const rights = database('rights', { replicatedBackups: [replicatedBackup()], kmsKeyArn: 'arn:key' });
    const points = databaseRestorePoints(rights, [
      snapshot('rights', minutesAgo(10)),
      snapshot('tracks', minutesAgo(1)),
    ]);
    expect(points.map(({ method, region }) => [method, region])).toEqual([
      ['point-in-time', 'us-east-1'],
      ['snapshot', 'us-east-1'],
      ['point-in-time-copy', 'us-west-2'],
    ]);
    expect(points[0]).toMatchObject({
      id: rights.resource.id,
      state: 'good',
      createdAt: undefined,
      deleteAt: new Date(minutesAgo(5).getTime() + 14 * 86_400_000),
      kmsKeyArn: 'arn:key',
    });
  });

  test('there is no continuous backup while it is off, or has not begun', () => {
    expect(databaseRestorePoints(database('rights', { backupRetentionDays: 0 }), [])).toEqual([]);
    expect(databaseRestorePoints(database('rights', { latestRestorableTime: undefined }), [])).toEqual([]);
  });

  test('a database whose key RDS cannot get at cannot be restored either', () => {
    const sealed = database('rights', { status: 'inaccessible-encryption-credentials-recoverable' });
    expect(databaseRestorePoints(sealed, [])[0]?.state).toBe('bad');
    expect(databaseRestorePoints(database('rights', { status: 'failed' }), [])[0]?.state).toBe('good');
  });

  test('a copy counts from when there is something in it', () => {
    const pending = replicatedBackup({ status: 'pending' });
    const empty = replicatedBackup({ latestRestorableTime: undefined });
    const points = databaseRestorePoints(
      database('rights', { latestRestorableTime: undefined, replicatedBackups: [pending, empty] }),
      [],
    );
    expect(points.map(({ state }) => state)).toEqual(['unfinished']);
  });

  test('snapshots of a predecessor with the same name are not its own', () => {
    const remade = database('rights', {
      immutableId: 'db-NEW',
      createdAt: daysAgo(3),
      latestRestorableTime: undefined,
    });
    const snapshots = [
      snapshot('rights', daysAgo(4), { databaseImmutableId: 'db-OLD' }),
      snapshot('rights', daysAgo(1), { databaseImmutableId: 'db-OLD' }),
      snapshot('rights', daysAgo(3), { databaseImmutableId: undefined }),
    ];
    expect(databaseRestorePoints(remade, snapshots)).toEqual([]);
  });

  test('a snapshot without an id is its own when it was made after it, with its name, where it is', () => {
    const remade = database('rights', { createdAt: daysAgo(3), latestRestorableTime: undefined });
    const bare = { databaseImmutableId: undefined };
    const own = snapshot('rights', daysAgo(2), bare);
    const ofCluster = snapshot('rights', daysAgo(2), {
      ...bare,
      resource: snapshotResource('of-cluster', { kind: 'cluster-snapshot' }),
    });
    const elsewhere = snapshot('rights', daysAgo(2), {
      ...bare,
      resource: snapshotResource('elsewhere', { region: 'us-west-2' }),
    });
    const points = databaseRestorePoints(remade, [own, ofCluster, elsewhere]);
    expect(points.map(({ id }) => id)).toEqual([own.resource.id]);
    const ofUnknownAge = database('rights', { createdAt: undefined, latestRestorableTime: undefined });
    expect(databaseRestorePoints(ofUnknownAge, [own])).toEqual([]);
  });

  test('a renamed database keeps its snapshots, and one in another region is its own by its id', () => {
    const renamed = database('catalog', { immutableId: 'db-RIGHTS', latestRestorableTime: undefined });
    const west = snapshot('rights', daysAgo(1), {
      databaseImmutableId: 'db-rights',
      resource: snapshotResource('west', { region: 'us-west-2' }),
    });
    expect(databaseRestorePoints(renamed, [west])).toMatchObject([{ id: arnOf('snapshot', 'west', 'us-west-2') }]);
  });
});
