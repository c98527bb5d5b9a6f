import { type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';

function keyOf(taskId: string) {
  return { pk: { S: `task#${taskId}` }, sk: { S: 'last-scheduled-run' } };
}

/** Remembers that a scheduled run of a task has ended with a stored report, at `now`. */
export async function recordScheduledRun(
  client: DynamoDBClient,
  table: string,
  taskId: string,
  now: Date,
): Promise<void> {
  await client.send(
    new UpdateItemCommand({
      TableName: table,
      Key: keyOf(taskId),
      UpdateExpression: 'SET completedAt = :now',
      ExpressionAttributeValues: { ':now': { S: now.toISOString() } },
    }),
  );
}

/**
 * Returns how many hours ago the last scheduled run of a task ended; for a task that has never run, since this was first asked,
 * so that a schedule that never fires is noticed as well.
 */
export async function hoursSinceScheduledRun(
  client: DynamoDBClient,
  table: string,
  taskId: string,
  now: Date,
): Promise<number> {
  const { Attributes } = await client.send(
    new UpdateItemCommand({
      TableName: table,
      Key: keyOf(taskId),
      UpdateExpression: 'SET completedAt = if_not_exists(completedAt, :now)',
      ExpressionAttributeValues: { ':now': { S: now.toISOString() } },
      ReturnValues: 'ALL_NEW',
    }),
  );
  const completedAt = Date.parse(Attributes?.completedAt?.S ?? '');
  if (Number.isNaN(completedAt)) throw new Error(`the state table does not say when ${taskId} last ran`);
  return Math.max(0, (now.getTime() - completedAt) / 3_600_000);
}
