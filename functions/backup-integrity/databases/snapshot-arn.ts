/** Returns whether an ARN is that of a cluster's snapshot, not of an instance's. */
export function isOfCluster(snapshotArn: string): boolean {
  return snapshotArn.split(':')[5] === 'cluster-snapshot';
}
