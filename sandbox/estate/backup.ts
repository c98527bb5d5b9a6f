import type * as z from 'zod';
import type { configSchema } from '../../functions/backup-integrity/config.ts';
import type { task } from '../../functions/backup-integrity/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { AccountDocument, EstateDocument } from '../control-plane/estate-document.ts';
import { mergeEstates } from '../control-plane/merge-estates.ts';
import type { S3BucketDocument, S3ObjectDocument } from '../control-plane/services/s3-document.ts';
import { artifactsBucket, backupArtifacts } from './backup-artifacts.ts';
import { backupBuckets } from './backup-buckets.ts';
import { backupDatabaseCases, databasePolicies, trustedAccount } from './backup-databases.ts';
import { backupReplicas } from './backup-replicas.ts';
import { backupVaultCases } from './backup-vaults.ts';
import type { PlantedFinding } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;

/** What a run must report of one resource; several of these may be about the same one. */
export interface BackupExpectation {
  readonly resourceId: string;
  readonly why: string;
  readonly findings: readonly PlantedFinding<RuleId>[];
  /** The reason for which the resource must be unchecked. */
  readonly unchecked?: string;
}

/** The backups of the sample estate: what AWS answers about them, how its owner has configured the task, and what it must find. */
export interface BackupEstate {
  readonly document: EstateDocument;
  readonly config: z.input<typeof configSchema>;
  readonly expectations: readonly BackupExpectation[];
  /** Instances among it, members of clusters too, that show a certificate of their own, a good one. */
  readonly certified: readonly string[];
}

/** Returns the backups of the sample estate as they stand at `now`. */
export function backupEstate(account: string, now: Date): BackupEstate {
  const databases = backupDatabaseCases(account, now);
  const vaults = backupVaultCases(account, now);
  const artifacts = backupArtifacts(now);
  const replicas = backupReplicas(now);
  const buckets = backupBuckets(now);
  const of = (document: AccountDocument): EstateDocument => ({
    homeAccount: account,
    accounts: { [account]: document },
  });
  const inRegions = <T>(regions: Readonly<Record<string, T>>, wrap: (document: T) => object) =>
    Object.fromEntries(Object.entries(regions).map(([region, document]) => [region, wrap(document)]));
  return {
    document: mergeEstates(
      of({ regions: databases.regions }),
      of({ regions: inRegions(vaults.documents, (backup) => ({ backup })) }),
      of({ regions: { 'us-east-1': { tagging: { resources: tables(account) } } } }),
      ...[artifacts, replicas, buckets].map((family) => of({ regions: {}, s3: { buckets: family.buckets } })),
    ),
    config: {
      policies: [...databasePolicies, ...policies, ...buckets.policies],
      trustedAccounts: [trustedAccount],
      artifacts: [...artifacts.cases.map(({ resource }) => resource), ...buckets.artifacts],
      replicas: [...replicas.cases.map(({ resource }) => resource), ...buckets.replicas],
      verifications: buckets.verifications,
    },
    expectations: [
      ...databases.cases.map(({ resourceId, why, findings, underPolicies }) => ({
        resourceId,
        why,
        findings: [...findings, ...underPolicies],
      })),
      ...vaults.cases,
      ...artifacts.cases.map(({ resourceId, why, findings }) => ({ resourceId, why, findings })),
      ...artifacts.cases.flatMap(({ resourceId, why, unchecked }) =>
        unchecked === undefined
          ? []
          : [{ resourceId: newestBelow(resourceId, artifacts.buckets), why, findings: [], unchecked }],
      ),
      ...replicas.cases,
      ...buckets.cases,
      ...acrossFamilies(account),
    ],
    certified: Object.values(databases.regions)
      .flatMap(({ rds }) => rds?.instances ?? [])
      .flatMap(({ DBInstanceArn, CertificateDetails }) =>
        DBInstanceArn === undefined || CertificateDetails === undefined ? [] : [DBInstanceArn],
      ),
  };
}

/** What is asked beyond the databases' own policies. */
const policies = [
  {
    id: 'internal-databases',
    select: { types: ['rds-instance', 'rds-cluster'], tags: { tier: 'internal' } },
    rpoMinutes: 60,
  },
  {
    id: 'royalties-of-record',
    select: { ids: ['nycmg-db-rights', 'nycmg-db-catalog'] },
    rtoMinutes: 120,
    restoreTestDays: 35,
    immutable: true,
    annual: {},
  },
  {
    id: 'user-content',
    select: { types: ['s3-bucket'], ids: ['nycmg-audio', 'nycmg-posters', 'nycmg-stems'] },
    rpoMinutes: 1440,
    copies: { regions: ['us-west-2'] },
  },
  { id: 'backups', select: { ids: [artifactsBucket, 'nycmg-*-copy'] }, mayBeUnprotected: 'these are the backups' },
  { id: 'tables', select: { types: ['dynamodb-table'], ids: ['nycmg-*'] }, rpoMinutes: 1440 },
] satisfies z.input<typeof configSchema>['policies'];

/** The tables with their tags; one of them nobody has ever thought of. */
function tables(account: string) {
  return ['nycmg-sessions', 'nycmg-plays', 'nycmg-venues', 'scratch-import'].map((name) => ({
    ResourceARN: `arn:aws:dynamodb:us-east-1:${account}:table/${name}`,
    Tags: [{ Key: 'app', Value: 'nycmg' }],
  }));
}

/** What only shows when the families are seen together. */
function acrossFamilies(account: string): BackupExpectation[] {
  const database = (name: string) => `arn:aws:rds:us-east-1:${account}:db:${name}`;
  const table = (name: string) => `arn:aws:dynamodb:us-east-1:${account}:table/${name}`;
  return [
    {
      resourceId: database('nycmg-db-catalog'),
      why: 'its restore test took five hours and nobody looked at what came out; all its backups can be deleted',
      findings: [
        { rule: 'not-immutable', severity: 'high' },
        { rule: 'restore-unproven', severity: 'low' },
        { rule: 'rto-exceeded', severity: 'high' },
      ],
    },
    {
      resourceId: database('nycmg-db-listens'),
      why: 'a plan takes it in, and every job fails',
      findings: [{ rule: 'covered-without-point', severity: 'high' }],
    },
    {
      resourceId: table('nycmg-venues'),
      why: 'none of its recovery points can be used',
      findings: [{ rule: 'no-restore-point', severity: 'high' }],
    },
    {
      resourceId: 'arn:aws:s3:::nycmg-audio',
      why: 'its copy lacks an object of a month ago: it is as old as that, however new the rest is',
      findings: [
        { rule: 'rpo-exceeded', severity: 'critical' },
        { rule: 'copy-missing', severity: 'high' },
      ],
    },
    {
      resourceId: 'arn:aws:s3:::nycmg-stems',
      why: 'it is backed up where it is, and nothing of it is copied',
      findings: [{ rule: 'copy-missing', severity: 'high' }],
    },
    ...['nycmg-artwork', 'nycmg-liner-notes', 'nycmg-videos'].map((name) => ({
      resourceId: `arn:aws:s3:::${name}`,
      why: 'a plan takes it in by its tag, and has made nothing of it',
      findings: [{ rule: 'covered-without-point', severity: 'high' } as const],
    })),
    {
      resourceId: 'arn:aws:s3:::nycmg-session-dumps',
      why: 'a policy wants a backup of the bucket that nobody can delete, and there is none at all',
      findings: [{ rule: 'no-restore-point', severity: 'high' }],
    },
    {
      resourceId: table('scratch-import'),
      why: 'nobody has said what may be lost of it',
      findings: [{ rule: 'unprotected', severity: 'high' }],
    },
  ];
}

/** Returns the `s3://` location of the newest object of a set of artifacts: what is read, and may be impossible to read. */
function newestBelow(url: string, buckets: Readonly<Record<string, S3BucketDocument>>): string {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(url) ?? [];
  const objects = (buckets[bucket]?.objects ?? []) as readonly S3ObjectDocument[];
  const newest = objects
    .filter(({ key }) => key.startsWith(prefix) && !key.endsWith('.sha256'))
    .sort((a, b) => b.lastModified.getTime() - a.lastModified.getTime())[0];
  return `s3://${bucket}/${newest?.key}`;
}
