import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hoursSinceScheduledRun, recordScheduledRun } from './last-run.ts';
import { LeaseHeldError, takeLease } from './lease.ts';
import { type LocalStateTable, startStateTable } from './state-table-fixtures.ts';

let stateTable: LocalStateTable;
let client: DynamoDBClient;
let table: string;
let runs = 0;

beforeAll(async () => {
  stateTable = await startStateTable();
  ({ client, name: table } = stateTable);
});
afterAll(() => stateTable[Symbol.asyncDispose]());

/** Takers of one scheduled run, on a clock that the test moves. */
function scheduledRun() {
  const run = { scheduleArn: 'arn:schedule', scheduledTime: `2026-11-22T06:00:0${runs++}Z` };
  const clock = { now: new Date('2026-11-22T06:00:00Z') };
  const take = (owner: string) =>
    takeLease(client, table, run, { requestId: owner, holdSeconds: 300, now: () => clock.now });
  const pass = (seconds: number) => {
    clock.now = new Date(clock.now.getTime() + seconds * 1000);
  };
  return { take, pass };
}

describe('takeLease', () => {
  it('gives a run to one of many who ask at once', async () => {
    const { take } = scheduledRun();
    const takers = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => take(`owner-${index}`)));
    expect(takers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refusals = takers.filter((taker) => taker.status === 'rejected');
    expect(refusals.every(({ reason }) => reason instanceof LeaseHeldError)).toBe(true);
  });

  it('does not give out again a run that is done', async () => {
    const { take, pass } = scheduledRun();
    await (await take('first'))?.complete();
    expect(await take('second')).toBeUndefined();
    pass(86_400);
    expect(await take('third')).toBeUndefined();
  });

  it('gives a run to a second taker when the first was killed, and then refuses the first', async () => {
    const { take, pass } = scheduledRun();
    const first = await take('first');
    pass(299);
    await expect(take('second')).rejects.toThrow(LeaseHeldError);
    pass(2);
    const second = await take('second');
    await expect(first?.confirm()).rejects.toThrow(LeaseHeldError);
    await expect(first?.complete()).rejects.toThrow(LeaseHeldError);
    await second?.confirm();
    await second?.complete();
  });

  it('gives a run at once to a retry of the invocation that was killed, and refuses the dead attempt', async () => {
    const { take, pass } = scheduledRun();
    const killed = await take('request');
    pass(60);
    const retry = await take('request');
    await expect(killed?.confirm()).rejects.toThrow(LeaseHeldError);
    await retry?.complete();
    expect(await take('request')).toBeUndefined();
  });

  it('does not let a run that is done be given back', async () => {
    const { take } = scheduledRun();
    const lease = await take('first');
    await lease?.complete();
    await expect(lease?.release()).rejects.toThrow(LeaseHeldError);
    expect(await take('second')).toBeUndefined();
  });

  it('gives a released run out at once', async () => {
    const { take } = scheduledRun();
    await (await take('first'))?.release();
    expect(await take('second')).toBeDefined();
  });
});

describe('the last scheduled run', () => {
  const at = (hour: number) => new Date(Date.UTC(2026, 10, 22, hour));

  it('counts from when it was first asked for, until there is one', async () => {
    expect(await hoursSinceScheduledRun(client, table, 'never-ran', at(0))).toBe(0);
    expect(await hoursSinceScheduledRun(client, table, 'never-ran', at(6))).toBe(6);
    await recordScheduledRun(client, table, 'never-ran', at(7));
    expect(await hoursSinceScheduledRun(client, table, 'never-ran', at(12))).toBe(5);
  });

  it('is each task’s own', async () => {
    await recordScheduledRun(client, table, 'one', at(1));
    await recordScheduledRun(client, table, 'two', at(3));
    expect(await hoursSinceScheduledRun(client, table, 'one', at(4))).toBe(3);
  });
});
