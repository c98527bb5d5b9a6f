import type { RuleTest } from '../../../shared/evaluate-rules.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Config } from '../context.ts';
import { policiesFor, requirementOf } from '../protection/policies.ts';
import { sizeDrop } from '../size-drop.ts';
import type { Database, DatabaseFacts } from './facts.ts';
import { snapshotRestorePoints, snapshotsOf } from './restore-points.ts';

/** What the rules of this family may look at beside their own item. */
export interface DatabaseRuleContext {
  readonly config: Config;
  readonly now: Date;
  readonly facts: DatabaseFacts;
}

type DatabaseRuleId = 'backups-disabled' | 'deletion-protection-off' | 'not-encrypted' | 'size-drop';

type DatabaseRule = RuleTest<Database, DatabaseRuleContext, DatabaseRuleId>;

const minuteMs = 60_000;

/**
 * Policy: automated backups are on, for at least a day. Aurora cannot switch them off. They are left off on purpose while a new database
 * is being filled, and on read replicas, which hold nothing that their sources do not; a replica whose source is not among the
 * databases that were read has nothing that is known to protect it.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.Enabling.html
 */
const backupsDisabled: DatabaseRule = (database, { config, now, facts }) => {
  const { backupRetentionDays, replicaOf, resource } = database;
  if (isPassing(database) || mayBeLost(database, config)) return [];
  if (backupRetentionDays === undefined) throw untold('for how long it keeps automated backups');
  if (backupRetentionDays > 0 || isNew(database, config, now)) return [];
  const evidence = { backupRetentionDays };
  if (replicaOf === undefined) {
    return [
      {
        rule: 'backups-disabled',
        severity: 'high',
        resource,
        summary: 'Automated backups are off: its backup retention is 0 days.',
        evidence,
        remedy: 'Set a backup retention period: aws rds modify-db-instance --backup-retention-period …',
      },
    ];
  }
  if (isAmong(facts.databases, replicaOf, database)) return [];
  return [
    {
      rule: 'backups-disabled',
      severity: 'medium',
      resource,
      summary: 'It is a replica without backups of its own, and its source is not among the databases looked at.',
      evidence: { ...evidence, replicaOf },
      remedy: 'Look after the account and region of its source too, or set a backup retention period on the replica.',
    },
  ];
};

/**
 * Policy: no database can be deleted by a single call, which takes its automated backups with it unless told otherwise. A replica is
 * made again from its source.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html
 */
const deletionProtectionOff: DatabaseRule = (database, { config }) => {
  const { hasDeletionProtection, replicaOf, resource } = database;
  if (isPassing(database) || mayBeLost(database, config) || replicaOf !== undefined) return [];
  if (hasDeletionProtection === undefined) throw untold('whether it is protected from deletion');
  if (hasDeletionProtection) return [];
  return [
    {
      rule: 'deletion-protection-off',
      severity: 'medium',
      resource,
      summary: 'It can be deleted by a single call, and its automated backups with it.',
      evidence: { hasDeletionProtection },
      remedy:
        'Switch deletion protection on: --deletion-protection of aws rds modify-db-instance or modify-db-cluster.',
    },
  ];
};

/**
 * Policy: storage is encrypted, and so is every backup of it. It can only be changed by restoring an encrypted copy:
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html
 */
const notEncrypted: DatabaseRule = (database) => {
  if (isPassing(database)) return [];
  if (database.isStorageEncrypted === undefined) throw untold('whether its storage is encrypted');
  if (database.isStorageEncrypted) return [];
  return [
    {
      rule: 'not-encrypted',
      severity: 'medium',
      resource: database.resource,
      summary: 'Its storage is not encrypted, and so are none of its automated backups.',
      evidence: { isStorageEncrypted: false, engine: database.engine },
      remedy: 'Copy a snapshot with a KMS key, restore that, and switch over.',
    },
  ];
};

/**
 * Policy: a database does not suddenly become much smaller. What RDS tells of a snapshot is the size of all blocks ever written to the
 * volume: rows that are deleted leave it as it is, and it drops when the volume was replaced by an emptier one. Snapshots elsewhere are
 * copies of these.
 */
const sizeDropped: DatabaseRule = (database, { config, facts }) => {
  const { resource } = database;
  const sizes = snapshotRestorePoints(snapshotsOf(database, facts.snapshots))
    .filter(({ state, region }) => state === 'good' && region === resource.region)
    .flatMap(({ id, sizeBytes, restorableTo }) => (sizeBytes === undefined ? [] : [{ id, sizeBytes, restorableTo }]));
  const [newest, ...older] = sizes;
  if (newest === undefined) return [];
  const history = older.map(({ sizeBytes }) => sizeBytes).reverse();
  const drop = sizeDrop(history, newest.sizeBytes, config.sizeDropPercent);
  if (drop === undefined) return [];
  return [
    {
      rule: 'size-drop',
      severity: 'high',
      resource,
      summary: `Its newest snapshot is ${Math.floor(drop.dropPercent)} % smaller than the median of the ${history.length} before it.`,
      evidence: {
        snapshot: newest.id,
        sizeBytes: newest.sizeBytes,
        medianBytes: drop.medianBytes,
        dropPercent: Math.floor(drop.dropPercent * 10) / 10,
      },
      remedy: 'Find out what has become of the data before the older snapshots expire; copy the last full one.',
    },
  ];
};

/** The rules on databases. */
export const databaseRules: Readonly<Record<DatabaseRuleId, DatabaseRule>> = {
  'backups-disabled': backupsDisabled,
  'deletion-protection-off': deletionProtectionOff,
  'not-encrypted': notEncrypted,
  'size-drop': sizeDropped,
};

/** What a restore test has made is to be deleted, and what is being deleted is past help. */
function isPassing({ resource, status }: Database): boolean {
  return resource.name.startsWith('awsbackup-restore-test-') || status === 'deleting';
}

function mayBeLost({ resource, tags }: Database, config: Config): boolean {
  return requirementOf(policiesFor(resource, tags, config))?.mayBeUnprotected !== undefined;
}

function isNew({ createdAt }: Database, { newResourceGraceMinutes }: Config, now: Date): boolean {
  return createdAt !== undefined && now.getTime() - createdAt.getTime() < newResourceGraceMinutes * minuteMs;
}

/** A source in the same region is named by its identifier, one in another region by its ARN. */
function isAmong(databases: readonly Database[], source: string, { resource: { account, region } }: Database): boolean {
  return databases.some(
    ({ resource }) =>
      resource.id === source ||
      (resource.name === source && resource.account === account && resource.region === region),
  );
}

function untold(what: string): UncheckedError {
  return new UncheckedError('not-told', `RDS does not say ${what}.`);
}
