import pg from 'pg';

/** Its own: nothing of the server's is touched. */
export const schema = 'caretaker_bench';
export const table = `${schema}.listens`;
const source = `${schema}.source`;

/** What is before this is past its retention, which is some years shorter than it has been since. */
export const cutoff = '2022-01-01';

/** For each row that is past its retention so many are not. */
const youngShare = 0.1;

/** Rows that are not past their retention. */
export function youngRows(rows: number): number {
  return Math.round(rows * youngShare);
}

/** Makes rows like NYCMG's listens, of about 100 bytes, from which {@link fillListens} fills the table each time. */
export async function makeSource(client: pg.Client, rows: number): Promise<void> {
  await client.query(`create schema ${schema}`);
  await client.query(
    `create table ${source} as select g::bigint as id, (g::bigint * 7919 % 100003)::integer as user_id,
      (g::bigint * 104729 % 50021)::integer as track_id,
      case when g <= $1 then timestamptz '2020-01-01' + g * interval '10 seconds'
        else now() - interval '1 day' + (g - $1) * interval '1 millisecond' end as listened_at,
      g % 300000 as played_ms, md5(g::text) as client
    from generate_series(1, $1::integer + $2::integer) g`,
    [rows, youngRows(rows)],
  );
}

/** Puts all rows back, in the order of their age as they were written in life, with three indexes, and nothing to be cleaned up. */
export async function fillListens(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(`drop table if exists ${table}`);
    await client.query(`create table ${table} (like ${source})`);
    await client.query(`insert into ${table} select * from ${source} order by id`);
    await client.query(
      `alter table ${table} alter id set not null, alter listened_at set not null, add primary key (id)`,
    );
    await client.query(`create index listens_age on ${table} (listened_at, id)`);
    await client.query(`create index listens_track on ${table} (track_id)`);
    await client.query(`vacuum (freeze, analyze) ${table}`);
    await client.query('checkpoint');
  } finally {
    await client.end();
  }
}

/** Returns how many rows are past their retention. */
export async function countOld(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::integer as count from ${table} where listened_at < $1`,
    [cutoff],
  );
  return rows[0]?.count ?? Number.NaN;
}
