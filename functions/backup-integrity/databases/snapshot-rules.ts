import type { RuleTest } from '../../../shared/evaluate-rules.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { minutesText } from '../protection/duration-text.ts';
import type { DatabaseRuleContext } from './database-rules.ts';
import type { Snapshot } from './facts.ts';
import { timeInName } from './snapshot-name.ts';
import { snapshotState } from './snapshot-state.ts';

type SnapshotRuleId = 'snapshot-public' | 'snapshot-shared' | 'snapshot-failed' | 'snapshot-stuck' | 'not-encrypted';

type SnapshotRule = RuleTest<Snapshot, DatabaseRuleContext, SnapshotRuleId>;

const minuteMs = 60_000;

/** How many accounts a finding names. */
const namedAccounts = 20;

/**
 * Policy: nobody but those that are trusted can restore a snapshot. `all` lets in every account of AWS:
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html
 */
const snapshotPublic: SnapshotRule = (snapshot) => {
  if (!sharing(snapshot).includes('all')) return [];
  return [
    {
      rule: 'snapshot-public',
      severity: 'critical',
      resource: snapshot.resource,
      summary: `Anybody with an AWS account can restore this snapshot of ${snapshot.databaseName}.`,
      evidence: { database: snapshot.databaseName, status: snapshot.status },
      remedy: 'Take `all` out of its restore attribute now, and treat what is in it as disclosed.',
    },
  ];
};

/** Policy: a snapshot is shared only with accounts in `trustedAccounts`. */
const snapshotShared: SnapshotRule = (snapshot, { config }) => {
  const trusted = new Set(['all', ...config.trustedAccounts]);
  const strangers = sharing(snapshot).filter((account) => !trusted.has(account));
  const [first] = strangers;
  if (first === undefined) return [];
  return [
    {
      rule: 'snapshot-shared',
      severity: 'high',
      resource: snapshot.resource,
      summary:
        strangers.length === 1
          ? `Account ${first}, which is not trusted, can restore this snapshot of ${snapshot.databaseName}.`
          : `${strangers.length} accounts that are not trusted can restore this snapshot of ${snapshot.databaseName}.`,
      evidence: {
        database: snapshot.databaseName,
        accountCount: strangers.length,
        accounts: strangers.slice(0, namedAccounts),
      },
      remedy: 'Take the account out of its restore attribute, or name it in trustedAccounts.',
    },
  ];
};

/** Policy: what was to be a backup is one. A failure with a good snapshot after it is mere clutter. */
const snapshotFailed: SnapshotRule = (snapshot, { facts }) => {
  if (snapshotState(snapshot) !== 'bad') return [];
  const { resource, status, databaseName } = snapshot;
  const failedAt = beganAt(snapshot);
  const isMadeGood =
    failedAt !== undefined &&
    facts.snapshots.some(
      (other) =>
        isOfSameDatabase(other, snapshot) &&
        snapshotState(other) === 'good' &&
        other.createdAt !== undefined &&
        other.createdAt > failedAt,
    );
  return [
    {
      rule: 'snapshot-failed',
      severity: isMadeGood ? 'low' : 'high',
      resource,
      summary: isMadeGood
        ? `The snapshot of ${databaseName} is ${status}; a good one has been made since.`
        : `The snapshot of ${databaseName} is ${status}, and no good one has been made since.`,
      evidence: {
        status,
        database: databaseName,
        ...(failedAt === undefined ? {} : { createdAt: failedAt.toISOString() }),
      },
      remedy: isMadeGood
        ? 'Delete it.'
        : 'Look at the events of the database for the reason, and make another snapshot.',
    },
  ];
};

/** Policy: a snapshot is made, or copied, within `stuckHours`. */
const snapshotStuck: SnapshotRule = (snapshot, { config, now }) => {
  if (snapshotState(snapshot) !== 'unfinished') return [];
  const { resource, status, databaseName } = snapshot;
  const began = beganAt(snapshot);
  if (began === undefined) {
    throw new UncheckedError('age-unknown', `RDS calls it ${status}, and does not say yet since when.`);
  }
  const minutes = (now.getTime() - began.getTime()) / minuteMs;
  if (minutes <= config.stuckHours * 60) return [];
  return [
    {
      rule: 'snapshot-stuck',
      severity: 'medium',
      resource,
      summary: `The snapshot of ${databaseName} has been ${status} for ${minutesText(minutes)}.`,
      evidence: { status, database: databaseName, began: began.toISOString(), stuckHours: config.stuckHours },
      remedy: 'Look at the key and the events of the database; delete the snapshot and make or copy it again.',
    },
  ];
};

/**
 * Policy: snapshots are encrypted; an unencrypted one can be made public. Of automated ones, and of those that AWS Backup makes every
 * night, the database's own finding speaks: they go when it is mended, and nothing else would make them go.
 */
const notEncrypted: SnapshotRule = (snapshot, { facts }) => {
  const { resource, isEncrypted, databaseName, databaseImmutableId, type } = snapshot;
  const state = snapshotState(snapshot);
  if (state === 'leaving' || state === 'bad') return [];
  if (isEncrypted === undefined) throw new UncheckedError('not-told', 'RDS does not say whether it is encrypted.');
  if (isEncrypted) return [];
  const isTold =
    (type === 'automated' || type === 'awsbackup') &&
    facts.databases.some(
      (database) => database.immutableId === databaseImmutableId && database.isStorageEncrypted === false,
    );
  if (isTold) return [];
  return [
    {
      rule: 'not-encrypted',
      severity: 'medium',
      resource,
      summary: `The snapshot of ${databaseName} is not encrypted.`,
      evidence: { database: databaseName, type },
      remedy: 'Copy it with a KMS key, and delete this one.',
    },
  ];
};

/** The rules on snapshots. */
export const snapshotRules: Readonly<Record<SnapshotRuleId, SnapshotRule>> = {
  'snapshot-public': snapshotPublic,
  'snapshot-shared': snapshotShared,
  'snapshot-failed': snapshotFailed,
  'snapshot-stuck': snapshotStuck,
  'not-encrypted': notEncrypted,
};

function sharing({ sharedWith }: Snapshot): readonly string[] {
  if (sharedWith === undefined) {
    throw new UncheckedError('sharing-unknown', 'Who may restore it could not be found out.');
  }
  return sharedWith;
}

/** RDS gives a snapshot its time when it is finished; those of automated ones are in their names. */
function beganAt({ createdAt, resource }: Snapshot): Date | undefined {
  return createdAt ?? timeInName(resource.name);
}

function isOfSameDatabase(a: Snapshot, b: Snapshot): boolean {
  if (a.databaseImmutableId !== undefined || b.databaseImmutableId !== undefined) {
    return a.databaseImmutableId === b.databaseImmutableId;
  }
  const isSamePlace = a.resource.account === b.resource.account && a.resource.region === b.resource.region;
  return isSamePlace && a.databaseName === b.databaseName;
}
