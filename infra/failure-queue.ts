import { Duration, Validations } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

/**
 * Returns a queue that holds runs that were given up, for as long as SQS keeps messages. Nothing reads it but people, so
 * any message in it means that something is left to do.
 */
export function createFailureQueue(scope: Construct, id: string): Queue {
  const queue = new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
  Validations.of(queue).acknowledge({
    id: 'AwsSolutions-SQS3',
    reason:
      'This is where failures end: a dead-letter queue of EventBridge Scheduler or a failure destination of Lambda.',
  });
  return queue;
}
