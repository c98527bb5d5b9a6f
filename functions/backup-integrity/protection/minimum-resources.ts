import { type CoverageLedger, scopeType } from '../../../shared/coverage.ts';
import type { Resource } from '../../../shared/resource.ts';
import { isOfRestoreTest } from '../aws-backup/leaked-restore.ts';
import type { BackupConfig, Policy } from '../config.ts';
import { policiesFor } from './policies.ts';
import type { ProtectedResource } from './protected-resource.ts';

/** Where resources come from that a policy can select, as `sources` calls it. */
type Family = 'rds' | 's3' | 'others';

const families: readonly Family[] = ['rds', 's3', 'others'];

/** Listings of resources, by how their ids begin. What another listing holds takes no resource away from a policy. */
const listings: readonly (readonly [prefix: string, families: readonly Family[]])[] = [
  ['account/', families],
  ['rds/instances/', ['rds']],
  ['rds/clusters/', ['rds']],
  ['s3/', ['s3']],
  ['tagging/', ['others']],
];

/**
 * Lets the run fail for every policy that finds less than it expects: it looks in the wrong place, or somebody has deleted what it was to
 * protect. What could not be listed explains itself; what `sources` leaves out leaves the policy unchecked.
 */
export function requireMinimum(
  items: readonly Pick<ProtectedResource, 'resource' | 'tags'>[],
  { policies, sources }: Pick<BackupConfig, 'policies' | 'sources'>,
  coverage: CoverageLedger,
  estateName: string,
): void {
  const unread = new Set(coverage.summary().unchecked.flatMap(({ resource }) => familiesUnread(resource)));
  const own = items.filter(({ resource }) => !isOfRestoreTest(resource.name));
  for (const policy of policies) {
    const found = own.filter(({ resource, tags }) => policiesFor(resource, tags, { policies: [policy] }).length > 0);
    const wanted = familiesOf(policy);
    if (found.length >= policy.minimumResources || wanted.some((family) => unread.has(family))) continue;
    const resource = {
      type: scopeType,
      id: `policy/${estateName}/${policy.id}`,
      name: `resources of the policy ${policy.id}`,
    };
    const leftOut = wanted.filter((family) => !sources.includes(family));
    const said = `${found.length} resources match, at least ${policy.minimumResources} expected`;
    if (leftOut.length > 0) {
      coverage.unchecked(resource, 'source-left-out', `${said}, and sources leaves ${leftOut.join(' and ')} out.`);
      continue;
    }
    coverage.fail(
      resource,
      'fewer-than-expected',
      `${said}. Is this the right account, region and pattern, or have they been deleted? If all is well, lower minimumResources.`,
    );
  }
}

/** A bucket whose tags could not be read may be one that a policy asks for. */
function familiesUnread({ type, id }: Resource): readonly Family[] {
  if (type === 's3-bucket') return ['s3'];
  return type === scopeType ? (listings.find(([prefix]) => id.startsWith(prefix))?.[1] ?? []) : [];
}

function familiesOf({ select: { types } }: Policy): readonly Family[] {
  if (types === undefined) return families;
  const familyOf = (type: string): Family => (type.startsWith('rds-') ? 'rds' : type === 's3-bucket' ? 's3' : 'others');
  return [...new Set(types.map(familyOf))];
}
