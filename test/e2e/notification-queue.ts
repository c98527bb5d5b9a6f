import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { type NotificationMessage, notificationSchema } from '../../shared/notify/render-json.ts';
import { credentials, region } from './ministack.ts';

const envelopeSchema = z.object({ TopicArn: z.string(), Subject: z.string(), Message: z.string() });

/** A notification as a queue gets it. */
export interface Received {
  readonly topicArn: string;
  readonly subject: string;
  readonly message: NotificationMessage;
}

/** A queue that is subscribed to topics, and everything that has come through it so far. */
export class NotificationQueue {
  readonly received: Received[] = [];
  readonly #sqs: SQSClient;
  readonly #url: string;

  private constructor(sqs: SQSClient, url: string) {
    this.#sqs = sqs;
    this.#url = url;
  }

  static async subscribe(endpoint: string, topicArns: readonly string[]): Promise<NotificationQueue> {
    const sqs = new SQSClient({ endpoint, region, credentials });
    const sns = new SNSClient({ endpoint, region, credentials });
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'e2e-notifications' }));
    if (QueueUrl === undefined) throw new Error('the queue has no URL');
    const queueArn = `arn:aws:sqs:${region}:000000000000:e2e-notifications`;
    for (const TopicArn of topicArns) {
      await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: queueArn }));
    }
    sns.destroy();
    return new NotificationQueue(sqs, QueueUrl);
  }

  /**
   * Moves what is in the queue to `received`, waiting a second for more.
   *
   * @throws ZodError when a message is not what `shared/notify/render-json.ts` promises to machines.
   */
  async receive(signal: AbortSignal): Promise<void> {
    const { Messages = [] } = await this.#sqs.send(
      new ReceiveMessageCommand({ QueueUrl: this.#url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
      { abortSignal: signal },
    );
    for (const { Body = '', ReceiptHandle } of Messages) {
      const envelope = envelopeSchema.parse(JSON.parse(Body));
      const message = notificationSchema.parse(JSON.parse(envelope.Message));
      this.received.push({ topicArn: envelope.TopicArn, subject: envelope.Subject, message });
      await this.#sqs.send(new DeleteMessageCommand({ QueueUrl: this.#url, ReceiptHandle }));
    }
  }

  close(): void {
    this.#sqs.destroy();
  }
}
