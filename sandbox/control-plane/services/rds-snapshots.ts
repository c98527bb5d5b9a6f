import {
  type DBClusterSnapshot,
  type DBClusterSnapshotAttribute,
  type DBClusterSnapshotMessage,
  type DBSnapshot,
  type DBSnapshotAttribute,
  type DBSnapshotMessage,
  DescribeDBClusterSnapshotAttributes$,
  type DescribeDBClusterSnapshotAttributesMessage,
  type DescribeDBClusterSnapshotAttributesResult,
  DescribeDBClusterSnapshots$,
  type DescribeDBClusterSnapshotsMessage,
  DescribeDBSnapshotAttributes$,
  type DescribeDBSnapshotAttributesMessage,
  type DescribeDBSnapshotAttributesResult,
  DescribeDBSnapshots$,
  type DescribeDBSnapshotsMessage,
} from '@aws-sdk/client-rds';
import type { RegionDocument } from '../estate-document.ts';
import { Refusal } from '../refusal.ts';
import { type Call, operation, refuseOthers } from '../service.ts';
import { select } from './rds-select.ts';

/** A snapshot, and who may restore it: nobody else without attributes. */
export interface SnapshotDocument {
  readonly snapshot: DBSnapshot;
  readonly attributes?: readonly DBSnapshotAttribute[];
}

/** A snapshot of a cluster, and who may restore it: nobody else without attributes. */
export interface ClusterSnapshotDocument {
  readonly snapshot: DBClusterSnapshot;
  readonly attributes?: readonly DBClusterSnapshotAttribute[];
}

const snapshotNotFound = { code: 'DBSnapshotNotFound', status: 404 };
const clusterSnapshotNotFound = { code: 'DBClusterSnapshotNotFoundFault', status: 404 };

/** What RDS answers about snapshots. */
export const snapshotOperations = [
  operation(DescribeDBSnapshots$, (input: DescribeDBSnapshotsMessage, call): DBSnapshotMessage => {
    const { DBSnapshotIdentifier, DBInstanceIdentifier, DbiResourceId, Marker, MaxRecords, ...rest } = input;
    const { SnapshotType, IncludeShared, IncludePublic, ...others } = rest;
    refuseOthers(others);
    const visible = visibleSnapshots(call, (region) => region.rds?.snapshots, rest).filter(
      (snapshot) =>
        (DBInstanceIdentifier === undefined || snapshot.DBInstanceIdentifier === DBInstanceIdentifier) &&
        (DbiResourceId === undefined || snapshot.DbiResourceId === DbiResourceId),
    );
    const named = select(visible, DBSnapshotIdentifier, idsOf, snapshotNotFound);
    const { items, next } = call.page(named, Marker, MaxRecords);
    return { DBSnapshots: items, Marker: next };
  }),

  operation(DescribeDBClusterSnapshots$, (input: DescribeDBClusterSnapshotsMessage, call): DBClusterSnapshotMessage => {
    const { DBClusterSnapshotIdentifier, DBClusterIdentifier, DbClusterResourceId, Marker, MaxRecords, ...rest } =
      input;
    const { SnapshotType, IncludeShared, IncludePublic, ...others } = rest;
    refuseOthers(others);
    const visible = visibleSnapshots(call, (region) => region.rds?.clusterSnapshots, rest).filter(
      (snapshot) =>
        (DBClusterIdentifier === undefined || snapshot.DBClusterIdentifier === DBClusterIdentifier) &&
        (DbClusterResourceId === undefined || snapshot.DbClusterResourceId === DbClusterResourceId),
    );
    const named = select(visible, DBClusterSnapshotIdentifier, clusterIdsOf, clusterSnapshotNotFound);
    const { items, next } = call.page(named, Marker, MaxRecords);
    return { DBClusterSnapshots: items, Marker: next };
  }),

  operation(
    DescribeDBSnapshotAttributes$,
    (input: DescribeDBSnapshotAttributesMessage, call): DescribeDBSnapshotAttributesResult => {
      const id = input.DBSnapshotIdentifier;
      const found = call.regional.rds?.snapshots?.find(({ snapshot }) => idsOf(snapshot).includes(id));
      if (found === undefined) throw new Refusal(snapshotNotFound, `DBSnapshot ${id} not found.`);
      return {
        DBSnapshotAttributesResult: {
          DBSnapshotIdentifier: found.snapshot.DBSnapshotIdentifier,
          DBSnapshotAttributes: [...(found.attributes ?? notShared)],
        },
      };
    },
  ),

  operation(
    DescribeDBClusterSnapshotAttributes$,
    (input: DescribeDBClusterSnapshotAttributesMessage, call): DescribeDBClusterSnapshotAttributesResult => {
      const id = input.DBClusterSnapshotIdentifier;
      const found = call.regional.rds?.clusterSnapshots?.find(({ snapshot }) => clusterIdsOf(snapshot).includes(id));
      if (found === undefined) throw new Refusal(clusterSnapshotNotFound, `DBClusterSnapshot ${id} not found.`);
      return {
        DBClusterSnapshotAttributesResult: {
          DBClusterSnapshotIdentifier: found.snapshot.DBClusterSnapshotIdentifier,
          DBClusterSnapshotAttributes: [...(found.attributes ?? notShared)],
        },
      };
    },
  ),
];

const notShared: readonly DBSnapshotAttribute[] = [{ AttributeName: 'restore', AttributeValues: [] }];

function idsOf(snapshot: DBSnapshot) {
  return [snapshot.DBSnapshotIdentifier, snapshot.DBSnapshotArn];
}

function clusterIdsOf(snapshot: DBClusterSnapshot) {
  return [snapshot.DBClusterSnapshotIdentifier, snapshot.DBClusterSnapshotArn];
}

/**
 * Returns what a listing of snapshots is about: the account's own of every type, unless one type is asked for, and those that
 * other accounts share with it or with everybody only on request
 * (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html).
 */
function visibleSnapshots<T extends { SnapshotType?: string }>(
  call: Call,
  snapshotsOf: (region: RegionDocument) => readonly SharedSnapshot<T>[] | undefined,
  { SnapshotType: type, IncludeShared = false, IncludePublic = false }: DescribeDBSnapshotsMessage,
): T[] {
  const own = (snapshotsOf(call.regional) ?? []).map(({ snapshot }) => snapshot);
  const foreign = call.otherAccounts.flatMap(({ regions }) => snapshotsOf(regions[call.region] ?? {}) ?? []);
  const openTo = (account: string) =>
    foreign.filter((snapshot) => mayRestore(snapshot, account)).map(({ snapshot }) => snapshot);
  if (type === 'shared') return openTo(call.caller.account);
  if (type === 'public') return openTo('all');
  if (type !== undefined) return own.filter((snapshot) => (snapshot.SnapshotType ?? 'manual') === type);
  const shared = IncludeShared ? openTo(call.caller.account) : [];
  const open = IncludePublic ? openTo('all') : [];
  return [...new Set([...own, ...shared, ...open])];
}

interface SharedSnapshot<T> {
  readonly snapshot: T;
  readonly attributes?: readonly DBSnapshotAttribute[];
}

function mayRestore({ attributes = [] }: SharedSnapshot<unknown>, account: string): boolean {
  return attributes.some(
    ({ AttributeName, AttributeValues }) => AttributeName === 'restore' && AttributeValues?.includes(account),
  );
}
