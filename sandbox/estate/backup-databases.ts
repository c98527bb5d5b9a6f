import { createHash } from 'node:crypto';
import type { KeyMetadata } from '@aws-sdk/client-kms';
import type {
  DBCluster,
  DBClusterSnapshot,
  DBInstance,
  DBInstanceAutomatedBackup,
  DBSnapshot,
} from '@aws-sdk/client-rds';
import type * as z from 'zod';
import type { configSchema } from '../../functions/backup-integrity/config.ts';
import type { task } from '../../functions/backup-integrity/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { RegionDocument } from '../control-plane/estate-document.ts';
import type { RdsDocument } from '../control-plane/services/rds.ts';
import type { PlantedCase, PlantedFinding } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;

/** A database or snapshot of the sample estate. */
export interface BackupDatabaseCase
  extends PlantedCase<DBInstance | DBCluster | DBSnapshot | DBClusterSnapshot, RuleId> {
  /** What it must cause beside `findings` when {@link databasePolicies} are in force. */
  readonly underPolicies: readonly PlantedFinding<RuleId>[];
}

/** Databases with their backups and the keys of these, as the control plane answers them. */
export interface BackupDatabases {
  readonly cases: readonly BackupDatabaseCase[];
  readonly regions: Readonly<Record<string, Pick<RegionDocument, 'rds' | 'kms'>>>;
}

const east = 'us-east-1';
const west = 'us-west-2';

/** An account that snapshots may be shared with. */
export const trustedAccount = '210987654321';

/** What the sample estate asks of its databases, by tag. */
export const databasePolicies = [
  {
    id: 'critical-databases',
    select: { types: ['rds-instance', 'rds-cluster'], tags: { app: 'nycmg', tier: 'critical' } },
    rpoMinutes: 60,
    retentionDays: 7,
    copies: { regions: [west], lagMinutes: 240 },
  },
  {
    id: 'secondary-databases',
    select: { types: ['rds-instance', 'rds-cluster'], tags: { app: 'nycmg', tier: 'secondary' } },
    rpoMinutes: 1440,
  },
] satisfies z.input<typeof configSchema>['policies'];

const minuteMs = 60_000;
const hour = 60;
const day = 1440;

const gibibyte = 1024 ** 3;

/** Sizes of a database that grows a little each day, in GiB, the newest first. */
const steadySizes = [84, 83, 82, 82, 81, 80, 80];

interface Spec {
  readonly tier?: 'critical' | 'secondary';
  /** Age of the latest restorable time; `null`: there is none. */
  readonly restorableMinutesAgo?: number | null;
  /** The same of the copy in the west; there is none without it. */
  readonly copyMinutesAgo?: number;
  readonly ageDays?: number;
  readonly retentionDays?: number;
  readonly key?: string;
  /** Of the automated snapshots, in GiB, the newest first; one a day. */
  readonly snapshotSizes?: readonly number[];
  readonly findings?: Finding[];
  readonly underPolicies?: Finding[];
}

type Finding = PlantedFinding<RuleId>;

/** Returns the databases of the sample estate's account, in us-east-1 and us-west-2, with their backups as they stand at `now`. */
export function backupDatabaseCases(account: string, now: Date): BackupDatabases {
  const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * minuteMs);
  const arn = (region: string, resource: string) => `arn:aws:rds:${region}:${account}:${resource}`;
  const cases: BackupDatabaseCase[] = [];
  const rds = { [east]: emptyRegion(), [west]: emptyRegion() };

  const keys: Record<string, KeyMetadata> = {
    main: key(east, 'main', {}),
    retiring: key(east, 'retiring', {
      Enabled: false,
      KeyState: 'PendingDeletion',
      DeletionDate: minutesAgo(-9 * day),
    }),
    managed: key(east, 'managed', { KeyManager: 'AWS', Description: 'Default key that protects RDS volumes' }),
    west: key(west, 'west', {}),
  };

  function key(region: string, name: string, details: Partial<KeyMetadata>): KeyMetadata {
    const hash = sha1(`${region} ${name}`);
    const KeyId = [0, 8, 12, 16, 20].map((at, index) => hash.slice(at, [8, 12, 16, 20, 32][index])).join('-');
    return {
      AWSAccountId: account,
      KeyId,
      Arn: `arn:aws:kms:${region}:${account}:key/${KeyId}`,
      CreationDate: minutesAgo(700 * day),
      Enabled: true,
      KeyState: 'Enabled',
      KeyManager: 'CUSTOMER',
      KeyUsage: 'ENCRYPT_DECRYPT',
      MultiRegion: false,
      ...details,
    };
  }

  function plant(
    why: string,
    resource: BackupDatabaseCase['resource'],
    resourceId: string,
    { findings = [], underPolicies = [] }: Pick<Spec, 'findings' | 'underPolicies'> = {},
  ): void {
    cases.push({ resource, resourceId, why, findings, underPolicies });
  }

  /** Members that instances have whether they stand alone or not; the certificate is a healthy one. */
  function server(name: string, region: string): DBInstance {
    return {
      DBInstanceIdentifier: name,
      DBInstanceArn: arn(region, `db:${name}`),
      DBInstanceClass: 'db.m7g.large',
      DBInstanceStatus: 'available',
      Engine: 'postgres',
      EngineVersion: '18.1',
      Endpoint: { Address: `${name}.cq1x2example.${region}.rds.amazonaws.com`, Port: 5432 },
      CACertificateIdentifier: 'rds-ca-rsa2048-g1',
      CertificateDetails: { CAIdentifier: 'rds-ca-rsa2048-g1', ValidTill: minutesAgo(-300 * day) },
      DbiResourceId: resourceIdOf('db', name),
      AllocatedStorage: 200,
    };
  }

  /** An instance as it should be, but for what `spec` and `details` say. */
  function instance(name: string, why: string, spec: Spec = {}, details: Partial<DBInstance> = {}): DBInstance {
    const { ageDays = 400, retentionDays = 14, restorableMinutesAgo = 4, copyMinutesAgo } = spec;
    const region = details.DBInstanceArn?.split(':')[3] ?? east;
    const resource: DBInstance = {
      ...server(name, region),
      InstanceCreateTime: minutesAgo(ageDays * day),
      BackupRetentionPeriod: retentionDays,
      ...(restorableMinutesAgo === null ? {} : { LatestRestorableTime: minutesAgo(restorableMinutesAgo) }),
      StorageEncrypted: true,
      KmsKeyId: keys[spec.key ?? 'main']?.Arn,
      DeletionProtection: true,
      DBSubnetGroup: { DBSubnetGroupName: 'nycmg-private' },
      DBParameterGroups: [{ DBParameterGroupName: 'nycmg-postgres18', ParameterApplyStatus: 'in-sync' }],
      TagList: spec.tier === undefined ? [] : tagList(spec.tier),
      ...details,
    };
    documentOf(region).instances.push(resource);
    plant(why, resource, resource.DBInstanceArn as string, spec);
    for (const [index, sizeGib] of (spec.snapshotSizes ?? []).entries()) {
      const made = minutesAgo((index + 1) * day - 90);
      snapshot(resource, automatedName(name, made), 'an automated snapshot', {
        SnapshotType: 'automated',
        SnapshotCreateTime: made,
        OriginalSnapshotCreateTime: made,
        FullSnapshotSizeInBytes: sizeGib * gibibyte,
      });
    }
    if (copyMinutesAgo !== undefined) replicate(resource, copyMinutesAgo);
    return resource;
  }

  /** The automated backup as RDS lists it in the west; its region is the instance's. */
  function replicate(source: DBInstance, minutes: number, details: Partial<DBInstanceAutomatedBackup> = {}): void {
    documentOf(west).automatedBackups.push({
      DBInstanceArn: source.DBInstanceArn,
      DbiResourceId: source.DbiResourceId,
      Region: east,
      DBInstanceIdentifier: source.DBInstanceIdentifier,
      RestoreWindow: { EarliestTime: minutesAgo(7 * day), LatestTime: minutesAgo(minutes) },
      AllocatedStorage: source.AllocatedStorage,
      Status: 'replicating',
      Engine: source.Engine,
      EngineVersion: source.EngineVersion,
      Encrypted: true,
      KmsKeyId: keys.west?.Arn,
      BackupRetentionPeriod: 7,
      DBInstanceAutomatedBackupsArn: arn(west, `auto-backup:ab-${sha1(`${source.DbiResourceId}`).slice(0, 26)}`),
      ...details,
    });
  }

  /** A manual snapshot that nobody else may restore, but for what `details` and `spec` say. */
  function snapshot(
    of: DBInstance,
    name: string,
    why: string,
    details: Partial<DBSnapshot> = {},
    spec: Pick<Spec, 'findings'> & { region?: string; sharedWith?: string[] } = {},
  ): void {
    const { region = east, sharedWith } = spec;
    const isEncrypted = of.StorageEncrypted ?? false;
    const resource: DBSnapshot = {
      DBSnapshotIdentifier: name,
      DBSnapshotArn: arn(region, `snapshot:${name}`),
      DBInstanceIdentifier: of.DBInstanceIdentifier,
      DbiResourceId: of.DbiResourceId,
      InstanceCreateTime: of.InstanceCreateTime,
      Engine: of.Engine,
      EngineVersion: of.EngineVersion,
      Status: 'available',
      SnapshotType: 'manual',
      PercentProgress: 100,
      AllocatedStorage: of.AllocatedStorage,
      Encrypted: isEncrypted,
      ...(isEncrypted ? { KmsKeyId: region === west ? keys.west?.Arn : of.KmsKeyId } : {}),
      ...details,
    };
    documentOf(region).snapshots.push({
      snapshot: resource,
      ...(sharedWith === undefined ? {} : { attributes: [{ AttributeName: 'restore', AttributeValues: sharedWith }] }),
    });
    plant(why, resource, resource.DBSnapshotArn as string, spec);
  }

  /** A cluster with its writer and a reader. */
  function cluster(name: string, why: string, engine: string, spec: Spec = {}): DBCluster {
    const { ageDays = 400, retentionDays = 14, restorableMinutesAgo = 4 } = spec;
    const members = [`${name}-1`, `${name}-2`];
    const resource: DBCluster = {
      DBClusterIdentifier: name,
      DBClusterArn: arn(east, `cluster:${name}`),
      DbClusterResourceId: resourceIdOf('cluster', name),
      ClusterCreateTime: minutesAgo(ageDays * day),
      Status: 'available',
      Engine: engine,
      EngineVersion: engine === 'docdb' ? '5.0.0' : '17.6',
      BackupRetentionPeriod: retentionDays,
      ...(restorableMinutesAgo === null ? {} : { LatestRestorableTime: minutesAgo(restorableMinutesAgo) }),
      StorageEncrypted: true,
      KmsKeyId: keys.main?.Arn,
      DeletionProtection: true,
      DBSubnetGroup: 'nycmg-private',
      DBClusterParameterGroup: engine === 'docdb' ? 'default.docdb5.0' : 'nycmg-aurora17',
      TagList: spec.tier === undefined ? [] : tagList(spec.tier),
      DBClusterMembers: members.map((DBInstanceIdentifier, index) => ({
        DBInstanceIdentifier,
        IsClusterWriter: index === 0,
      })),
    };
    for (const member of members) {
      documentOf(east).instances.push({ ...server(member, east), Engine: engine, DBClusterIdentifier: name });
    }
    documentOf(east).clusters.push(resource);
    plant(why, resource, resource.DBClusterArn as string, spec);
    return resource;
  }

  function clusterSnapshot(
    of: DBCluster,
    name: string,
    why: string,
    details: Partial<DBClusterSnapshot>,
    region = east,
  ): void {
    const resource: DBClusterSnapshot = {
      DBClusterSnapshotIdentifier: name,
      DBClusterSnapshotArn: arn(region, `cluster-snapshot:${name}`),
      DBClusterIdentifier: of.DBClusterIdentifier,
      DbClusterResourceId: of.DbClusterResourceId,
      ClusterCreateTime: of.ClusterCreateTime,
      Engine: of.Engine,
      Status: 'available',
      SnapshotType: 'manual',
      PercentProgress: 100,
      AllocatedStorage: 1,
      StorageEncrypted: true,
      KmsKeyId: region === west ? keys.west?.Arn : of.KmsKeyId,
      ...details,
    };
    documentOf(region).clusterSnapshots.push({ snapshot: resource });
    plant(why, resource, resource.DBClusterSnapshotArn as string);
  }

  function documentOf(region: string): OpenDocument {
    return region === west ? rds[west] : rds[east];
  }

  const inWest = (name: string): Partial<DBInstance> => ({
    DBInstanceArn: arn(west, `db:${name}`),
    KmsKeyId: keys.west?.Arn,
  });

  const catalog = instance('nycmg-db-catalog', 'fresh, copied to the west, and kept for a fortnight', {
    tier: 'critical',
    copyMinutesAgo: 12,
    snapshotSizes: steadySizes,
  });
  const royalties = instance('nycmg-db-royalties', 'fresh, with a copy that is an hour less than too old', {
    tier: 'critical',
    copyMinutesAgo: 4 * hour,
    snapshotSizes: steadySizes,
  });
  instance(
    'nycmg-db-royalties-replica',
    'a read replica has its source’s backups',
    { tier: 'critical', retentionDays: 0, restorableMinutesAgo: null },
    { ReadReplicaSourceDBInstanceIdentifier: 'nycmg-db-royalties', DeletionProtection: false },
  );
  instance(
    'nycmg-db-catalog-west',
    'a replica in another region is no backup, and needs none',
    { tier: 'critical', retentionDays: 0, restorableMinutesAgo: null },
    { ...inWest('nycmg-db-catalog-west'), ReadReplicaSourceDBInstanceIdentifier: catalog.DBInstanceArn },
  );
  instance('nycmg-db-listens', 'it could be restored only as it was three hours ago', {
    tier: 'critical',
    restorableMinutesAgo: 3 * hour,
    copyMinutesAgo: 3 * hour + 20,
    underPolicies: [{ rule: 'rpo-exceeded', severity: 'high' }],
  });
  const charts = instance('nycmg-db-charts', 'automated backups are off, and somebody makes snapshots by hand', {
    tier: 'secondary',
    retentionDays: 0,
    restorableMinutesAgo: null,
    findings: [{ rule: 'backups-disabled', severity: 'high' }],
  });
  snapshot(charts, 'nycmg-charts-by-hand', 'made by hand within the RPO', madeAt(minutesAgo(20 * hour)));
  snapshot(
    charts,
    'nycmg-charts-by-hand-2',
    'failed, and nothing came after it',
    { ...madeAt(minutesAgo(5 * hour)), Status: 'failed', PercentProgress: 0 },
    { findings: [{ rule: 'snapshot-failed', severity: 'high' }] },
  );
  const neighborhoods = instance(
    'nycmg-db-neighborhoods',
    'its storage is not encrypted, and that is told once for all its automated snapshots',
    {
      tier: 'secondary',
      snapshotSizes: steadySizes.slice(0, 3),
      findings: [{ rule: 'not-encrypted', severity: 'medium' }],
    },
    { StorageEncrypted: false, KmsKeyId: undefined },
  );
  snapshot(
    neighborhoods,
    'nycmg-neighborhoods-open-data',
    'meant for one partner, and open to the world',
    madeAt(minutesAgo(30 * day)),
    {
      sharedWith: ['all'],
      findings: [
        { rule: 'snapshot-public', severity: 'critical' },
        { rule: 'not-encrypted', severity: 'medium' },
      ],
    },
  );
  snapshot(
    catalog,
    'nycmg-catalog-for-agency',
    'shared with an account that nobody knows',
    madeAt(minutesAgo(60 * day)),
    {
      sharedWith: ['999988887777', trustedAccount],
      findings: [{ rule: 'snapshot-shared', severity: 'high' }],
    },
  );
  snapshot(catalog, 'nycmg-catalog-for-audit', 'shared with a trusted account', madeAt(minutesAgo(20 * day)), {
    sharedWith: [trustedAccount],
  });
  snapshot(
    catalog,
    'nycmg-catalog-before-upgrade',
    'being deleted, which is neither good nor bad',
    { ...madeAt(minutesAgo(90 * day)), Status: 'deleting' },
    {},
  );
  snapshot(
    catalog,
    automatedName('nycmg-db-catalog', minutesAgo(20)),
    'automated, still being made: its name alone says since when',
    { SnapshotType: 'automated', Status: 'creating', PercentProgress: 15 },
    {},
  );
  snapshot(
    royalties,
    'nycmg-royalties-before-migration',
    'failed long ago; good ones have been made since',
    { ...madeAt(minutesAgo(40 * day)), Status: 'failed', PercentProgress: 0 },
    { findings: [{ rule: 'snapshot-failed', severity: 'low' }] },
  );
  snapshot(
    royalties,
    'nycmg-royalties-quarter-west',
    'copied into the west since two days ago',
    {
      SnapshotCreateTime: minutesAgo(2 * day),
      OriginalSnapshotCreateTime: minutesAgo(3 * day),
      SourceRegion: east,
      SourceDBSnapshotIdentifier: arn(east, 'snapshot:nycmg-royalties-quarter'),
      Status: 'copying',
      PercentProgress: 3,
    },
    { region: west, findings: [{ rule: 'snapshot-stuck', severity: 'medium' }] },
  );
  instance('nycmg-db-rights', 'its key will be deleted, and every backup here with it; the copy has another key', {
    tier: 'critical',
    key: 'retiring',
    copyMinutesAgo: 15,
    snapshotSizes: steadySizes.slice(0, 2),
    underPolicies: [{ rule: 'restore-blocked', severity: 'high' }],
  });
  instance(
    'nycmg-db-boroughs',
    'the subnet group that a restore would go into is gone',
    {
      tier: 'secondary',
      underPolicies: [{ rule: 'restore-blocked', severity: 'high', discriminator: 'groups' }],
    },
    { DBSubnetGroup: { DBSubnetGroupName: 'nycmg-old-vpc' } },
  );
  instance(
    'nycmg-db-playlists',
    'its parameter group is gone; a default one need not exist',
    {
      tier: 'secondary',
      underPolicies: [{ rule: 'restore-blocked', severity: 'high', discriminator: 'groups' }],
    },
    {
      DBParameterGroups: [
        { DBParameterGroupName: 'nycmg-postgres14', ParameterApplyStatus: 'in-sync' },
        { DBParameterGroupName: 'default.postgres18', ParameterApplyStatus: 'in-sync' },
      ],
    },
  );
  instance(
    'nycmg-db-archive',
    'stopped five days ago: nothing new to lose',
    { tier: 'secondary', restorableMinutesAgo: 5 * day },
    { DBInstanceStatus: 'stopped' },
  );
  instance(
    'nycmg-db-festival',
    'made three hours ago: its first backup is still to come',
    { tier: 'critical', ageDays: 3 / 24, restorableMinutesAgo: null },
    { DBInstanceStatus: 'backing-up' },
  );
  instance('nycmg-db-import', 'made two hours ago, and being filled without backups', {
    tier: 'secondary',
    ageDays: 2 / 24,
    retentionDays: 0,
    restorableMinutesAgo: null,
  });
  const recreated = instance(
    'nycmg-db-artists',
    'made anew under an old name: its predecessor’s backups are not its own',
    {
      tier: 'critical',
      ageDays: 3,
      restorableMinutesAgo: null,
      underPolicies: [{ rule: 'no-restore-point', severity: 'critical' }],
    },
  );
  const predecessor: DBInstance = {
    ...recreated,
    DbiResourceId: resourceIdOf('db', 'nycmg-db-artists of old'),
    InstanceCreateTime: minutesAgo(900 * day),
  };
  snapshot(predecessor, 'nycmg-artists-final', 'the last of the predecessor', madeAt(minutesAgo(3 * day + hour)));
  snapshot({ ...predecessor, DbiResourceId: undefined }, 'nycmg-artists-2019', 'from before snapshots had an id', {
    ...madeAt(minutesAgo(800 * day)),
  });
  replicate(predecessor, 3 * day + 2 * hour, { Status: 'retained' });
  instance('nycmg-db-tracks', 'its copy in the west has stood still for nine hours', {
    tier: 'critical',
    copyMinutesAgo: 9 * hour,
    underPolicies: [{ rule: 'copy-missing', severity: 'high', discriminator: west }],
  });
  instance('nycmg-db-concerts', 'nothing of it is in another region', {
    tier: 'critical',
    underPolicies: [{ rule: 'copy-missing', severity: 'high', discriminator: west }],
  });
  instance('nycmg-db-labels', 'kept for three days where seven are asked for', {
    tier: 'critical',
    retentionDays: 3,
    copyMinutesAgo: 10,
    snapshotSizes: steadySizes.slice(0, 3),
    underPolicies: [{ rule: 'retention-short', severity: 'medium' }],
  });
  instance('nycmg-db-lyrics', 'its newest snapshot holds a third of what those before it held', {
    tier: 'secondary',
    snapshotSizes: [27, 83, 82, 82, 81, 80, 80],
    findings: [{ rule: 'size-drop', severity: 'high' }],
  });
  instance(
    'nycmg-db-genres',
    'it can be deleted by a single call',
    { tier: 'secondary', findings: [{ rule: 'deletion-protection-off', severity: 'medium' }] },
    { DeletionProtection: false },
  );
  instance('nycmg-db-demo', 'nobody has said what it needs; its key is one that AWS manages', {
    key: 'managed',
    underPolicies: [{ rule: 'unprotected', severity: 'medium' }],
  });
  const leftover = (age: number): [string, Partial<DBInstance>] => [
    `awsbackup-restore-test-${sha1(`restore test ${age}`).slice(0, 16)}`,
    { DeletionProtection: false, InstanceCreateTime: minutesAgo(age * day) },
  ];
  const [leaked, leakedDetails] = leftover(10);
  instance(
    leaked,
    'a restore test left it behind ten days ago',
    {
      retentionDays: 0,
      restorableMinutesAgo: null,
      underPolicies: [{ rule: 'restore-test-leaked', severity: 'medium' }],
    },
    leakedDetails,
  );
  const [tested, testedDetails] = leftover(0.5);
  instance(tested, 'a restore test is looking at it', { retentionDays: 0, restorableMinutesAgo: null }, testedDetails);

  const stream = cluster(
    'nycmg-db-stream',
    'fresh, with a snapshot copied to the west this morning',
    'aurora-postgresql',
    {
      tier: 'critical',
    },
  );
  clusterSnapshot(stream, 'nycmg-stream-hourly', 'what was copied', {
    SnapshotCreateTime: minutesAgo(150),
  });
  clusterSnapshot(
    stream,
    'nycmg-stream-hourly-west',
    'the copy; the age of its data is that of the one it was copied from',
    {
      SnapshotCreateTime: minutesAgo(110),
      SourceDBClusterSnapshotArn: arn(east, 'cluster-snapshot:nycmg-stream-hourly'),
    },
    west,
  );
  cluster('nycmg-db-feed', 'nothing has been backed up for three days', 'aurora-mysql', {
    tier: 'secondary',
    restorableMinutesAgo: 3 * day,
    underPolicies: [{ rule: 'rpo-exceeded', severity: 'critical' }],
  });
  const events = cluster('nycmg-db-events', 'a cluster of DocumentDB is one like any other', 'docdb', {
    tier: 'secondary',
  });
  clusterSnapshot(events, automatedName('nycmg-db-events', minutesAgo(22 * hour)), 'an automated snapshot', {
    SnapshotType: 'automated',
    SnapshotCreateTime: minutesAgo(22 * hour),
  });

  return {
    cases,
    regions: {
      [east]: {
        rds: {
          ...rds[east],
          subnetGroups: [{ DBSubnetGroupName: 'default' }, { DBSubnetGroupName: 'nycmg-private' }],
          parameterGroups: [
            { DBParameterGroupName: 'default.postgres17' },
            { DBParameterGroupName: 'nycmg-postgres18' },
          ],
          clusterParameterGroups: [{ DBClusterParameterGroupName: 'nycmg-aurora17' }],
        },
        kms: {
          keys: [keys.main, keys.retiring, keys.managed].map((metadata) => ({ metadata: metadata as KeyMetadata })),
        },
      },
      [west]: {
        rds: {
          ...rds[west],
          subnetGroups: [{ DBSubnetGroupName: 'nycmg-private' }],
          parameterGroups: [{ DBParameterGroupName: 'nycmg-postgres18' }],
        },
        kms: { keys: [{ metadata: keys.west as KeyMetadata }] },
      },
    },
  };
}

/** A document while it is being written. */
type OpenDocument = {
  [Part in 'instances' | 'clusters' | 'snapshots' | 'clusterSnapshots' | 'automatedBackups']: NonNullable<
    RdsDocument[Part]
  >[number][];
};

function emptyRegion(): OpenDocument {
  return { instances: [], clusters: [], snapshots: [], clusterSnapshots: [], automatedBackups: [] };
}

function tagList(tier: 'critical' | 'secondary') {
  return [
    { Key: 'app', Value: 'nycmg' },
    { Key: 'tier', Value: tier },
  ];
}

function madeAt(time: Date): Partial<DBSnapshot> {
  return { SnapshotCreateTime: time, OriginalSnapshotCreateTime: time };
}

/** `rds:nycmg-db-catalog-2026-03-01-06-10` */
function automatedName(database: string, made: Date): string {
  return `rds:${database}-${made.toISOString().slice(0, 16).replace(/[T:]/g, '-')}`;
}

function resourceIdOf(kind: 'db' | 'cluster', name: string): string {
  return `${kind}-${sha1(name).slice(0, 26).toUpperCase()}`;
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
