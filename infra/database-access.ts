import { Annotations, Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement, type PolicyStatementProps } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { ConfigError } from '../shared/config-error.ts';
import { type DatabaseConnection, type Databases, readConnection } from '../shared/databases.ts';
import type { GrantedPermission } from '../shared/task.ts';

/** What a function may do to log in to databases. */
export interface DatabaseAccess {
  readonly statements: readonly PolicyStatement[];
  /** The same permissions as far as they name resources by patterns, with the reason why. */
  readonly wildcards: readonly GrantedPermission[];
}

/** Secrets Manager puts a hyphen and six characters behind the name of a secret in its ARN. */
const randomSuffix = '-??????';

/**
 * Returns what a function needs to log in to these databases: for reading at their replicas where they have one, and as their writers
 * where it is told of one.
 *
 * @throws ConfigError for a connection string with a password: the configuration travels with the code, where many can read it.
 */
export function databaseAccess(scope: Construct, databases: Databases): DatabaseAccess {
  const logins = Object.entries(databases).flatMap(([name, database]) => [
    { path: `databases.${name}`, connection: readConnection(database) },
    ...(database.writer === undefined ? [] : [{ path: `databases.${name}.writer`, connection: database.writer }]),
  ]);
  const connections = logins.map(({ connection }) => connection);
  const faults = logins
    .filter(({ connection }) => hasPassword(connection))
    .map(({ path }) => ({
      path,
      message: 'holds a password, and would be deployed with the code; keep it in a secret and name that: { secretId }',
    }));
  if (faults.length > 0) throw new ConfigError('deployment', faults);
  const { region, partition } = Stack.of(scope);
  const secrets = [...new Set(connections.flatMap((connection) => secretArn(connection, region, partition)))];
  const users = [...new Set(connections.flatMap((connection) => databaseUserArn(connection, partition)))];
  const granted: (PolicyStatementProps & { readonly reason: string })[] = [];
  if (secrets.length > 0) {
    granted.push(
      {
        actions: ['secretsmanager:GetSecretValue'],
        resources: secrets,
        reason: 'The ARN of a secret ends in characters that only Secrets Manager knows.',
      },
      {
        // A secret that is encrypted with a key of one's own: this key, for this, and for nothing else.
        actions: ['kms:Decrypt'],
        resources: ['*'],
        conditions: {
          StringLike: {
            'kms:ViaService': `secretsmanager.*.${Stack.of(scope).urlSuffix}`,
            'kms:EncryptionContext:SecretARN': secrets,
          },
        },
        reason:
          'Only on behalf of Secrets Manager and for the secrets named, whose keys the configuration does not know.',
      },
    );
  }
  if (users.length > 0) {
    granted.push({
      actions: ['rds-db:connect'],
      resources: users,
      reason: 'As these users; the resource ids of the databases are not in the configuration.',
    });
  }
  return {
    statements: granted.map(({ reason: _, ...statement }) => new PolicyStatement(statement)),
    wildcards: granted.map(({ actions = [], resources = [], reason }) => ({ actions, resources, reason })),
  };
}

/** Without one, whatever the task has to change in the database stays as it is, run after run. */
export function warnOfNoWriter(scope: Construct, taskId: string, database: string): void {
  Annotations.of(scope).addWarningV2(
    `caretaker:no-writer-${database}`,
    `${taskId} is to change data in ${database}, and databases.${database} has no writer: nothing there will be changed. ` +
      'See "databases" in docs/configuration.md.',
  );
}

/**
 * Returns what a function in a VPC needs of EC2. Lambda itself uses it, on the function's behalf; the function's own code is kept from it.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice-security
 */
export function networkAccess(scope: Construct, name: string): DatabaseAccess {
  const actions = [
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:UnassignPrivateIpAddresses',
  ];
  const { partition, region, account } = Stack.of(scope);
  const functionArn = `arn:${partition}:lambda:${region}:${account}:function:${name}`;
  return {
    statements: [
      new PolicyStatement({ actions, resources: ['*'] }),
      new PolicyStatement({
        effect: Effect.DENY,
        actions,
        resources: ['*'],
        conditions: { ArnEquals: { 'lambda:SourceFunctionArn': functionArn } },
      }),
    ],
    wildcards: [
      {
        actions,
        resources: ['*'],
        reason: 'Lambda makes the network interfaces of a function in a VPC; the function itself is denied all of it.',
      },
    ],
  };
}

/** A URL that is none does not parse; there is no telling what is in it. `pg` takes a password from the query too. */
function hasPassword(connection: DatabaseConnection): boolean {
  if (!('url' in connection)) return false;
  const url = URL.parse(connection.url);
  return url === null || url.password !== '' || url.searchParams.has('password');
}

function secretArn(connection: DatabaseConnection, region: string, partition: string): string[] {
  if (!('secretId' in connection)) return [];
  const { secretId } = connection;
  if (!secretId.startsWith('arn:'))
    return [`arn:${partition}:secretsmanager:${region}:*:secret:${secretId}${randomSuffix}`];
  return [/-[A-Za-z0-9]{6}$/.test(secretId) ? secretId : `${secretId}${randomSuffix}`];
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html */
function databaseUserArn(connection: DatabaseConnection, partition: string): string[] {
  return 'iam' in connection ? [`arn:${partition}:rds-db:*:*:dbuser:*/${connection.user}`] : [];
}
