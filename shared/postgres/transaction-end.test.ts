import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { startHotStandby } from './hot-standby-fixtures.ts';
import type { Reader } from './reader.ts';
import { currentTransaction, endOf, timelineOf, transactionEnd } from './transaction-end.ts';
import { openWriter, type Writer } from './writer.ts';

let server: PostgresServer;
let writer: Writer;
beforeAll(async () => {
  server = await startPostgres();
  writer = await open(server.url);
});
afterAll(async () => {
  await writer?.[Symbol.asyncDispose]();
  await server?.stop();
});

function open(url: string): Promise<Writer> {
  return openWriter({
    config: { connectionString: url },
    statementTimeoutSeconds: 10,
    lockTimeoutSeconds: 1,
    timeZone: 'UTC',
    signal: new AbortController().signal,
  });
}

/** Returns the number of a transaction that has ended so. */
async function ended(by: Writer, end: 'commit' | 'rollback'): Promise<string> {
  await by.begin();
  const transaction = await currentTransaction(by);
  await by[end]();
  return transaction;
}

/** Answers each question with an error of the server. */
function refusing(code: string): Pick<Reader, 'query'> {
  return {
    query: async () => {
      throw Object.assign(new Error('no'), { severity: 'ERROR', code });
    },
  };
}

describe('what is believed of a transaction', () => {
  it.each([
    ['committed', 'done'],
    ['aborted', 'rolled-back'],
    ['in progress', 'in-progress'],
    [null, 'unknown'],
    ['something new', 'unknown'],
  ] as const)('%s is %s on the timeline that was written down, or where none was', (status, end) => {
    expect(endOf(status, '00000001', '00000001')).toBe(end);
    expect(endOf(status, null, null)).toBe(end);
    expect(endOf(status, undefined, '00000001')).toBe(end);
  });

  it.each([
    ['00000001', '00000002'],
    ['00000001', null],
    [null, '00000001'],
  ])('is nothing where %s was written down and it is %s now', (written, now) => {
    for (const status of ['committed', 'aborted', 'in progress', null]) {
      expect(endOf(status, written, now)).toBe('unknown');
    }
  });
});

describe('a server that is asked about a transaction', () => {
  it('knows those that have ended, that go on, and none that it has not come to', async () => {
    const timeline = await timelineOf(writer);
    expect(timeline).toBe('00000001');
    const endOf = (transaction: string) => transactionEnd(writer, { transaction, timeline }, timeline);
    expect(await endOf(await ended(writer, 'commit'))).toBe('done');
    expect(await endOf(await ended(writer, 'rollback'))).toBe('rolled-back');
    await using other = await open(server.url);
    await other.begin();
    expect(await endOf(await currentTransaction(other))).toBe('in-progress');
    expect(await endOf('999999999999')).toBe('unknown');
  });

  it('is not believed once it is the replica that has become the primary, though it has the same numbers', async () => {
    await using standby = await startHotStandby(server);
    const facts = { transaction: await ended(writer, 'commit'), timeline: await timelineOf(writer) };
    const behind = new Client({ connectionString: standby.url });
    await behind.connect();
    try {
      await using replica = await open(standby.url);
      await expect(timelineOf(replica)).rejects.toMatchObject({ reason: 'is-replica' });
      await behind.query('select pg_promote()');
    } finally {
      await behind.end();
    }
    await using promoted = await open(standby.url);
    while (BigInt(await ended(promoted, 'rollback')) < BigInt(facts.transaction));
    const timeline = await timelineOf(promoted);
    expect(timeline).toBe('00000002');
    expect(await transactionEnd(promoted, facts, timeline)).toBe('unknown');
    expect(await transactionEnd(promoted, { transaction: facts.transaction }, timeline)).not.toBe('unknown');
  });

  it('may not tell its timeline, which is not to be mixed up with an answer that does not come', async () => {
    for (const code of ['42883', '42501', '0A000', '55000']) expect(await timelineOf(refusing(code))).toBeNull();
    for (const code of ['57014', '57P01']) await expect(timelineOf(refusing(code))).rejects.toMatchObject({ code });
    await expect(transactionEnd(refusing('57014'), { transaction: '1', timeline: null }, null)).rejects.toMatchObject({
      code: '57014',
    });
  });
});
