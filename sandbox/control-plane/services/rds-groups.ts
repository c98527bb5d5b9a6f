import {
  type DBClusterParameterGroupsMessage,
  type DBParameterGroupsMessage,
  type DBSubnetGroupMessage,
  DescribeDBClusterParameterGroups$,
  type DescribeDBClusterParameterGroupsMessage,
  DescribeDBParameterGroups$,
  type DescribeDBParameterGroupsMessage,
  DescribeDBSubnetGroups$,
  type DescribeDBSubnetGroupsMessage,
} from '@aws-sdk/client-rds';
import { operation, refuseOthers } from '../service.ts';
import { select } from './rds-select.ts';

/** What RDS answers about the groups that a database, and so its restore, needs. */
export const groupOperations = [
  operation(DescribeDBSubnetGroups$, (input: DescribeDBSubnetGroupsMessage, call): DBSubnetGroupMessage => {
    const { DBSubnetGroupName, Marker, MaxRecords, ...others } = input;
    refuseOthers(others);
    const named = select(
      call.regional.rds?.subnetGroups ?? [],
      DBSubnetGroupName,
      (group) => [group.DBSubnetGroupName],
      { code: 'DBSubnetGroupNotFoundFault', status: 404 },
    );
    const { items, next } = call.page(named, Marker, MaxRecords);
    return { DBSubnetGroups: items, Marker: next };
  }),

  operation(DescribeDBParameterGroups$, (input: DescribeDBParameterGroupsMessage, call): DBParameterGroupsMessage => {
    const { DBParameterGroupName, Marker, MaxRecords, ...others } = input;
    refuseOthers(others);
    const named = select(
      call.regional.rds?.parameterGroups ?? [],
      DBParameterGroupName,
      (group) => [group.DBParameterGroupName],
      { code: 'DBParameterGroupNotFound', status: 404 },
    );
    const { items, next } = call.page(named, Marker, MaxRecords);
    return { DBParameterGroups: items, Marker: next };
  }),

  operation(
    DescribeDBClusterParameterGroups$,
    (input: DescribeDBClusterParameterGroupsMessage, call): DBClusterParameterGroupsMessage => {
      const { DBClusterParameterGroupName, Marker, MaxRecords, ...others } = input;
      refuseOthers(others);
      const named = select(
        call.regional.rds?.clusterParameterGroups ?? [],
        DBClusterParameterGroupName,
        (group) => [group.DBClusterParameterGroupName],
        // The code of the other kind, which is what the real service and its client's error class say.
        { code: 'DBParameterGroupNotFound', status: 404 },
      );
      const { items, next } = call.page(named, Marker, MaxRecords);
      return { DBClusterParameterGroups: items, Marker: next };
    },
  ),
];
