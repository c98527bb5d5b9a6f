import {
  paginateDescribeDBClusterParameterGroups,
  paginateDescribeDBParameterGroups,
  paginateDescribeDBSubnetGroups,
} from '@aws-sdk/client-rds';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { listingOf, type RdsPlace } from './rds-place.ts';

/** What a restore of a database names, and what therefore has to be there. */
export type GroupKind = 'subnet-group' | 'parameter-group' | 'cluster-parameter-group';

const titles: Readonly<Record<GroupKind, string>> = {
  'subnet-group': 'DB subnet groups',
  'parameter-group': 'DB parameter groups',
  'cluster-parameter-group': 'DB cluster parameter groups',
};

/**
 * Returns the names of all groups of a kind, in lower case; undefined when they could not be listed to the end, for then nothing is
 * missing. A list without a single group cannot be right where a database uses one, and is not believed.
 */
export async function readGroups(place: RdsPlace, kind: GroupKind): Promise<ReadonlySet<string> | undefined> {
  return place.coverage.look(listingOf(place, `${kind}s`, titles[kind]), async () => {
    const names = new Set<string>();
    for await (const name of groupNames(place, kind)) if (name !== undefined) names.add(name.toLowerCase());
    if (names.size > 0) return names;
    throw new UncheckedError('unreadable', `RDS lists no ${titles[kind]}, though a database here has one.`);
  });
}

async function* groupNames({ client, signal }: RdsPlace, kind: GroupKind): AsyncGenerator<string | undefined> {
  const cancel = { abortSignal: signal };
  if (kind === 'subnet-group') {
    for await (const page of paginateDescribeDBSubnetGroups({ client }, {}, cancel))
      for (const { DBSubnetGroupName } of page.DBSubnetGroups ?? []) yield DBSubnetGroupName;
    return;
  }
  if (kind === 'parameter-group') {
    for await (const page of paginateDescribeDBParameterGroups({ client }, {}, cancel))
      for (const { DBParameterGroupName } of page.DBParameterGroups ?? []) yield DBParameterGroupName;
    return;
  }
  for await (const page of paginateDescribeDBClusterParameterGroups({ client }, {}, cancel))
    for (const { DBClusterParameterGroupName } of page.DBClusterParameterGroups ?? [])
      yield DBClusterParameterGroupName;
}
