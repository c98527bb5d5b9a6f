import { Stack, Validations } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { CfnBucket, IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Databases } from '../shared/databases.ts';
import { ledgerPrefix, statePrefix } from '../shared/deployment.ts';
import type { EstateAccount } from '../shared/estate.ts';
import { type GrantedPermission, permissionsFor, type TaskDefinition } from '../shared/task.ts';
import { databaseAccess, networkAccess } from './database-access.ts';

/** What every task's function writes to, whatever the task. */
export interface TaskRoleProps {
  readonly definition: TaskDefinition;
  /** The task's parsed configuration. */
  readonly config: unknown;
  /** Accounts of the estate; a role that is named in one may be assumed. */
  readonly accounts: readonly EstateAccount[];
  readonly topics: readonly ITopic[];
  readonly reportBucket: IBucket;
  readonly ledgerBucket: IBucket;
  readonly stateTable: ITable;
  readonly logGroup: ILogGroup;
  readonly failureQueue: IQueue;
  /** Those that the task reads. */
  readonly databases: Databases;
  /** Name of the function, where that is to be in a VPC. */
  readonly nameInNetwork: string | undefined;
}

/**
 * Returns the role of one task's function: what its definition declares, what every task needs to log, trace, keep state,
 * store its report, tell people and log in to the databases that it reads, and nothing else. No managed policy.
 */
export function createTaskRole(scope: Construct, id: string, props: TaskRoleProps): Role {
  const { definition, reportBucket, ledgerBucket } = props;
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    description: `Caretaker: ${definition.title}`,
  });
  const reportPrefix = `reports/${definition.id}/*`;
  const stateObjects = `${statePrefix(definition.id)}*`;
  const declared = permissionsFor(definition, props.config);
  const roleArns = props.accounts.flatMap(({ roleArn }) => roleArn ?? []);
  const grants: [actions: string[], resources: string[]][] = [
    ...declared.map(({ actions, resources }): [string[], string[]] => [[...actions], [...resources]]),
    [['logs:CreateLogStream', 'logs:PutLogEvents'], [props.logGroup.logGroupArn]],
    [['sns:Publish'], props.topics.map((topic) => topic.topicArn)],
    [['s3:PutObject'], [reportBucket.arnForObjects(reportPrefix)]],
    [['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'], [reportBucket.arnForObjects(stateObjects)]],
    // Without it S3 calls a document that does not exist yet denied, not missing:
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    [['s3:ListBucket'], [reportBucket.bucketArn]],
    [['dynamodb:GetItem', 'dynamodb:UpdateItem'], [props.stateTable.tableArn]],
    [['sqs:SendMessage'], [props.failureQueue.queueArn]],
    ...(roleArns.length > 0 ? [[['sts:AssumeRole'], roleArns] as [string[], string[]]] : []),
  ];
  for (const [actions, resources] of grants) role.addToPolicy(new PolicyStatement({ actions, resources }));
  const access = [
    databaseAccess(scope, props.databases),
    ...(props.nameInNetwork === undefined ? [] : [networkAccess(scope, props.nameInNetwork)]),
  ];
  for (const statement of access.flatMap(({ statements }) => statements)) role.addToPolicy(statement);
  if (definition.applies === true) role.addToPolicy(ownBucketsKept(reportBucket, ledgerBucket));
  const ledger = definition.applies === true ? ledgerAccess(ledgerBucket, definition.id) : [];
  for (const statement of ledger) role.addToPolicy(statement);

  const nameOf = (bucket: IBucket) => Stack.of(scope).getLogicalId(bucket.node.defaultChild as CfnBucket);
  const reportBucketId = nameOf(reportBucket);
  Validations.of(role).acknowledge(
    ...wildcardReasons([
      ...declared,
      ...access.flatMap(({ wildcards }) => wildcards),
      {
        actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
        resources: ['*'],
        reason: 'X-Ray accepts no resource for sending traces.',
      },
      {
        actions: ['s3:PutObject'],
        resources: [`<${reportBucketId}.Arn>/${reportPrefix}`],
        reason: 'The key of a report holds its date and run id; the task writes below its own prefix only.',
      },
      {
        actions: ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'],
        resources: [`<${reportBucketId}.Arn>/${stateObjects}`],
        reason: 'What a task remembers are documents that it names itself, below its own prefix only.',
      },
      {
        actions: ledger.length === 0 ? [] : ['s3:GetObject', 's3:PutObject'],
        resources: ledger.length === 0 ? [] : [`<${nameOf(ledgerBucket)}.Arn>/${ledgerPrefix(definition.id)}*`],
        reason: 'Each entry of a ledger is an object of its own, below the prefix of the task only.',
      },
    ]),
  );
  return role;
}

/**
 * Returns what a task that changes things needs to write down what it did: it adds entries to its own ledgers and reads them. Nobody is
 * allowed to delete there.
 */
function ledgerAccess(bucket: IBucket, taskId: string): PolicyStatement[] {
  const prefix = ledgerPrefix(taskId);
  return [
    new PolicyStatement({
      actions: ['s3:GetObject', 's3:PutObject'],
      resources: [bucket.arnForObjects(`${prefix}*`)],
    }),
    new PolicyStatement({
      // Versions tell that the end of a ledger was deleted.
      actions: ['s3:ListBucket', 's3:ListBucketVersions'],
      resources: [bucket.bucketArn],
      // Where there is no prefix, as when an object is asked for: S3 would call one that does not exist denied, not missing.
      conditions: { StringLikeIfExists: { 's3:prefix': `${prefix}*` } },
    }),
  ];
}

/** Whatever a configuration says that a task is to delete, it is not what Caretaker remembers and has written down. */
function ownBucketsKept(...buckets: readonly IBucket[]): PolicyStatement {
  return new PolicyStatement({
    effect: Effect.DENY,
    actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
    resources: buckets.map((bucket) => bucket.arnForObjects('*')),
  });
}

/** Returns one acknowledgement for each resource with a wildcard, with the reasons of every permission that names it. */
function wildcardReasons(permissions: readonly GrantedPermission[]): { id: string; reason: string }[] {
  const byResource = new Map<string, string[]>();
  for (const { actions, resources, reason } of permissions) {
    for (const resource of resources.filter((text) => text.includes('*'))) {
      byResource.set(resource, [...(byResource.get(resource) ?? []), `${actions.join(', ')}: ${reason}`]);
    }
  }
  return [...byResource].map(([resource, reasons]) => ({
    id: `AwsSolutions-IAM5[Resource::${resource}]`,
    reason: reasons.join(' '),
  }));
}
