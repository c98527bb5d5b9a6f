import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';

type LeaseState = 'running' | 'done' | 'released';

/** Days for which a finished lease is remembered, far beyond Scheduler's 24 hours of retries; then TTL removes it. */
const rememberDays = 7;

/** Another invocation is at work on the same scheduled run. Thrown, so that Lambda's retry looks again later. */
export class LeaseHeldError extends Error {
  override readonly name = 'LeaseHeldError';
}

/**
 * The right to perform one scheduled run. EventBridge Scheduler and Lambda's asynchronous queue both deliver at least
 * once; the schedule's ARN and the scheduled time are what all deliveries of one run share (the execution id differs from
 * attempt to attempt): https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
 */
export interface Lease {
  /** @throws LeaseHeldError when another attempt has taken over since, because this one was too slow. */
  confirm(): Promise<void>;
  /** Marks the run as done, so that a later delivery is skipped. @throws LeaseHeldError as {@link confirm}. */
  complete(): Promise<void>;
  /** Gives the run back, so that a retry need not wait for the lease to expire. */
  release(): Promise<void>;
}

/**
 * Returns the lease of the run, or `undefined` when that run has been done already.
 *
 * @param options.requestId of the invocation. Lambda keeps it when it tries again, which it does only after the attempt before
 *   has ended: such a retry takes over at once, where another delivery waits until the lease has run out. For a run in steps, the
 *   name of the state machine's execution, whose steps and their retries follow each other in the same way.
 * @param options.holdSeconds after this an unfinished run may be taken over by anyone: the time limit of the invocation, or of the
 *   execution.
 * @throws LeaseHeldError while another invocation holds it.
 */
export async function takeLease(
  client: DynamoDBClient,
  table: string,
  run: { readonly scheduleArn: string; readonly scheduledTime: string },
  options: { readonly requestId: string; readonly holdSeconds: number; readonly now: () => Date },
): Promise<Lease | undefined> {
  const key = { pk: { S: `run#${run.scheduleArn}` }, sk: { S: run.scheduledTime } };
  // Of this attempt alone: two attempts at one invocation must not pass for each other.
  const owner = randomUUID();
  const seconds = () => Math.floor(options.now().getTime() / 1000);

  async function write(
    state: LeaseState,
    condition: string,
    values: Readonly<Record<string, AttributeValue>>,
  ): Promise<void> {
    await client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: key,
        UpdateExpression:
          'SET #state = :state, #owner = :owner, requestId = :requestId, heldUntil = :heldUntil, expiresAt = :expiresAt',
        ConditionExpression: condition,
        ExpressionAttributeNames: { '#state': 'state', '#owner': 'owner' },
        ExpressionAttributeValues: {
          ':state': { S: state },
          ':owner': { S: owner },
          ':requestId': { S: options.requestId },
          ':heldUntil': { N: String(seconds() + options.holdSeconds) },
          ':expiresAt': { N: String(seconds() + rememberDays * 86_400) },
          ...values,
        },
      }),
    );
  }

  try {
    await write(
      'running',
      'attribute_not_exists(pk) OR #state = :released OR (#state = :running AND (heldUntil < :now OR requestId = :requestId))',
      { ':running': { S: 'running' }, ':released': { S: 'released' }, ':now': { N: String(seconds()) } },
    );
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }));
    if (Item?.state?.S === 'done') return undefined;
    throw new LeaseHeldError(`the run scheduled for ${run.scheduledTime} is being performed by another invocation`);
  }

  /** Only a run that is this attempt's, and not done, changes hands. */
  async function asOwner(state: LeaseState): Promise<void> {
    try {
      await write(state, '#owner = :owner AND #state = :running', { ':running': { S: 'running' } });
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      throw new LeaseHeldError(`the run scheduled for ${run.scheduledTime} was taken over by another invocation`);
    }
  }

  return {
    confirm: () => asOwner('running'),
    complete: () => asOwner('done'),
    release: () => asOwner('released'),
  };
}
