import { scopeType } from '../../../shared/coverage.ts';
import { bucketArn } from '../../../shared/objects/bucket-arn.ts';
import type { Unchecked } from '../../../shared/report.ts';
import type { ArtifactSet } from '../artifacts/facts.ts';
import type { BackupConfig } from '../config.ts';
import type { Replica } from '../replicas/facts.ts';
import type { BlindSpot } from './protected-resource.ts';

/** What the run was to look at, and what came of it. */
export interface Sight {
  readonly config: BackupConfig;
  readonly homeRegion: string;
  /** Of the run, which may be narrower than the estate. */
  readonly regions: readonly string[];
  readonly accounts: readonly string[];
  /** How the invocation narrows the run, if it does. */
  readonly scope: { readonly accounts?: unknown; readonly regions?: unknown };
  readonly unchecked: readonly Unchecked[];
  readonly artifacts: readonly Pick<ArtifactSet, 'configId'>[];
  readonly replicas: readonly Pick<Replica, 'configId' | 'isPartial'>[];
}

/** No region and no account: of what is hidden there nothing can be said of a place that was looked at. */
const elsewhere = 'elsewhere';

/** What unread listings may hold, by how their ids begin; other listings hold nothing that could be restored. */
const hidden: readonly (readonly [prefix: string, what: Pick<BlindSpot, 'hides' | 'of'>])[] = [
  ['account/', {}],
  ['backup/vaults/', {}],
  ['backup/copy-jobs/', { hides: 'points' }],
  // They tell how far a continuous backup has come.
  ['backup/jobs/', { hides: 'points' }],
  ['backup/restore-jobs/', { hides: 'restores' }],
  ['backup/region-settings/', { hides: 'settings' }],
  ['rds/snapshots/', { hides: 'points', of: 'databases' }],
  ['rds/cluster-snapshots/', { hides: 'points', of: 'databases' }],
  ['rds/automated-backups/', { hides: 'points', of: 'databases' }],
  ['rds/cluster-automated-backups/', { hides: 'points', of: 'databases' }],
];

/**
 * Returns where there may be more to restore from than was found: listings and vaults that could not be read, replicas and artifacts that
 * were not looked through to the end, what `sources` leaves out, and the regions and accounts beyond this run.
 */
export function blindSpots(sight: Sight): BlindSpot[] {
  return [...unread(sight), ...unreadObjects(sight), ...leftOut(sight), ...beyond(sight)];
}

function unread({ unchecked }: Sight): BlindSpot[] {
  return unchecked.flatMap(({ resource: { type, id, name, account, region } }): BlindSpot[] => {
    if (type === 'backup-vault') return [{ name, account, region }];
    const what = type === scopeType ? hidden.find(([prefix]) => id.startsWith(prefix))?.[1] : undefined;
    return what === undefined ? [] : [{ name, account, region, ...what }];
  });
}

/** An artifact or a replica is a backup of one resource, and hides nothing of any other. */
function unreadObjects({ config, homeRegion, artifacts, replicas }: Sight): BlindSpot[] {
  const anywhere = { account: undefined, region: undefined, hides: 'points' } as const;
  const listed = new Set(artifacts.map(({ configId }) => configId));
  const compared = new Set(replicas.filter(({ isPartial }) => !isPartial).map(({ configId }) => configId));
  return [
    ...config.artifacts
      .filter(({ id }) => !listed.has(id))
      .flatMap(({ id, protects }) =>
        protects === undefined ? [] : [{ name: `the artifacts ${id}`, of: protects, ...anywhere }],
      ),
    ...config.replicas
      .filter(({ id, source }) => source.prefix === '' && !compared.has(id))
      .map(({ id, source: { bucket, region = homeRegion } }) => ({
        name: `the replica ${id}`,
        of: bucketArn(bucket, region),
        ...anywhere,
      })),
  ];
}

function leftOut({ config }: Sight): BlindSpot[] {
  if (config.sources.includes('aws-backup')) return [];
  return [{ name: 'AWS Backup, which sources leaves out', account: undefined, region: undefined }];
}

function beyond({ config, regions, accounts, scope }: Sight): BlindSpot[] {
  const copies = config.policies.flatMap((policy) => policy.copies ?? []);
  const unseenRegions = copies.flatMap((wanted) => wanted.regions).filter((region) => !regions.includes(region));
  const unseenAccounts =
    scope.accounts === undefined
      ? []
      : copies.flatMap((wanted) => wanted.accounts).filter((account) => !accounts.includes(account));
  return [
    ...[...new Set(unseenRegions)].map((region) => ({
      name: `the region ${region}, which this run does not look at`,
      account: undefined,
      region,
    })),
    ...[...new Set(unseenAccounts)].map((account) => ({
      name: `the account ${account}, which this run does not look at`,
      account,
      region: undefined,
    })),
    ...(scope.regions === undefined
      ? []
      : [{ name: 'the regions that this run leaves out', account: undefined, region: elsewhere }]),
    ...(scope.accounts === undefined
      ? []
      : [{ name: 'the accounts that this run leaves out', account: elsewhere, region: undefined }]),
  ];
}
