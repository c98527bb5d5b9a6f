import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeAt } from '../functions/data-archival/archive/archive-fixtures.ts';
import { type ArchiveStep, archiveSteps } from '../functions/data-archival/archive/archive-steps.ts';
import { archiveBucket } from '../functions/data-archival/context-fixtures.ts';
import { type PostgresServer, startPostgres } from '../sandbox/postgres/start-postgres.ts';
import { type ObjectServer, startObjectServer } from '../sandbox/s3/object-server.ts';
import { type Account, account, type Books } from './archive-crash/account.ts';
import type { ArchiverJob } from './archive-crash/archiver.ts';
import { ArchiverProcesses } from './archive-crash/archiver-processes.ts';
import { Listens, schema } from './archive-crash/listens.ts';

let server: PostgresServer;
let s3: ObjectServer;
let client: Client;
let folder: string;
let archivers: ArchiverProcesses;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caretaker-archive-'));
  [server, s3, archivers] = await Promise.all([startPostgres(), startObjectServer(), ArchiverProcesses.start(folder)]);
  s3.bucket(archiveBucket);
  s3.bucket('nycmg-ledger');
  client = new Client(server.url);
  await client.connect();
});

afterAll(async () => {
  await archivers?.[Symbol.asyncDispose]();
  await client?.end();
  await Promise.all([s3?.stop(), server?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

function jobOf(policy: string, killAt?: ArchiverJob['killAt']): ArchiverJob {
  return {
    url: server.url,
    s3: s3.url,
    ledgerBucket: 'nycmg-ledger',
    control: join(folder, 'control'),
    policy: {
      id: policy,
      children: [{ table: 'claps', columns: ['listen_id'] }],
      rowsPerArchive: 2_000,
      pace: { batchRows: 300, maximumBatchRows: 300, lockTimeoutSeconds: 0.5 },
    },
    killAt,
  };
}

/** Archives until a run says that nothing is left. */
async function archiveAll(policy: string): Promise<void> {
  for (let run = 1; run <= 20; run += 1) {
    const { outcome } = await archivers.run(jobOf(policy));
    expect(outcome?.guards).toEqual([]);
    if (outcome?.state === 'done' && outcome.backlog === 0) return;
  }
  throw new Error('twenty runs were not enough');
}

const told = (what: string, { inNeither, twice, stale, ...counts }: Account) =>
  process.stdout.write(
    `${what} ${JSON.stringify({ ...counts, inNeither: inNeither.length, twice: twice.length, stale: stale.length })}\n`,
  );

const allSound = { inNeither: [], twice: [], stale: [], unfinished: 0 };

describe('an archiver that is killed', () => {
  it('at any step leaves each row in the table or in one verified archive, and the next run finishes it', async () => {
    const policy = 'killed-at-steps';
    await client.query(`drop table if exists claps, listens; ${schema}`);
    const listens = new Listens(server.url);
    const books: Books = { listens, known: new Map() };
    const accountNow = () => account(books, client, storeAt(s3), policy);
    let killed = 0;
    for (const step of archiveSteps) {
      for (const time of repeated.has(step) ? [1, 2] : [1]) {
        await listens.fill(client, 2_600);
        if (onlyBehind.has(step)) {
          const left = await archivers.run(jobOf(policy, { step: 'archive-recorded', time: 1 }));
          expect(left.signal).toBe('SIGKILL');
          await listens.changeOne(client);
        }
        const { signal } = await archivers.run(jobOf(policy, { step, time }));
        expect({ step, signal }).toEqual({ step, signal: 'SIGKILL' });
        killed += 1;
        expect({ step, inNeither: (await accountNow()).inNeither }).toEqual({ step, inNeither: [] });
        await archiveAll(policy);
        expect({ step, ...(await accountNow()) }).toMatchObject({ step, ...allSound, inTable: 0 });
      }
    }
    told(`killed at ${killed} steps:`, await accountNow());
  }, 300_000);

  it('at 200 random moments, while others write, loses no row and archives none twice', async () => {
    const policy = 'killed-at-random';
    await client.query(`drop table if exists claps, listens; ${schema}`);
    const listens = new Listens(server.url);
    await listens.fill(client, 20_000);
    let killed = 0;
    let ended = 0;
    const books: Books = { listens, known: new Map() };
    for (let round = 0; round < 4; round += 1) {
      const writing = listens.write();
      for (let moment = 0; moment < 50; moment += 1) {
        const { rows } = await client.query("select count(*)::int as n from listens where listened_at < '2025-01-01'");
        if (rows[0].n < 3_000) await listens.fill(client, 2_000);
        const { signal } = await archivers.run(jobOf(policy), 40 + Math.random() * 700);
        if (signal === 'SIGKILL') killed += 1;
        else ended += 1;
      }
      await writing.stop();
      expect((await account(books, client, storeAt(s3), policy)).inNeither).toEqual([]);
    }
    await archiveAll(policy);
    const last = await account(books, client, storeAt(s3), policy);
    told(
      `killed at ${killed} moments of 200 (${ended} runs had ended before), ${listens.inserted} rows inserted, ` +
        `${listens.updated} updated, ${listens.deleted.size} deleted meanwhile:`,
      last,
    );
    expect(last).toMatchObject(allSound);
    expect(last.inTable + last.inArchives).toBe(last.rows);
    expect(killed).toBeGreaterThan(100);
  }, 600_000);
});

/** Steps that come again and again, and differ from time to time. */
const repeated = new Set<ArchiveStep>(['rows-chosen', 'rows-copied', 'batch-intended', 'batch-final']);

/** Steps that come only where a run before was killed. */
const onlyBehind = new Set<ArchiveStep>(['proven-again', 'exclusions-written']);
