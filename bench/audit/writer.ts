import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { table } from './tracks.ts';

/** How long single-row writes took, and whether one of them ever waited for a lock of the audit's. */
export interface Written {
  readonly latenciesMs: readonly number[];
  readonly waits: number;
  readonly looks: number;
}

/** Longer than it takes to go through the rows once more. */
const lookEveryMs = 20;

/** Updates a row, and inserts one every tenth time, one after the other for as long as `meanwhile` takes. */
export async function writeDuring(url: string, rows: number, meanwhile: () => Promise<unknown>): Promise<Written> {
  const writer = new pg.Client(url);
  const watcher = new pg.Client(url);
  await Promise.all([writer.connect(), watcher.connect()]);
  try {
    const { rows: pids } = await writer.query<{ pid: number }>('select pg_backend_pid() as pid');
    const done = new AbortController();
    // Together, so that none of them fails unseen while another one goes on.
    const [latenciesMs, watched] = await Promise.all([
      write(writer, rows, done.signal),
      watch(watcher, pids[0]?.pid ?? 0, done.signal),
      meanwhile().finally(() => done.abort()),
    ]);
    return { latenciesMs, ...watched };
  } finally {
    await Promise.all([writer.end(), watcher.end()]);
  }
}

async function write(client: pg.Client, rows: number, signal: AbortSignal): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let count = 0; !signal.aborted; count += 1) {
    const startedAt = performance.now();
    if (count % 10 === 0) {
      await client.query(
        `insert into ${table} select (select max(id) from ${table}) + 1, album_id, position, title, status, isrc,
          s3_key, size_bytes, bitrate_kbps, duration_seconds, sha256, codec, liner_notes, explicit, price, created_at,
          released_on, updated_at
        from ${table} where id = 1`,
      );
    } else {
      const id = 1 + ((count * 7_919) % rows);
      await client.query(`update ${table} set updated_at = now() where id = $1`, [id]);
    }
    latenciesMs.push(performance.now() - startedAt);
    // People do not write without a pause, and the machine has few processors.
    await sleep(1);
  }
  return latenciesMs;
}

async function watch(client: pg.Client, pid: number, signal: AbortSignal): Promise<{ waits: number; looks: number }> {
  let waits = 0;
  let looks = 0;
  while (!signal.aborted) {
    const { rows } = await client.query<{ waits: number }>(
      `select count(*)::integer as waits from pg_stat_activity
       where application_name like 'caretaker%' and pid = any(pg_blocking_pids($1))`,
      [pid],
    );
    waits += rows[0]?.waits ?? 0;
    looks += 1;
    await sleep(lookEveryMs);
  }
  return { waits, looks };
}
