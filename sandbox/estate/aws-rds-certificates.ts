import { createHash } from 'node:crypto';
import type { Certificate, DBCluster, DBInstance } from '@aws-sdk/client-rds';
import type { task } from '../../functions/certificate-expiry/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { PlantedCase, PlantedFinding } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;

/** The databases of the sample estate and the authorities behind their certificates. */
export interface RdsCases {
  readonly instances: readonly PlantedCase<DBInstance, RuleId>[];
  readonly clusters: readonly PlantedCase<DBCluster, RuleId>[];
  readonly authorities: readonly PlantedCase<Certificate, RuleId>[];
}

const dayMs = 86_400_000;
const hour = 1 / 24;

/** Lifetimes of the real authorities: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html */
const rsa2048Days = 40 * 365;
const ecc384Days = 100 * 365;

const rsa2048 = 'rds-ca-rsa2048-g1';
const ecc384 = 'rds-ca-ecc384-g1';

interface ServerSpec {
  readonly region?: string;
  /** Days from now to the end of the server's certificate. */
  readonly daysLeft: number;
  readonly authority?: string;
}

/** Returns what RDS holds in the sample estate's account, in us-east-1 and us-west-2, as it stands at `now`. */
export function rdsCases(account: string, now: Date): RdsCases {
  const inDays = (days: number) => new Date(now.getTime() + days * dayMs);
  const certificateDetails = ({ daysLeft, authority = rsa2048 }: ServerSpec) => ({
    CAIdentifier: authority,
    ValidTill: inDays(daysLeft),
  });

  /** Nothing is wrong with the backups of these. */
  const backedUp = {
    LatestRestorableTime: inDays(-5 / 1440),
    BackupRetentionPeriod: 14,
    StorageEncrypted: true,
    DeletionProtection: true,
    TagList: [
      { Key: 'app', Value: 'nycmg' },
      { Key: 'tier', Value: 'internal' },
    ],
  };

  function instance(id: string, spec: ServerSpec, details: Partial<DBInstance> = {}): DBInstance {
    const { region = 'us-east-1', authority = rsa2048 } = spec;
    return {
      DBInstanceIdentifier: id,
      DBInstanceArn: `arn:aws:rds:${region}:${account}:db:${id}`,
      DBInstanceClass: 'db.m7g.large',
      DBInstanceStatus: 'available',
      Engine: 'postgres',
      EngineVersion: '18.1',
      Endpoint: { Address: `${id}.cq1x2example.${region}.rds.amazonaws.com`, Port: 5432 },
      ...backedUp,
      DbiResourceId: `db-${createHash('sha1').update(`${region} ${id}`).digest('hex').slice(0, 26).toUpperCase()}`,
      InstanceCreateTime: inDays(-900),
      CACertificateIdentifier: authority,
      CertificateDetails: certificateDetails(spec),
      ...details,
    };
  }

  function member(clusterId: string, id: string, spec: ServerSpec, engine: string): DBInstance {
    return instance(id, spec, { DBClusterIdentifier: clusterId, Engine: engine });
  }

  function cluster(id: string, region: string, engine: string, members: readonly string[]): DBCluster {
    return {
      DBClusterIdentifier: id,
      DBClusterArn: `arn:aws:rds:${region}:${account}:cluster:${id}`,
      Status: 'available',
      Engine: engine,
      EngineVersion: '17.6',
      Endpoint: `${id}.cluster-cq1x2example.${region}.rds.amazonaws.com`,
      ...backedUp,
      DbClusterResourceId: `cluster-${createHash('sha1').update(`${region} ${id}`).digest('hex').slice(0, 26).toUpperCase()}`,
      ClusterCreateTime: inDays(-900),
      DBClusterMembers: members.map((DBInstanceIdentifier, index) => ({
        DBInstanceIdentifier,
        IsClusterWriter: index === 0,
        DBClusterParameterGroupStatus: 'in-sync',
        PromotionTier: 1,
      })),
    };
  }

  function authority(name: string, region: string, daysLeft: number, details: Partial<Certificate> = {}): Certificate {
    return {
      CertificateIdentifier: name,
      CertificateArn: `arn:aws:rds:${region}::cert:${name}`,
      CertificateType: 'CA',
      Thumbprint: createHash('sha1').update(`${region} ${name}`).digest('hex'),
      ValidFrom: inDays(-5 * 365),
      ValidTill: inDays(daysLeft),
      CustomerOverride: false,
      ...details,
    };
  }

  const west = 'us-west-2';
  return {
    instances: [
      plantedInstance('a current certificate', instance('nycmg-artists', { daysLeft: 300 })),
      plantedInstance('a current ECDSA certificate', instance('nycmg-tracks', { daysLeft: 250, authority: ecc384 })),
      plantedInstance('an hour before its rotation is overdue', instance('nycmg-rights', { daysLeft: 23 + hour })),
      plantedInstance('its rotation is overdue', instance('nycmg-boroughs', { daysLeft: 20 }), {
        rule: 'expiring',
        severity: 'medium',
      }),
      plantedInstance('an hour less than a fortnight', instance('nycmg-venues', { daysLeft: 14 - hour }), {
        rule: 'expiring',
        severity: 'critical',
      }),
      plantedInstance('expired yesterday', instance('nycmg-royalties', { daysLeft: -1 }), {
        rule: 'expired',
        severity: 'critical',
      }),
      plantedInstance(
        'signed by an authority that ends in two months, and so does this',
        instance('nycmg-legacy', { daysLeft: 59, authority: 'rds-ca-2019' }),
      ),
      plantedInstance(
        'signed by an authority that has just over half a year',
        instance('nycmg-reports', { daysLeft: 170, authority: 'rds-ca-2017' }),
      ),
      plantedInstance(
        'writer of the Aurora cluster',
        member('nycmg-streaming', 'nycmg-streaming-1', { daysLeft: 280 }, 'aurora-postgresql'),
      ),
      plantedInstance(
        'reader of the Aurora cluster: each member has a certificate of its own',
        member('nycmg-streaming', 'nycmg-streaming-2', { daysLeft: 10 }, 'aurora-postgresql'),
        { rule: 'expiring', severity: 'critical' },
      ),
      ...[1, 2, 3].map((index) =>
        plantedInstance(
          'member of the Multi-AZ cluster',
          member('nycmg-ledger', `nycmg-ledger-${index}`, { daysLeft: 300 }, 'postgres'),
        ),
      ),
      plantedInstance(
        'the western replica, under an authority whose override ends soon',
        instance('nycmg-artists-west', { region: west, daysLeft: 100, authority: 'rds-ca-2019' }),
      ),
      plantedInstance(
        'forgotten in the western region, with an authority long gone',
        instance('nycmg-demo-west', { region: west, daysLeft: -100, authority: 'rds-ca-2015' }),
        { rule: 'expired', severity: 'critical' },
      ),
    ],
    clusters: [
      plantedCluster(
        'an Aurora cluster has no certificate, its members have',
        cluster('nycmg-streaming', 'us-east-1', 'aurora-postgresql', ['nycmg-streaming-1', 'nycmg-streaming-2']),
      ),
      plantedCluster(
        'a Multi-AZ cluster has one, and its rotation is overdue',
        {
          ...cluster('nycmg-ledger', 'us-east-1', 'postgres', ['nycmg-ledger-1', 'nycmg-ledger-2', 'nycmg-ledger-3']),
          MultiAZ: true,
          DBClusterInstanceClass: 'db.m6gd.large',
          CertificateDetails: certificateDetails({ daysLeft: 15 }),
        },
        { rule: 'expiring', severity: 'medium' },
      ),
      plantedCluster('a Multi-AZ cluster whose authority nothing else uses', {
        ...cluster('nycmg-charts-west', west, 'postgres', []),
        MultiAZ: true,
        DBClusterInstanceClass: 'db.m6gd.large',
        CertificateDetails: certificateDetails({ daysLeft: 150, authority: 'rds-ca-2017' }),
      }),
    ],
    authorities: [
      plantedAuthority('the default, good for 40 years', authority(rsa2048, 'us-east-1', rsa2048Days)),
      plantedAuthority('good for a century', authority(ecc384, 'us-east-1', ecc384Days)),
      plantedAuthority('an instance needs it, and it ends in two months', authority('rds-ca-2019', 'us-east-1', 60), {
        rule: 'ca-expiring',
        severity: 'medium',
      }),
      plantedAuthority('an hour outside half a year', authority('rds-ca-2017', 'us-east-1', 180 + hour)),
      plantedAuthority('expired, but nothing in this region uses it', authority('rds-ca-2015', 'us-east-1', -200)),
      plantedAuthority('the default of the western region', authority(rsa2048, west, rsa2048Days)),
      plantedAuthority(
        'the override ends long before the authority',
        authority('rds-ca-2019', west, 120, { CustomerOverride: true, CustomerOverrideValidTill: inDays(20) }),
        { rule: 'ca-expiring', severity: 'high' },
      ),
      plantedAuthority('only a cluster uses it', authority('rds-ca-2017', west, 170), {
        rule: 'ca-expiring',
        severity: 'low',
      }),
      plantedAuthority('expired, and a forgotten instance uses it', authority('rds-ca-2015', west, -100), {
        rule: 'ca-expiring',
        severity: 'critical',
      }),
    ],
  };
}

type Findings = PlantedFinding<RuleId>[];

function plantedInstance(why: string, resource: DBInstance, ...findings: Findings): PlantedCase<DBInstance, RuleId> {
  return { resource, resourceId: resource.DBInstanceArn as string, why, findings };
}

function plantedCluster(why: string, resource: DBCluster, ...findings: Findings): PlantedCase<DBCluster, RuleId> {
  return { resource, resourceId: resource.DBClusterArn as string, why, findings };
}

function plantedAuthority(why: string, resource: Certificate, ...findings: Findings): PlantedCase<Certificate, RuleId> {
  return { resource, resourceId: resource.CertificateArn as string, why, findings };
}
