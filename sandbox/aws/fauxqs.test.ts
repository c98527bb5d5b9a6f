import {
  CreateTopicCommand,
  PublishBatchCommand,
  PublishCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Fauxqs, startFauxqs } from './fauxqs.ts';

let fauxqs: Fauxqs;
let sns: SNSClient;
let sqs: SQSClient;
let topicArn: string;
let queueUrl: string | undefined;

const odd = `<&>"'é — “Café” 🎵`;

beforeEach(async () => {
  fauxqs = await startFauxqs();
  const configuration = {
    endpoint: fauxqs.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
    maxAttempts: 1,
  };
  sns = new SNSClient(configuration);
  sqs = new SQSClient(configuration);
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'page' }));
  topicArn = TopicArn as string;
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'inbox' }));
  queueUrl = QueueUrl;
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  for (const [Protocol, Endpoint] of [
    ['email', 'ops@nycmg.example'],
    ['sms', '+12125550123'],
    ['https', 'https://events.example/enqueue'],
    ['sqs', Attributes?.QueueArn],
  ] as const) {
    await sns.send(new SubscribeCommand({ TopicArn, Protocol, Endpoint }));
  }
});

afterEach(async () => {
  sns.destroy();
  sqs.destroy();
  await fauxqs.stop();
});

async function queued(): Promise<unknown> {
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl }));
  return JSON.parse(Messages?.[0]?.Body ?? 'null');
}

test('delivers the same text to every subscriber', async () => {
  await sns.send(new PublishCommand({ TopicArn: topicArn, Subject: odd, Message: odd }));
  expect(fauxqs.deliveries.map(({ protocol, subject, body }) => [protocol, subject, body])).toEqual([
    ['email', odd, odd],
    ['https', odd, odd],
    ['sms', undefined, odd],
    ['sqs', odd, odd],
  ]);
  expect(fauxqs.deliveries[0]).toMatchObject({ endpoint: 'ops@nycmg.example', topicArn, at: expect.any(Date) });
  expect(await queued()).toMatchObject({ Subject: odd, Message: odd });
});

test('delivers to each protocol the text that is meant for it, else the default', async () => {
  const Message = JSON.stringify({ default: odd, sms: 'short', sqs: 'for machines' });
  await sns.send(new PublishCommand({ TopicArn: topicArn, Message, MessageStructure: 'json' }));
  expect(fauxqs.deliveries.map(({ protocol, body }) => [protocol, body])).toEqual([
    ['email', odd],
    ['https', odd],
    ['sms', 'short'],
    ['sqs', 'for machines'],
  ]);
  expect(await queued()).toMatchObject({ Message: 'for machines' });
});

test.each([
  ['a message structure without a default', { Message: '{"sms":"x"}', MessageStructure: 'json' }],
  ['a message structure that is not JSON', { Message: 'x', MessageStructure: 'json' }],
  ['an unknown message structure', { Message: 'x', MessageStructure: 'xml' }],
  ['a subject with a line break', { Message: 'x', Subject: 'a\nb' }],
  ['a subject of more than 100 characters', { Message: 'x', Subject: 'x'.repeat(101) }],
])('refuses %s as SNS does, and delivers nothing', async (_, input) => {
  const publication = sns.send(new PublishCommand({ TopicArn: topicArn, ...input }));
  await expect(publication).rejects.toMatchObject({ name: 'InvalidParameterException' });
  expect(fauxqs.deliveries).toEqual([]);
});

test('delivers nothing that SNS did not accept', async () => {
  const publication = sns.send(new PublishCommand({ TopicArn: topicArn, Message: 'x'.repeat(300_000) }));
  await expect(publication).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await expect(sns.send(new PublishCommand({ TopicArn: `${topicArn}-2`, Message: 'x' }))).rejects.toMatchObject({
    name: 'NotFoundException',
  });
  expect(fauxqs.deliveries).toEqual([]);
});

test('refuses batches, of which it would see nothing', async () => {
  const batch = sns.send(
    new PublishBatchCommand({ TopicArn: topicArn, PublishBatchRequestEntries: [{ Id: '1', Message: 'x' }] }),
  );
  await expect(batch).rejects.toMatchObject({ name: 'InvalidAction' });
});
