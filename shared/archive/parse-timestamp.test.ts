import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { parseDateDays, parseTimestampMicros } from './parse-timestamp.ts';

let server: PostgresServer;
let client: Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query("set timezone = UTC; set datestyle = 'ISO, MDY'");
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

/** From the first to the last that 64 bits count from 1970 on. */
const micros = fc.bigInt({ min: -210_866_803_200_000_000n, max: 9_223_371_244_800_000_000n - 946_684_800_000_000n });

describe('a timestamp as PostgreSQL writes it', () => {
  it('is the microseconds since 1970, of every year that it has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(micros, { minLength: 1, maxLength: 50 }), async (values) => {
        const { rows } = await client.query<{ zoned: string; plain: string; day: string; days: number }>(
          `select at::text as zoned, (at at time zone 'UTC')::text as plain,
             (at at time zone 'UTC')::date::text as day, (at at time zone 'UTC')::date - date '1970-01-01' as days
           from unnest($1::bigint[]) with ordinality as list (micros, place),
             lateral (select timestamptz 'epoch' + make_interval(days => (micros / 86400000000)::int)
               + (micros % 86400000000) * interval '1 microsecond' as at) as t
           order by place`,
          [values.map(String)],
        );
        expect(rows.map(({ zoned }) => parseTimestampMicros(zoned))).toEqual(values);
        expect(rows.map(({ plain }) => parseTimestampMicros(plain))).toEqual(values);
        expect(rows.map(({ day }) => parseDateDays(day))).toEqual(rows.map(({ days }) => days));
      }),
      { numRuns: 40 },
    );
  });

  it('may have an offset', () => {
    expect(parseTimestampMicros('1970-01-01 05:30:00+05:30')).toBe(0n);
    expect(parseTimestampMicros('1969-12-31 19:03:58-04:56:02')).toBe(0n);
  });

  it('is none where it is infinite or beyond 64 bits', () => {
    for (const text of ['infinity', '-infinity', '294276-12-31 23:59:59.999999+00', '']) {
      expect(parseTimestampMicros(text)).toBeUndefined();
    }
    expect(parseDateDays('infinity')).toBeUndefined();
    expect(parseDateDays('5874897-12-31')).toBe(2_145_042_905);
  });
});
