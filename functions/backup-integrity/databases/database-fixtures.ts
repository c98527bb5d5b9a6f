import type { Database, DatabaseFacts, ReplicatedBackup, Snapshot } from './facts.ts';

/** What unit tests of databases are built from; everything is relative to this moment. */
export const now = new Date('2026-11-22T03:00:00Z');

const minuteMs = 60_000;

export const minutesAgo = (minutes: number): Date => new Date(now.getTime() - minutes * minuteMs);
export const hoursAgo = (hours: number): Date => minutesAgo(hours * 60);
export const daysAgo = (days: number): Date => minutesAgo(days * 1440);

const place = { account: '123456789012', region: 'us-east-1' };

export const arnOf = (kind: string, name: string, region = place.region): string =>
  `arn:aws:rds:${region}:${place.account}:${kind}:${name}`;

/** A healthy instance of some years. */
export function database(name: string, details: Partial<Database> = {}): Database {
  return {
    resource: { type: 'rds-instance', id: arnOf('db', name), name, ...place },
    immutableId: `db-${name}`,
    tags: {},
    createdAt: daysAgo(900),
    status: 'available',
    engine: 'postgres',
    replicaOf: undefined,
    latestRestorableTime: minutesAgo(5),
    backupRetentionDays: 14,
    isStorageEncrypted: true,
    kmsKeyArn: undefined,
    hasDeletionProtection: true,
    missingSubnetGroup: undefined,
    missingParameterGroups: [],
    replicatedBackups: [],
    ...details,
  };
}

/** A manual snapshot of the database `of`, made at `createdAt`, that nobody else can restore. */
export function snapshot(of: string, createdAt: Date | undefined, details: Partial<Snapshot> = {}): Snapshot {
  const name = details.resource?.name ?? `${of}-${createdAt?.getTime() ?? 'unfinished'}`;
  return {
    resource: { type: 'rds-snapshot', id: arnOf('snapshot', name), name, ...place },
    databaseImmutableId: `db-${of}`,
    databaseName: of,
    type: 'manual',
    status: 'available',
    createdAt,
    originalCreatedAt: createdAt,
    isEncrypted: true,
    kmsKeyArn: undefined,
    sizeBytes: undefined,
    sharedWith: [],
    tags: {},
    ...details,
  };
}

export function replicatedBackup(details: Partial<ReplicatedBackup> = {}): ReplicatedBackup {
  return {
    arn: arnOf('auto-backup', 'ab-1', 'us-west-2'),
    region: 'us-west-2',
    account: place.account,
    status: 'replicating',
    latestRestorableTime: minutesAgo(15),
    backupRetentionDays: 7,
    isEncrypted: true,
    kmsKeyArn: undefined,
    ...details,
  };
}

export function factsOf(databases: readonly Database[], snapshots: readonly Snapshot[] = []): DatabaseFacts {
  return { databases, snapshots };
}

/** Returns a snapshot's resource with another name, in another region. */
export function snapshotResource(
  name: string,
  { kind = 'snapshot', region = place.region } = {},
): Snapshot['resource'] {
  return { type: 'rds-snapshot', id: arnOf(kind, name, region), name, account: place.account, region };
}
