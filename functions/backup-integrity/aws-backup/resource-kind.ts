import type { Resource } from '../../../shared/resource.ts';

interface Kind {
  /** As this task calls it. */
  readonly kind: string;
  /** As AWS Backup calls it, in its opt-in settings and jobs. */
  readonly backupType: string;
}

/**
 * By the ARN's service and the first word of its resource. Clusters of Aurora, Neptune, DocumentDB and Multi-AZ RDS look alike:
 * without more to go by they are taken for Aurora.
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/access-control.html#resource-arns-table
 */
const kinds: Readonly<Record<string, Kind>> = {
  'rds:db': { kind: 'rds-instance', backupType: 'RDS' },
  'rds:cluster': { kind: 'rds-cluster', backupType: 'Aurora' },
  'dynamodb:table': { kind: 'dynamodb-table', backupType: 'DynamoDB' },
  'ec2:volume': { kind: 'ebs-volume', backupType: 'EBS' },
  'ec2:instance': { kind: 'ec2-instance', backupType: 'EC2' },
  'elasticfilesystem:file-system': { kind: 'efs-file-system', backupType: 'EFS' },
  'fsx:file-system': { kind: 'fsx-file-system', backupType: 'FSx' },
  'fsx:volume': { kind: 'fsx-volume', backupType: 'FSx' },
  'redshift:cluster': { kind: 'redshift-cluster', backupType: 'Redshift' },
  'cloudformation:stack': { kind: 'cloudformation-stack', backupType: 'CloudFormation' },
  'storagegateway:gateway': { kind: 'storage-gateway', backupType: 'Storage Gateway' },
  'timestream:database': { kind: 'timestream-table', backupType: 'Timestream' },
  'backup-gateway:vm': { kind: 'virtual-machine', backupType: 'VirtualMachine' },
  'eks:cluster': { kind: 'eks-cluster', backupType: 'EKS' },
};

/** Returns AWS Backup's name for the type of a resource, as far as its ARN tells; undefined for one that it does not know. */
export function backupTypeOf(arn: string): string | undefined {
  return kindOf(arn)?.backupType;
}

/**
 * Returns the resource that an ARN names. S3's ARNs say neither account nor region: `place` does.
 *
 * @param place where it was met: the account and region of its job or recovery point.
 */
export function resourceOf(
  arn: string,
  place: { account?: string | undefined; region?: string | undefined },
): Resource {
  const [, , service = '', region, account] = arn.split(':');
  return {
    type: kindOf(arn)?.kind ?? `${service || 'unknown'}-resource`,
    id: arn,
    name: nameOf(arn),
    account: account || place.account,
    region: region || place.region,
  };
}

/** Returns the part of an ARN that people call the resource by: `sessions` of `…:table/sessions`. */
export function nameOf(arn: string): string {
  return arn.slice(Math.max(arn.lastIndexOf('/'), arn.lastIndexOf(':')) + 1) || arn;
}

function kindOf(arn: string): Kind | undefined {
  const [, , service = '', , , ...rest] = arn.split(':');
  if (service === 's3') return { kind: 's3-bucket', backupType: 'S3' };
  return kinds[`${service}:${rest[0]?.split('/')[0]}`];
}
