import pg from 'pg';
import { cutoff, table } from './listens.ts';

/** Which loop is to delete all that is past its retention. */
export interface LoopJob {
  readonly url: string;
  readonly way: 'keyset' | 'range';
  /** Rows in a statement. */
  readonly batch: number;
}

/** What that took. */
export interface LoopResult {
  readonly seconds: number;
  readonly deleted: number;
}

process.on('message', async ({ url, way, batch }: LoopJob) => {
  const startedAt = performance.now();
  const deleted = await (way === 'keyset' ? purgeByKeyset(url, batch) : purgeByRange(url, batch));
  const result: LoopResult = { seconds: (performance.now() - startedAt) / 1000, deleted };
  process.send?.(result);
});
process.send?.('ready');

/**
 * Deletes all that is past its retention by keyset, as it is mostly written: each statement takes the next rows behind the last of the
 * statement before, and deletes them by their keys. Returns how many rows.
 */
async function purgeByKeyset(url: string, batchRows: number): Promise<number> {
  return withClient(url, async (client) => {
    let deleted = 0;
    let after: readonly unknown[] = ['-infinity', 0];
    while (true) {
      const { rows } = await client.query<{ age: string; id: string; count: number }>(
        `with next as (
          select listened_at, id from ${table}
          where (listened_at, id) > ($1::timestamptz, $2::bigint) and listened_at < $3::timestamptz
          order by listened_at, id limit $4
        ), gone as (
          delete from ${table} old using next where old.id = next.id returning old.listened_at, old.id
        )
        select listened_at::text as age, id, count(*) over ()::integer as count from gone
        order by gone.listened_at desc, gone.id desc limit 1`,
        [...after, cutoff, batchRows],
      );
      if (rows[0] === undefined) return deleted;
      deleted += rows[0].count;
      after = [rows[0].age, rows[0].id];
    }
  });
}

/**
 * Likewise by ranges, about as fast as it can be done: the last of the next rows is looked for in the index, and the rows up to it are
 * deleted as they come.
 */
async function purgeByRange(url: string, batchRows: number): Promise<number> {
  return withClient(url, async (client) => {
    let deleted = 0;
    let after: readonly unknown[] = ['-infinity', 0];
    while (true) {
      const { rows } = await client.query<{ age: string; id: string }>(
        `select listened_at::text as age, id from ${table} where (listened_at, id) > ($1::timestamptz, $2::bigint)
          and listened_at < $3::timestamptz order by listened_at, id offset $4 limit 1`,
        [...after, cutoff, batchRows - 1],
      );
      const upTo = rows[0] === undefined ? ['infinity', 0] : [rows[0].age, rows[0].id];
      const { rowCount } = await client.query(
        // Of row comparisons alone the planner does not know how few rows are between them.
        `delete from ${table} where (listened_at, id) > ($1::timestamptz, $2::bigint)
          and (listened_at, id) <= ($3::timestamptz, $4::bigint) and listened_at < $5::timestamptz
          and listened_at between $1::timestamptz and $3::timestamptz`,
        [...after, ...upTo, cutoff],
      );
      deleted += rowCount ?? 0;
      if (rows[0] === undefined) return deleted;
      after = upTo;
    }
  });
}

async function withClient(url: string, work: (client: pg.Client) => Promise<number>): Promise<number> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
