import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadNycmg } from './load-nycmg.ts';
import { nycmgData, trackAudio } from './nycmg-data.ts';
import { nycmgTables } from './nycmg-schema.ts';
import { type PostgresServer, startPostgres } from './start-postgres.ts';

const now = new Date('2026-03-08T06:59:59.500Z');

async function startLoaded(): Promise<{ server: PostgresServer; client: pg.Client }> {
  const server = await startPostgres();
  const client = new pg.Client(server.url);
  await client.connect();
  await loadNycmg(client, nycmgData(now));
  return { server, client };
}

let loaded: readonly Awaited<ReturnType<typeof startLoaded>>[];
let client: pg.Client;

beforeAll(async () => {
  loaded = await Promise.all([startLoaded(), startLoaded()]);
  client = (loaded[0] as (typeof loaded)[0]).client;
});

afterAll(async () => {
  for (const one of loaded) {
    await one.client.end();
    await one.server.stop();
  }
});

/** Returns one number: how many rows the query finds. */
async function count(query: string, values: unknown[] = []): Promise<number> {
  const result = await client.query<{ count: number }>(
    `select count(*)::integer as count from (${query}) as found`,
    values,
  );
  return result.rows[0]?.count ?? Number.NaN;
}

async function checksum(of: pg.Client, table: string): Promise<string | undefined> {
  const result = await of.query<{ checksum: string }>(
    `select md5(string_agg(row::text, E'\\n' order by id)) as checksum from ${table} as row`,
  );
  return result.rows[0]?.checksum;
}

describe('the NYCMG sample data', () => {
  test.each(nycmgTables)('has the same rows in %s wherever it is loaded', async (table) => {
    const sums = await Promise.all(loaded.map((one) => checksum(one.client, table)));
    expect(sums[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(sums[1]).toBe(sums[0]);
  });

  test('arrives whole', async () => {
    const data = nycmgData(now);
    for (const table of nycmgTables) expect(await count(`select from ${table}`)).toBe(data[table].length);
    expect(data.boroughs).toHaveLength(5);
    expect(data.listens.length).toBeGreaterThanOrEqual(5_000);
  });

  test('moves with the clock', () => {
    const later = nycmgData(new Date(now.getTime() + 86_400_000));
    const shift = (index: number) =>
      Date.parse(String(later.listens[index]?.listened_at)) -
      Date.parse(String(nycmgData(now).listens[index]?.listened_at));
    expect([shift(0), shift(4_000)]).toEqual([86_400_000, 86_400_000]);
  });

  test('spreads its listens over eighteen months up to now', async () => {
    expect(await count('select from listens where listened_at > $1', [now])).toBe(0);
    expect(
      await count('select distinct (extract(epoch from $1 - listened_at) / 86400 / 30)::integer from listens', [now]),
    ).toBe(19);
    expect(
      await count("select from listens where listened_at < $1::timestamptz - interval '17 months'", [now]),
    ).toBeGreaterThan(0);
  });
});

describe('the NYCMG schema', () => {
  test('has every foreign key validated and indexed', async () => {
    const foreignKeys = "select * from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace";
    expect(await count(foreignKeys)).toBe(8);
    expect(await count(`${foreignKeys} and not (convalidated and conenforced)`)).toBe(0);
    const unindexed = await client.query(
      `select conname from (${foreignKeys}) as key where not exists
         (select from pg_index where indrelid = key.conrelid and indkey[0] = key.conkey[1])`,
    );
    expect(unindexed.rows).toEqual([]);
  });

  test.each([
    ['a listen to a track that is not there', 'update listens set track_id = 999999 where id = 1', 'foreign key'],
    [
      'the removal of an artist with albums',
      'delete from artists where id = (select artist_id from albums limit 1)',
      'foreign key',
    ],
    ['a right that ends before it begins', 'update rights set valid_to = valid_from - 1', 'check constraint'],
    ['a checksum that is none', "update tracks set sha256 = 'x'", 'check constraint'],
  ])('refuses %s', async (_, statement, reason) => {
    await expect(client.query(statement)).rejects.toThrow(reason);
  });
});

describe('nothing in the sample data is wrong:', () => {
  test('rights of each kind add up to 100 % on every day since the release', async () => {
    // The sum can change only on a day on which a right begins or ends.
    const wrong = `
      with days as (
        select distinct id as track_id, kind, day
        from tracks, unnest(array['master', 'publishing']) as kind, lateral (
          select created_at::date as day
          union select $1::date
          union select valid_from from rights where track_id = tracks.id
          union select valid_to from rights where track_id = tracks.id and valid_to <= $1::date
        ) as days
      )
      select from days left join rights
        on rights.track_id = days.track_id and rights.kind = days.kind
        and valid_from <= day and (valid_to is null or day < valid_to)
      group by days.track_id, days.kind, day
      having coalesce(sum(share_percent), 0) <> 100`;
    expect(await count(wrong, [now])).toBe(0);
  });

  test('nobody listened too early, too late or for too long', async () => {
    const listens = 'select from listens join users on users.id = user_id join tracks on tracks.id = track_id where';
    expect(await count(`${listens} listened_at < users.created_at`)).toBe(0);
    expect(await count(`${listens} listened_at >= deactivated_at`)).toBe(0);
    expect(await count(`${listens} listened_at < tracks.created_at`)).toBe(0);
    expect(await count(`${listens} seconds_played > duration_seconds`)).toBe(0);
  });

  test('some users are deactivated, none in the future', async () => {
    expect(await count('select from users where deactivated_at is not null')).toBeGreaterThan(20);
    expect(await count('select from users where deactivated_at > $1', [now])).toBe(0);
    expect(
      await count("select from users where deactivated_at < $1::timestamptz - interval '1 year'", [now]),
    ).toBeGreaterThan(0);
  });

  test('every neighborhood is in the city', async () => {
    expect(
      await count(
        'select from neighborhoods where latitude not between 40.49 and 40.92 or longitude not between -74.26 and -73.7',
      ),
    ).toBe(0);
  });

  test('sizes and checksums are those of the audio', async () => {
    const tracks = await client.query<{ id: number; size_bytes: string; sha256: string }>('select * from tracks');
    expect(tracks.rows.length).toBeGreaterThan(1_000);
    for (const { id, size_bytes, sha256 } of tracks.rows) {
      const audio = trackAudio(id);
      expect({ size: Number(size_bytes), sha256 }).toEqual({
        size: audio.length,
        sha256: createHash('sha256').update(audio).digest('hex'),
      });
    }
  });
});
