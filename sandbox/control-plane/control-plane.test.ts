import {
  ACMClient,
  type CertificateDetail,
  DescribeCertificateCommand,
  KeyAlgorithm,
  ListCertificatesCommand,
  ListTagsForCertificateCommand,
  paginateListCertificates,
} from '@aws-sdk/client-acm';
import {
  GetServerCertificateCommand,
  IAMClient,
  ListServerCertificatesCommand,
  ListUsersCommand,
  paginateListServerCertificates,
} from '@aws-sdk/client-iam';
import {
  type DBInstance,
  DescribeCertificatesCommand,
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  paginateDescribeDBInstances,
  RDSClient,
} from '@aws-sdk/client-rds';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import type { EstateDocument } from './estate-document.ts';

const home = '123456789012';
const other = '210987654321';
const roleArn = `arn:aws:iam::${other}:role/caretaker/reader`;
const oddText = `<&>"'é — “Café” 🎵`;
const notAfter = new Date('2027-03-01T12:34:56.789Z');

const keyTypes: readonly KeyAlgorithm[] = [
  'RSA_1024',
  'RSA_2048',
  'RSA_2048',
  'RSA_2048',
  'RSA_2048',
  'RSA_4096',
  'EC_prime256v1',
  'EC_secp384r1',
];

const arnOf = (account: string, region: string, index: number) =>
  `arn:aws:acm:${region}:${account}:certificate/${index}`;

function certificate(
  account: string,
  region: string,
  index: number,
  details: CertificateDetail = {},
): CertificateDetail {
  return {
    CertificateArn: arnOf(account, region, index),
    DomainName: `${index}.nycmg.example`,
    SubjectAlternativeNames: [`${index}.nycmg.example`, 'é.nycmg.example'],
    Status: 'ISSUED',
    Type: 'AMAZON_ISSUED',
    KeyAlgorithm: keyTypes[index] ?? 'RSA_2048',
    Subject: oddText,
    NotAfter: notAfter,
    InUseBy: ['arn:aws:cloudfront::123456789012:distribution/E1'],
    ...details,
  };
}

const instances: DBInstance[] = Array.from({ length: 7 }, (_, index) => ({
  DBInstanceIdentifier: `db-${index}`,
  DBInstanceArn: `arn:aws:rds:us-east-1:${home}:db:db-${index}`,
  DBName: oddText,
  AllocatedStorage: 20,
  MultiAZ: index === 0,
  CertificateDetails: { CAIdentifier: 'rds-ca-rsa2048-g1', ValidTill: notAfter },
  TagList: [{ Key: oddText, Value: 'é' }],
}));

const estate: EstateDocument = {
  homeAccount: home,
  accounts: {
    [home]: {
      iam: {
        serverCertificates: Array.from({ length: 5 }, (_, index) => ({
          ServerCertificateMetadata: {
            Path: index === 4 ? '/cloudfront/' : '/',
            ServerCertificateName: `server-${index}`,
            ServerCertificateId: `ASCA${index}`,
            Arn: `arn:aws:iam::${home}:server-certificate/server-${index}`,
            Expiration: notAfter,
          },
          CertificateBody: `-----BEGIN CERTIFICATE-----\n${oddText}\n-----END CERTIFICATE-----\n`,
        })),
      },
      regions: {
        'us-east-1': {
          acm: {
            certificates: [
              ...keyTypes.map((_, index) => certificate(home, 'us-east-1', index)),
              certificate(home, 'us-east-1', 8, { Status: 'PENDING_VALIDATION', NotAfter: undefined }),
              certificate(home, 'us-east-1', 9, { CertificateKeyPairOrigin: 'ACME' }),
            ],
          },
          rds: {
            instances,
            clusters: [
              { DBClusterIdentifier: 'cluster-1', DBClusterArn: `arn:aws:rds:us-east-1:${home}:cluster:cluster-1` },
            ],
            certificates: [{ CertificateIdentifier: 'rds-ca-2019', ValidTill: notAfter, CustomerOverride: true }],
          },
          secretsManager: {
            secrets: [{ ARN: 'arn:secret', Name: 'nycmg/db', SecretString: oddText, CreatedDate: notAfter }],
          },
        },
        'us-west-2': { acm: { certificates: [certificate(home, 'us-west-2', 1)] } },
      },
    },
    [other]: {
      sts: { roles: [{ arn: roleArn, externalId: 'shared-secret' }] },
      regions: { 'us-east-1': { acm: { certificates: [certificate(other, 'us-east-1', 1)] } } },
    },
  },
};

type ClientConstructor<Client> = new (configuration: Record<string, unknown>) => Client;

let plane: ControlPlane;
let clients: { destroy(): void }[];

/** Returns a client that finds the control plane by environment variables alone, and does not retry. */
function client<Client extends { destroy(): void }>(
  Constructor: ClientConstructor<Client>,
  configuration: Record<string, unknown> = {},
): Client {
  const made = new Constructor({ region: 'us-east-1', maxAttempts: 1, ...configuration });
  clients.push(made);
  return made;
}

beforeEach(async () => {
  plane = await startControlPlane({ estate });
  for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
  vi.stubEnv('AWS_PROFILE', '');
  clients = [];
});

afterEach(async () => {
  for (const made of clients) made.destroy();
  await plane.stop();
  vi.unstubAllEnvs();
});

async function listedArns(acm: ACMClient, input: ConstructorParameters<typeof ListCertificatesCommand>[0] = {}) {
  const arns: (string | undefined)[] = [];
  // The paginator writes its token into the input.
  for await (const page of paginateListCertificates({ client: acm }, { ...input })) {
    arns.push(...(page.CertificateSummaryList ?? []).map(({ CertificateArn }) => CertificateArn));
  }
  return arns;
}

const allKeyTypes = { Includes: { keyTypes: Object.values(KeyAlgorithm) } };

test('lists no more than a page of certificates at a time, and the whole list over all pages', async () => {
  const acm = client(ACMClient);
  const first = await acm.send(new ListCertificatesCommand(allKeyTypes));
  expect(first.CertificateSummaryList).toHaveLength(3);
  expect(first.NextToken).toEqual(expect.any(String));
  const arns = await listedArns(acm, allKeyTypes);
  expect(arns).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].map((index) => arnOf(home, 'us-east-1', index)));
});

test('makes pages smaller on request and never larger', async () => {
  const acm = client(ACMClient);
  const small = await acm.send(new ListCertificatesCommand({ MaxItems: 2 }));
  const large = await acm.send(new ListCertificatesCommand({ MaxItems: 100 }));
  expect(small.CertificateSummaryList).toHaveLength(2);
  expect(large.CertificateSummaryList).toHaveLength(3);
});

test('hides every key type but RSA_1024 and RSA_2048 from a listing that names none', async () => {
  const arns = await listedArns(client(ACMClient));
  expect(arns).toEqual([0, 1, 2, 3, 4, 8].map((index) => arnOf(home, 'us-east-1', index)));
});

test('hides ACME certificates from a listing that does not ask for them', async () => {
  const arns = await listedArns(client(ACMClient), { CertificateKeyPairOrigins: ['ACME'] });
  expect(arns).toEqual([arnOf(home, 'us-east-1', 9)]);
});

test('lists certificates of the statuses that are asked for', async () => {
  const arns = await listedArns(client(ACMClient), { CertificateStatuses: ['PENDING_VALIDATION'] });
  expect(arns).toEqual([arnOf(home, 'us-east-1', 8)]);
});

test('refuses a filter that it does not honour instead of ignoring it', async () => {
  const listing = client(ACMClient).send(new ListCertificatesCommand({ Includes: { keyUsage: ['ANY'] } }));
  await expect(listing).rejects.toMatchObject({
    name: 'ValidationException',
    message: expect.stringContaining('keyUsage'),
  });
});

test('refuses a token of another listing', async () => {
  const acm = client(ACMClient);
  const { NextToken } = await acm.send(new ListCertificatesCommand({}));
  const elsewhere = client(ACMClient, { region: 'us-west-2' });
  await expect(elsewhere.send(new ListCertificatesCommand({ NextToken }))).rejects.toThrow('pagination token');
  await expect(acm.send(new ListCertificatesCommand({ NextToken: 'bogus' }))).rejects.toThrow('pagination token');
});

test('describes a certificate in full, with key algorithms spelt as ACM spells them', async () => {
  const CertificateArn = arnOf(home, 'us-east-1', 6);
  const { Certificate } = await client(ACMClient).send(new DescribeCertificateCommand({ CertificateArn }));
  expect(Certificate).toEqual({ ...certificate(home, 'us-east-1', 6), KeyAlgorithm: 'EC-prime256v1' });
});

test('answers for a certificate that is not there as ACM does', async () => {
  const CertificateArn = arnOf(home, 'us-west-2', 1);
  const description = client(ACMClient).send(new DescribeCertificateCommand({ CertificateArn }));
  await expect(description).rejects.toMatchObject({ name: 'ResourceNotFoundException', $fault: 'client' });
});

test('lists and reads IAM server certificates over pages and under a path, in any region', async () => {
  const iam = client(IAMClient, { region: 'us-west-2' });
  const first = await iam.send(new ListServerCertificatesCommand({}));
  expect(first).toMatchObject({ IsTruncated: true, Marker: expect.any(String) });
  const names: (string | undefined)[] = [];
  for await (const page of paginateListServerCertificates({ client: iam }, {})) {
    names.push(...(page.ServerCertificateMetadataList ?? []).map((metadata) => metadata.ServerCertificateName));
  }
  expect(names).toEqual(['server-0', 'server-1', 'server-2', 'server-3', 'server-4']);
  const underPath = await iam.send(new ListServerCertificatesCommand({ PathPrefix: '/cloudfront/' }));
  expect(underPath.ServerCertificateMetadataList).toHaveLength(1);
  expect(underPath.IsTruncated).toBe(false);

  const { ServerCertificate } = await iam.send(new GetServerCertificateCommand({ ServerCertificateName: 'server-0' }));
  expect(ServerCertificate).toMatchObject(estate.accounts[home]?.iam?.serverCertificates[0] ?? {});
  const absent = iam.send(new GetServerCertificateCommand({ ServerCertificateName: 'none' }));
  await expect(absent).rejects.toMatchObject({ name: 'NoSuchEntityException' });
});

test('describes RDS instances, clusters and authorities', async () => {
  const rds = client(RDSClient);
  const described: DBInstance[] = [];
  for await (const page of paginateDescribeDBInstances({ client: rds }, {}))
    described.push(...(page.DBInstances ?? []));
  expect(described).toMatchObject(instances);
  const one = await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: 'db-6' }));
  expect(one.DBInstances).toMatchObject([instances[6] ?? {}]);
  const { DBClusters } = await rds.send(new DescribeDBClustersCommand({ DBClusterIdentifier: 'cluster-1' }));
  expect(DBClusters).toMatchObject([{ DBClusterIdentifier: 'cluster-1' }]);
  const { Certificates } = await rds.send(new DescribeCertificatesCommand({ CertificateIdentifier: 'rds-ca-2019' }));
  expect(Certificates).toMatchObject([{ ValidTill: notAfter, CustomerOverride: true }]);
});

test.each([
  [
    'DBInstanceNotFoundFault',
    (rds: RDSClient) => rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: 'x' })),
  ],
  ['DBClusterNotFoundFault', (rds: RDSClient) => rds.send(new DescribeDBClustersCommand({ DBClusterIdentifier: 'x' }))],
  [
    'CertificateNotFoundFault',
    (rds: RDSClient) => rds.send(new DescribeCertificatesCommand({ CertificateIdentifier: 'x' })),
  ],
])('answers %s for an RDS resource that is not there', async (name, send) => {
  await expect(send(client(RDSClient))).rejects.toMatchObject({ name });
});

test('reads structured filters of a query request before refusing them', async () => {
  const Filters = [{ Name: 'engine', Values: ['postgres', oddText] }];
  const described = client(RDSClient).send(new DescribeDBInstancesCommand({ Filters }));
  await expect(described).rejects.toMatchObject({
    name: 'InvalidParameterValue',
    message: expect.stringContaining('Filters'),
  });
});

test('gives the value of a secret by name or ARN', async () => {
  const secrets = client(SecretsManagerClient);
  const byName = await secrets.send(new GetSecretValueCommand({ SecretId: 'nycmg/db' }));
  const byArn = await secrets.send(new GetSecretValueCommand({ SecretId: 'arn:secret' }));
  expect(byName.SecretString).toBe(oddText);
  expect(byArn).toMatchObject({ Name: 'nycmg/db', CreatedDate: notAfter });
  const absent = secrets.send(new GetSecretValueCommand({ SecretId: 'none' }));
  await expect(absent).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('keeps regions apart', async () => {
  expect(await listedArns(client(ACMClient, { region: 'us-west-2' }))).toEqual([arnOf(home, 'us-west-2', 1)]);
  expect(await listedArns(client(ACMClient, { region: 'eu-west-1' }))).toEqual([]);
});

test('keeps accounts apart, by the key that assuming a role hands out', async () => {
  const sts = client(STSClient);
  expect(await sts.send(new GetCallerIdentityCommand({}))).toMatchObject({ Account: home });
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'session', ExternalId: 'shared-secret' }),
  );
  expect(Credentials?.Expiration?.getTime()).toBeGreaterThan(Date.now());
  const credentials = {
    accessKeyId: Credentials?.AccessKeyId,
    secretAccessKey: Credentials?.SecretAccessKey,
    sessionToken: Credentials?.SessionToken,
  };
  const assumed = await client(STSClient, { credentials }).send(new GetCallerIdentityCommand({}));
  expect(assumed).toMatchObject({ Account: other, Arn: `arn:aws:sts::${other}:assumed-role/reader/session` });
  expect(await listedArns(client(ACMClient, { credentials }))).toEqual([arnOf(other, 'us-east-1', 1)]);
});

test.each([
  ['another external id', { RoleArn: roleArn, ExternalId: 'wrong' }],
  ['no external id', { RoleArn: roleArn }],
  ['an unknown role', { RoleArn: `${roleArn}-writer`, ExternalId: 'shared-secret' }],
  ['an unknown account', { RoleArn: 'arn:aws:iam::999999999999:role/reader' }],
])('denies a role to %s', async (_, input) => {
  const assumption = client(STSClient).send(new AssumeRoleCommand({ RoleSessionName: 'session', ...input }));
  await expect(assumption).rejects.toMatchObject({
    name: 'AccessDenied',
    message: expect.stringContaining('sts:AssumeRole'),
  });
});

test('refuses access keys that it has not handed out', async () => {
  const credentials = { accessKeyId: 'AKIDUNKNOWN', secretAccessKey: 'x' };
  const acm = client(ACMClient, { credentials });
  await expect(acm.send(new ListCertificatesCommand({}))).rejects.toMatchObject({
    name: 'UnrecognizedClientException',
  });
  const iam = client(IAMClient, { credentials });
  await expect(iam.send(new ListServerCertificatesCommand({}))).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
});

test('refuses requests that are not signed', async () => {
  const response = await fetch(plane.url, { method: 'POST', body: 'Action=ListServerCertificates' });
  expect(response.status).toBe(403);
  expect(await response.text()).toContain('<Code>MissingAuthenticationToken</Code>');
});

test('names an operation or a service that it does not play', async () => {
  const CertificateArn = arnOf(home, 'us-east-1', 1);
  await expect(client(ACMClient).send(new ListTagsForCertificateCommand({ CertificateArn }))).rejects.toMatchObject({
    name: 'UnknownOperationException',
    message: expect.stringContaining('acm:ListTagsForCertificate'),
  });
  await expect(client(IAMClient).send(new ListUsersCommand({}))).rejects.toMatchObject({
    name: 'InvalidAction',
    message: expect.stringContaining('iam:ListUsers'),
  });
  const queues = client(SQSClient, { endpoint: plane.url });
  await expect(queues.send(new ListQueuesCommand({}))).rejects.toThrow('does not play the service sqs');
});

test('logs every request with its service, operation, region and account', async () => {
  await client(ACMClient, { region: 'us-west-2' }).send(new ListCertificatesCommand({}));
  await client(IAMClient).send(new ListServerCertificatesCommand({}));
  expect(plane.requests).toEqual([
    { service: 'acm', operation: 'ListCertificates', region: 'us-west-2', account: home },
    { service: 'iam', operation: 'ListServerCertificates', region: 'us-east-1', account: home },
  ]);
});

test.each([
  ['acm', 'access-denied', 'AccessDeniedException', () => client(ACMClient).send(new ListCertificatesCommand({}))],
  ['acm', 'throttled', 'ThrottlingException', () => client(ACMClient).send(new ListCertificatesCommand({}))],
  ['acm', 'internal-error', 'InternalFailure', () => client(ACMClient).send(new ListCertificatesCommand({}))],
  ['iam', 'access-denied', 'AccessDenied', () => client(IAMClient).send(new ListServerCertificatesCommand({}))],
  ['iam', 'throttled', 'Throttling', () => client(IAMClient).send(new ListServerCertificatesCommand({}))],
  [
    'iam',
    'internal-error',
    'ServiceFailureException',
    () => client(IAMClient).send(new ListServerCertificatesCommand({})),
  ],
  ['rds', 'access-denied', 'AccessDenied', () => client(RDSClient).send(new DescribeDBInstancesCommand({}))],
  ['rds', 'throttled', 'Throttling', () => client(RDSClient).send(new DescribeDBInstancesCommand({}))],
  ['sts', 'access-denied', 'AccessDenied', () => client(STSClient).send(new GetCallerIdentityCommand({}))],
  ['secretsmanager', 'internal-error', 'InternalServiceError', getSecret],
  ['secretsmanager', 'access-denied', 'AccessDeniedException', getSecret],
] as const)(
  'injects into %s the fault %s, which the SDK sees as %s, until it is lifted',
  async (service, fault, name, send) => {
    const lift = plane.inject({ service, fault });
    await expect(send()).rejects.toMatchObject({ name });
    lift();
    await expect(send()).resolves.toBeDefined();
  },
);

function getSecret() {
  return client(SecretsManagerClient).send(new GetSecretValueCommand({ SecretId: 'nycmg/db' }));
}

test('lets the SDK retry its way through a fault that passes', async () => {
  plane.inject({ service: 'acm', fault: 'throttled', times: 2 });
  const retrying = client(ACMClient, { maxAttempts: 3 });
  await expect(retrying.send(new ListCertificatesCommand({}))).resolves.toBeDefined();
  expect(plane.requests).toHaveLength(3);
});

test('breaks off a listing after its first page', async () => {
  plane.inject({ service: 'acm', operation: 'ListCertificates', afterRequests: 1, fault: 'throttled' });
  await expect(listedArns(client(ACMClient), allKeyTypes)).rejects.toMatchObject({ name: 'ThrottlingException' });
  expect(plane.requests).toHaveLength(2);
});

test('keeps a fault to its operation, region, account and resource', async () => {
  const describe = (index: number, region = 'us-east-1') =>
    client(ACMClient, { region }).send(new DescribeCertificateCommand({ CertificateArn: arnOf(home, region, index) }));
  plane.inject({ service: 'acm', operation: 'ListCertificates', fault: 'access-denied' });
  plane.inject({ service: 'acm', region: 'us-west-2', fault: 'access-denied' });
  plane.inject({ service: 'acm', account: other, fault: 'access-denied' });
  plane.inject({ service: 'acm', resourceId: arnOf(home, 'us-east-1', 2), fault: 'access-denied' });
  await expect(describe(1)).resolves.toBeDefined();
  await expect(describe(1, 'us-west-2')).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(describe(2)).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(client(ACMClient).send(new ListCertificatesCommand({}))).rejects.toThrow('acm:ListCertificates');
});

test('knows a resource by its ARN also where a request has only its name', async () => {
  const read = (ServerCertificateName: string) =>
    client(IAMClient).send(new GetServerCertificateCommand({ ServerCertificateName }));
  plane.inject({
    service: 'iam',
    resourceId: `arn:aws:iam::${home}:server-certificate/server-1`,
    fault: 'access-denied',
  });
  await expect(read('server-1')).rejects.toMatchObject({ name: 'AccessDenied' });
  await expect(read('server-0')).resolves.toBeDefined();
});

test('leaves a request without an answer', async () => {
  plane.inject({ service: 'acm', fault: 'hang' });
  const requestHandler = { requestTimeout: 100, throwOnRequestTimeout: true };
  const hanging = client(ACMClient, { requestHandler }).send(new ListCertificatesCommand({}));
  await expect(hanging).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('breaks the connection', async () => {
  plane.inject({ service: 'rds', fault: 'reset' });
  const broken = client(RDSClient).send(new DescribeDBInstancesCommand({}));
  await expect(broken).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('stops while a request hangs, and is gone then', async () => {
  const short = await startControlPlane({ estate });
  short.inject({ service: 'acm', fault: 'hang' });
  const credentials = {
    accessKeyId: short.environment.AWS_ACCESS_KEY_ID,
    secretAccessKey: short.environment.AWS_SECRET_ACCESS_KEY,
  };
  const hanging = client(ACMClient, { endpoint: short.url, credentials }).send(new ListCertificatesCommand({}));
  const outcome = expect(hanging).rejects.toMatchObject({ code: 'ECONNRESET' });
  await vi.waitUntil(() => short.requests.length > 0);
  await short.stop();
  await outcome;
  await expect(fetch(short.url)).rejects.toThrow();
});
