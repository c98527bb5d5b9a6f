import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { table } from './listens.ts';

/** People do not write without a pause, and the machine has few processors. */
const pauseMs = 1;

/**
 * Updates a row that is not past its retention, and inserts one every tenth time, one after the other for as long as `meanwhile` takes, and
 * returns how long each took in milliseconds.
 */
export async function writeDuring(
  url: string,
  young: { readonly from: number; readonly count: number },
  meanwhile: () => Promise<unknown>,
): Promise<number[]> {
  const client = new pg.Client(url);
  await client.connect();
  const done = new AbortController();
  try {
    // Together, so that none of them fails unseen while the other one goes on.
    const [latenciesMs] = await Promise.all([
      write(client, young, done.signal),
      meanwhile().finally(() => done.abort()),
    ]);
    return latenciesMs;
  } finally {
    await client.end();
  }
}

async function write(
  client: pg.Client,
  { from, count }: { readonly from: number; readonly count: number },
  signal: AbortSignal,
): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let index = 0; !signal.aborted; index += 1) {
    const startedAt = performance.now();
    if (index % 10 === 0) {
      await client.query(
        `insert into ${table} select (select max(id) from ${table}) + 1, user_id, track_id, now(), played_ms, client
         from ${table} where id = $1`,
        [from],
      );
    } else {
      const id = from + ((index * 7_919) % count);
      await client.query(`update ${table} set played_ms = played_ms + 1 where id = $1`, [id]);
    }
    latenciesMs.push(performance.now() - startedAt);
    await sleep(pauseMs);
  }
  return latenciesMs;
}
