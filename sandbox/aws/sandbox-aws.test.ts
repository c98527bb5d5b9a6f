import { ACMClient, ListCertificatesCommand } from '@aws-sdk/client-acm';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  GetSubscriptionAttributesCommand,
  ListSubscriptionsCommand,
  PublishCommand,
  SNSClient,
} from '@aws-sdk/client-sns';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { environmentNames } from '../../shared/deployment.ts';
import type { EstateDocument } from '../control-plane/estate-document.ts';
import { type SandboxAws, startSandboxAws } from './sandbox-aws.ts';

const now = new Date('2026-11-01T12:00:00Z');
const bucket = 'nycmg-masters';
/** Long, and with what a router might make something else of. */
const oddKey = `/a//b/../%2F c+d?e#f/é🎵/${'x'.repeat(900)}`;

const document: EstateDocument = {
  homeAccount: '123456789012',
  accounts: {
    '123456789012': {
      s3: {
        buckets: {
          [bucket]: {
            region: 'us-east-1',
            creationDate: now,
            objects: [{ key: oddKey, lastModified: now, body: Buffer.from('é') }],
          },
        },
      },
      regions: { 'us-east-1': { kms: { keys: [] } } },
    },
  },
};

let aws: SandboxAws;
const clients: { destroy(): void }[] = [];

/** Returns a client that is configured by the sandbox's environment variables alone. */
function client<Client extends { destroy(): void }>(Constructor: new (configuration: object) => Client): Client {
  const made = new Constructor({});
  clients.push(made);
  return made;
}

beforeAll(async () => {
  aws = await startSandboxAws({ now, documents: [document] });
  vi.stubEnv('AWS_PROFILE', 'production');
  for (const [name, value] of Object.entries(aws.environment)) vi.stubEnv(name, value);
});

afterAll(async () => {
  for (const made of clients) made.destroy();
  await aws.stop();
  vi.unstubAllEnvs();
});

test('answers as the sample account, whatever profile the machine has', async () => {
  const { Account } = await client(STSClient).send(new GetCallerIdentityCommand({}));
  expect(Account).toBe('123456789012');
});

test('answers from the sample estate', async () => {
  const { CertificateSummaryList } = await client(ACMClient).send(new ListCertificatesCommand({}));
  expect(CertificateSummaryList?.[0]?.DomainName).toBe(aws.certificates.acm[0]?.resource.DomainName);
});

test('delivers a page by SMS and e-mail and a notice by e-mail, each in its own words', async () => {
  const Message = JSON.stringify({ default: 'long', sms: 'short', email: 'Dear operator' });
  const sns = client(SNSClient);
  const pageTopicArn = aws.environment[environmentNames.pageTopicArn];
  const noticeTopicArn = aws.environment[environmentNames.noticeTopicArn];
  await sns.send(new PublishCommand({ TopicArn: pageTopicArn, Subject: 'Page', Message, MessageStructure: 'json' }));
  await sns.send(
    new PublishCommand({ TopicArn: noticeTopicArn, Subject: 'Notice', Message, MessageStructure: 'json' }),
  );
  expect(aws.deliveries()).toMatchObject([
    { protocol: 'email', endpoint: 'ops@nycmg.example', subject: 'Page', body: 'Dear operator' },
    { protocol: 'sms', endpoint: '+12125550123', body: 'short', topicArn: pageTopicArn },
    {
      protocol: 'email',
      endpoint: 'ops@nycmg.example',
      subject: 'Notice',
      body: 'Dear operator',
      topicArn: noticeTopicArn,
    },
  ]);
});

test('has confirmed its subscriptions', async () => {
  const sns = client(SNSClient);
  const { Subscriptions = [] } = await sns.send(new ListSubscriptionsCommand({}));
  expect(Subscriptions).toHaveLength(3);
  for (const { SubscriptionArn } of Subscriptions) {
    const { Attributes } = await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
    expect(Attributes?.PendingConfirmation).toBe('false');
  }
});

test('keeps reports in its bucket', async () => {
  const s3 = client(S3Client);
  const place = { Bucket: aws.environment[environmentNames.reportBucket], Key: 'reports/é & <1>.json' };
  await s3.send(new PutObjectCommand({ ...place, Body: '{"é":1}', ContentType: 'application/json' }));
  const { Body } = await s3.send(new GetObjectCommand(place));
  expect(await Body?.transformToString()).toBe('{"é":1}');
});

test('reads buckets of the estate from its documents, at the endpoint that takes writes', async () => {
  const s3 = client(S3Client);
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  expect(Buckets).toMatchObject([{ Name: bucket }]);
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
  expect(Contents).toMatchObject([{ Key: oddKey, Size: 2, LastModified: now }]);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: oddKey }));
  expect(await Body?.transformToString()).toBe('é');
  const write = s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'new', Body: 'x' }));
  await expect(write).rejects.toMatchObject({ name: 'NotImplemented' });
  expect(aws.controlPlane.requests.filter(({ service }) => service === 's3')).toMatchObject([
    { operation: 'ListBuckets' },
    { operation: 'ListObjectsV2' },
    { operation: 'GetObject', region: 'us-east-1', account: '123456789012' },
    { operation: `PUT /${bucket}/new` },
  ]);
});

test('strikes buckets of the estate with faults, and leaves its own alone', async () => {
  const s3 = new S3Client({ maxAttempts: 1, requestHandler: { requestTimeout: 100, throwOnRequestTimeout: true } });
  clients.push(s3);
  const list = (Bucket: string | undefined) => s3.send(new ListObjectsV2Command({ Bucket }));
  const lift = aws.controlPlane.inject({ service: 's3', fault: 'access-denied' });
  await expect(list(bucket)).rejects.toMatchObject({ name: 'AccessDenied' });
  await expect(list(aws.environment[environmentNames.reportBucket])).resolves.toBeDefined();
  lift();
  const liftReset = aws.controlPlane.inject({ service: 's3', resourceId: bucket, fault: 'reset' });
  await expect(list(bucket)).rejects.toMatchObject({ code: 'ECONNRESET' });
  liftReset();
  const liftHang = aws.controlPlane.inject({ service: 's3', resourceId: bucket, fault: 'hang' });
  await expect(list(bucket)).rejects.toMatchObject({ name: 'TimeoutError' });
  liftHang();
  await expect(list(bucket)).resolves.toBeDefined();
});

test('keeps state in its table, with conditional writes', async () => {
  const dynamo = client(DynamoDBClient);
  const TableName = aws.environment[environmentNames.stateTable];
  const Item = { pk: { S: 'lease' }, sk: { S: 'é' }, owner: { S: 'me' } };
  const put = new PutItemCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' });
  await dynamo.send(put);
  await expect(dynamo.send(put)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  const read = await dynamo.send(new GetItemCommand({ TableName, Key: { pk: Item.pk, sk: Item.sk } }));
  expect(read.Item).toEqual(Item);
});

test('stops while a request for a bucket of the estate hangs', async () => {
  const short = await startSandboxAws({ now, documents: [document] });
  short.controlPlane.inject({ service: 's3', fault: 'hang' });
  const { AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID = '' } = short.environment;
  const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: 'sandbox' };
  const s3 = new S3Client({ endpoint: AWS_ENDPOINT_URL_S3, credentials, maxAttempts: 1 });
  clients.push(s3);
  const hanging = s3.send(new ListObjectsV2Command({ Bucket: bucket })).catch((error: Error) => error);
  await vi.waitUntil(() => short.controlPlane.requests.length > 0);
  await short.stop();
  expect(await hanging).toMatchObject({ code: 'ECONNRESET' });
});

test('leaves nothing open once it is stopped', async () => {
  const { stop, environment } = await startSandboxAws({ now: new Date() });
  const { AWS_ENDPOINT_URL_ACM, AWS_ENDPOINT_URL_SNS, AWS_ENDPOINT_URL_DYNAMODB } = environment;
  const urls = [AWS_ENDPOINT_URL_ACM, AWS_ENDPOINT_URL_SNS, AWS_ENDPOINT_URL_DYNAMODB] as string[];
  // Connections that are kept alive must not hold it up.
  await Promise.all(urls.map(async (url) => (await fetch(url)).text()));
  await stop();
  for (const url of urls) await expect(fetch(url)).rejects.toThrow();
});
