import { describe, expect, it } from 'vitest';
import type { BackupJob, Vault } from './facts.ts';
import {
  arnOfVault,
  daysAgo,
  facts,
  hoursAgo,
  job,
  now,
  point,
  restoreJob,
  table,
  vault,
  vaultArn,
} from './facts-fixtures.ts';
import { recoveryPointsAsRestorePoints, restoreProofs } from './restore-points.ts';

const away = arnOfVault('bunker', 'us-west-2', '210987654321');

function copyJob(overrides: Partial<BackupJob> = {}, id = 'copy'): BackupJob {
  return job(
    {
      kind: 'copy',
      vaultArn: away,
      recoveryPointArn: point().resource.id,
      destination: { account: '210987654321', region: 'us-west-2', recoveryPointArn: `arn:copied:${id}` },
      ...overrides,
    },
    id,
  );
}

describe('a recovery point', () => {
  it.each([
    ['COMPLETED', 'good'],
    ['AVAILABLE', 'good'],
    ['CREATING', 'unfinished'],
    ['PARTIAL', 'bad'],
    ['EXPIRED', 'bad'],
    ['STOPPED', 'bad'],
    ['DELETING', 'bad'],
    ['SOMETHING_NEW', 'unknown'],
  ])('that is %s is %s', (status, state) => {
    const given = facts({ vaults: [vault()], recoveryPoints: [point({ status })] });
    expect(recoveryPointsAsRestorePoints(given, table, now)).toMatchObject([{ status, state }]);
  });

  it('restores its own resource only, to when it was created', () => {
    const given = facts({ vaults: [vault()], recoveryPoints: [point(), point({ protectedArn: 'arn:other' }, 'two')] });
    expect(recoveryPointsAsRestorePoints(given, table, now)).toEqual([
      {
        method: 'recovery-point',
        id: point().resource.id,
        state: 'good',
        status: 'COMPLETED',
        restorableTo: hoursAgo(6),
        createdAt: hoursAgo(6),
        deleteAt: daysAgo(-35),
        account: '123456789012',
        region: 'us-east-1',
        isEncrypted: true,
        kmsKeyArn: undefined,
        sizeBytes: 1000,
        isImmutable: true,
      },
    ]);
    expect(recoveryPointsAsRestorePoints(given, 'arn:nothing', now)).toEqual([]);
  });

  it('comes before those that restore to an earlier time', () => {
    const recoveryPoints = [
      point({ createdAt: daysAgo(3) }, 'old'),
      point({ createdAt: hoursAgo(1) }, 'new'),
      point({ createdAt: daysAgo(1) }, 'between'),
    ];
    const ids = recoveryPointsAsRestorePoints(facts({ recoveryPoints }), table, now).map(({ id }) =>
      id.split(':').at(-1),
    );
    expect(ids).toEqual(['new', 'between', 'old']);
  });

  it('without any date is left out', () => {
    const recoveryPoints = [point({ createdAt: undefined, completedAt: undefined })];
    expect(recoveryPointsAsRestorePoints(facts({ recoveryPoints }), table, now)).toEqual([]);
  });
});

describe('nobody can delete a recovery point', () => {
  it.each<[string, Partial<Vault>, boolean]>([
    ['the very moment that its vault is locked for good', { lockDate: now }, true],
    ['a moment before', { lockDate: new Date(now.getTime() + 1) }, false],
    ['in a vault in governance mode', { lockDate: undefined }, false],
    ['in a vault without a lock', { isLocked: false, lockDate: undefined }, false],
    ['in an air-gapped vault', { type: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT', lockDate: undefined }, true],
  ])('%s: %s', (_, overrides, isImmutable) => {
    const given = facts({ vaults: [vault(overrides)], recoveryPoints: [point()] });
    expect(recoveryPointsAsRestorePoints(given, table, now)[0]?.isImmutable).toBe(isImmutable);
  });

  it('in a vault that was not seen: nobody knows', () => {
    const given = facts({ recoveryPoints: [point()] });
    expect(recoveryPointsAsRestorePoints(given, table, now)[0]?.isImmutable).toBeUndefined();
  });
});

describe('a continuous backup', () => {
  const continuous = point({
    isContinuous: true,
    status: 'AVAILABLE',
    createdAt: daysAgo(90),
    completedAt: undefined,
    deleteAt: undefined,
  });

  it('reaches at least to the last job that updated it, and has no moment at which it was made', () => {
    const jobs = [
      job({ recoveryPointArn: continuous.resource.id, completedAt: daysAgo(2) }, 'earlier'),
      job({ recoveryPointArn: continuous.resource.id, completedAt: hoursAgo(9) }, 'later'),
      job({ recoveryPointArn: continuous.resource.id, state: 'FAILED', completedAt: hoursAgo(1) }, 'failed'),
      job({ recoveryPointArn: 'arn:other', completedAt: hoursAgo(2) }, 'other'),
    ];
    const given = facts({ recoveryPoints: [continuous], jobs });
    expect(recoveryPointsAsRestorePoints(given, table, now)).toMatchObject([
      { restorableTo: hoursAgo(9), createdAt: undefined, deleteAt: undefined },
    ]);
  });

  it('goes on for as many days as it reaches back', () => {
    const given = facts({ recoveryPoints: [{ ...continuous, completedAt: hoursAgo(1), continuousDays: 35 }] });
    const [point] = recoveryPointsAsRestorePoints(given, table, now);
    expect(point?.deleteAt).toEqual(new Date(hoursAgo(1).getTime() + 35 * 86_400_000));
  });

  it('without such a job reaches to its beginning, which is all that is proven', () => {
    const given = facts({ recoveryPoints: [continuous] });
    expect(recoveryPointsAsRestorePoints(given, table, now)).toMatchObject([{ restorableTo: daysAgo(90) }]);
  });
});

describe('a copy', () => {
  it('outside the estate is known by its job, as old as what was copied, and nobody knows who can delete it', () => {
    const recoveryPoints = [point({ createdAt: hoursAgo(20) })];
    const given = facts({ vaults: [vault()], recoveryPoints, jobs: [copyJob({ createdAt: hoursAgo(2) })] });
    expect(recoveryPointsAsRestorePoints(given, table, now)[1]).toEqual({
      method: 'recovery-point',
      id: 'arn:copied:copy',
      state: 'good',
      status: 'COMPLETED, by its copy job',
      restorableTo: hoursAgo(20),
      createdAt: hoursAgo(20),
      deleteAt: undefined,
      account: '210987654321',
      region: 'us-west-2',
      isEncrypted: undefined,
      kmsKeyArn: undefined,
      sizeBytes: undefined,
      isImmutable: undefined,
    });
  });

  it('of what is gone is as old as its backup job, or else as its own', () => {
    const backup = job({ recoveryPointArn: point().resource.id, createdAt: hoursAgo(8) });
    const restorableTo = (jobs: BackupJob[]) =>
      recoveryPointsAsRestorePoints(facts({ jobs }), table, now)[0]?.restorableTo;
    expect(restorableTo([backup, copyJob({ createdAt: hoursAgo(2) })])).toEqual(hoursAgo(8));
    expect(restorableTo([copyJob({ createdAt: hoursAgo(2) })])).toEqual(hoursAgo(2));
  });

  it('of a continuous backup is as old as its own job', () => {
    const arn = 'arn:aws:backup:us-east-1:123456789012:recovery-point:continuous:tracks-1';
    const source = {
      ...point({ isContinuous: true, createdAt: daysAgo(90) }),
      resource: { ...point().resource, id: arn },
    };
    const copy = copyJob({ recoveryPointArn: arn, createdAt: hoursAgo(2) });
    const copied = recoveryPointsAsRestorePoints(facts({ recoveryPoints: [source], jobs: [copy] }), table, now)[0];
    expect(copied).toMatchObject({ id: 'arn:copied:copy', restorableTo: hoursAgo(2) });
  });

  it('says who can delete it when its job knows', () => {
    const destination = { account: '210987654321', region: 'us-west-2', recoveryPointArn: 'arn:copied' };
    for (const isImmutable of [true, false]) {
      const jobs = [copyJob({ destination: { ...destination, isImmutable } })];
      expect(recoveryPointsAsRestorePoints(facts({ jobs }), table, now)[0]?.isImmutable).toBe(isImmutable);
    }
  });

  it('in a vault of the estate counts only when it is there', () => {
    const destination = { account: '123456789012', region: 'us-east-1', recoveryPointArn: point().resource.id };
    const jobs = [copyJob({ vaultArn, destination })];
    expect(recoveryPointsAsRestorePoints(facts({ vaults: [vault()], jobs }), table, now)).toEqual([]);
    const found = facts({ vaults: [vault()], jobs, recoveryPoints: [point()] });
    expect(recoveryPointsAsRestorePoints(found, table, now)).toHaveLength(1);
  });

  it('in a vault of the estate that is gone with all that was in it does not count', () => {
    const destination = { account: '123456789012', region: 'us-east-1', recoveryPointArn: 'arn:copied' };
    const jobs = [copyJob({ vaultArn: arnOfVault('gone'), destination })];
    expect(recoveryPointsAsRestorePoints(facts({ jobs }), table, now)).toEqual([]);
  });

  it('that has run out by now, or never came about, does not count', () => {
    const count = (overrides: Partial<BackupJob>) =>
      recoveryPointsAsRestorePoints(facts({ jobs: [copyJob(overrides)] }), table, now).length;
    expect(count({ deleteAt: now })).toBe(0);
    expect(count({ deleteAt: new Date(now.getTime() + 1) })).toBe(1);
    expect(count({ state: 'RUNNING' })).toBe(0);
    expect(count({ state: 'FAILED' })).toBe(0);
    expect(count({ destination: undefined })).toBe(0);
  });

  it('that two jobs tell of counts once', () => {
    const destination = { account: '210987654321', region: 'us-west-2', recoveryPointArn: 'arn:copied' };
    const jobs = [copyJob({ destination }, 'a'), copyJob({ destination }, 'b')];
    expect(recoveryPointsAsRestorePoints(facts({ jobs }), table, now)).toHaveLength(1);
  });
});

describe('the proofs of a resource', () => {
  it('are its restores, the newest first, whoever asked for them', () => {
    const restoreJobs = [
      restoreJob({ startedAt: daysAgo(9) }, 'old'),
      restoreJob({ startedAt: daysAgo(1), testingPlanArn: undefined }, 'new'),
      restoreJob({ startedAt: daysAgo(2), protectedArn: 'arn:other' }, 'other'),
      restoreJob({ startedAt: daysAgo(3), protectedArn: undefined }, 'nobody’s'),
    ];
    expect(restoreProofs(facts({ restoreJobs }), table).map(({ id }) => id)).toEqual(['new', 'old']);
    expect(restoreProofs(facts({ restoreJobs }), 'arn:nothing')).toEqual([]);
  });
});
