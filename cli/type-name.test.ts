import { expect, it } from 'vitest';
import { typeName } from './type-name.ts';

it.each([
  ['scope', 'listing', 'listings'],
  ['endpoint', 'endpoint', 'endpoints'],
  ['acm-certificate', 'ACM certificate', 'ACM certificates'],
  ['rds-authority', 'RDS authority', 'RDS authorities'],
  ['rds-instance', 'RDS instance', 'RDS instances'],
  ['rds-cluster', 'RDS cluster', 'RDS clusters'],
  ['rds-snapshot', 'RDS snapshot', 'RDS snapshots'],
  ['backup-vault', 'backup vault', 'backup vaults'],
  ['recovery-point', 'recovery point', 'recovery points'],
  ['backup-copy', 'backup copy', 'backup copies'],
  ['backup-job', 'backup job', 'backup jobs'],
  ['copy-job', 'copy job', 'copy jobs'],
  ['restore-job', 'restore job', 'restore jobs'],
  ['backup-plan-rule', 'backup plan rule', 'backup plan rules'],
  ['s3-bucket', 'S3 bucket', 'S3 buckets'],
  ['s3-replica', 'S3 replica', 'S3 replicas'],
  ['s3-verification', 'S3 verification', 'S3 verifications'],
  ['backup-artifacts', 'artifact set', 'artifact sets'],
  ['backup-artifact', 'backup artifact', 'backup artifacts'],
  ['kms-key', 'KMS key', 'KMS keys'],
  ['dynamodb-table', 'DynamoDB table', 'DynamoDB tables'],
  ['efs-file-system', 'EFS file system', 'EFS file systems'],
  ['fsx-file-system', 'FSx file system', 'FSx file systems'],
  ['ebs-volume', 'EBS volume', 'EBS volumes'],
  ['ec2-instance', 'EC2 instance', 'EC2 instances'],
  ['dns-alias', 'DNS alias', 'DNS aliases'],
  ['integrity-rule', 'declared rule', 'declared rules'],
  ['postgres-index', 'PostgreSQL index', 'PostgreSQL indexes'],
  ['postgres-slot', 'PostgreSQL slot', 'PostgreSQL slots'],
  ['constructor', 'constructor', 'constructors'],
])('calls %s by its name', (type, one, several) => {
  expect(typeName(type, 1)).toBe(one);
  expect(typeName(type, 2)).toBe(several);
  expect(typeName(type, 0)).toBe(several);
});
