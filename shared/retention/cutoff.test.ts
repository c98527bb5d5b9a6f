import sql from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ageTypeOf, cutoffExpression, momentOf, readCutoff } from './cutoff.ts';
import type { Retention } from './retention-config.ts';
import { type RowServer, startRowServer } from './row-fixtures.ts';

let server: RowServer;
beforeAll(async () => {
  server = await startRowServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const instant = 'timestamp with time zone';
const wallClock = 'timestamp without time zone';

const cutoff = (type: string, retention: Retention, now: string, ageTimeZone = 'UTC') =>
  readCutoff(server.reader, type, { retention, ageTimeZone }, new Date(now));

describe('the cutoff', () => {
  it.each([
    [{ months: 13 }, '2026-03-31T10:20:30.456Z', '2025-02-28 10:20:30.456+00'],
    [{ months: 13 }, '2025-03-31T10:20:30.456Z', '2024-02-29 10:20:30.456+00'],
    [{ years: 1 }, '2024-02-29T00:00:00Z', '2023-02-28 00:00:00+00'],
    [{ days: 30 }, '2026-03-01T00:00:00Z', '2026-01-30 00:00:00+00'],
  ])('is %j before %s by the calendar', async (retention, now, expected) => {
    expect(await cutoff(instant, retention, now)).toBe(expected);
  });

  it('counts days as those of the time zone, one of 23 hours and one of 25 as well', async () => {
    // 8 March 2026 has 23 hours in New York, 1 November 2026 has 25.
    expect(await cutoff(instant, { days: 1 }, '2026-03-08T16:00:00Z', 'America/New_York')).toBe(
      '2026-03-07 17:00:00+00',
    );
    expect(await cutoff(instant, { days: 1 }, '2026-03-08T16:00:00Z')).toBe('2026-03-07 16:00:00+00');
    expect(await cutoff(instant, { days: 1 }, '2026-11-01T17:00:00Z', 'America/New_York')).toBe(
      '2026-10-31 16:00:00+00',
    );
  });

  it('of a timestamp is what the clocks on the wall showed', async () => {
    expect(await cutoff(wallClock, { days: 1 }, '2026-03-08T16:00:00Z', 'America/New_York')).toBe(
      '2026-03-07 12:00:00',
    );
    // Half past two is no time on that day: a row of that time cannot be, and the one after it is not taken.
    expect(await cutoff(wallClock, { days: 1 }, '2026-03-09T06:30:00Z', 'America/New_York')).toBe(
      '2026-03-08 02:30:00',
    );
    expect(await cutoff(instant, { days: 1 }, '2026-03-09T06:30:00Z', 'America/New_York')).toBe(
      '2026-03-08 07:30:00+00',
    );
  });

  it('of a date is the day of the time zone, so that a day goes when all of it is past', async () => {
    expect(await cutoff('date', { days: 30 }, '2026-06-01T03:59:59Z', 'America/New_York')).toBe('2026-05-01');
    expect(await cutoff('date', { days: 30 }, '2026-06-01T04:00:00Z', 'America/New_York')).toBe('2026-05-02');
    expect(await cutoff('date', { days: 30 }, '2026-06-01T03:59:59Z')).toBe('2026-05-02');
  });

  it('is not rounded to the precision of the column, which may be up', async () => {
    expect(await cutoff('timestamp(0) with time zone', { days: 1 }, '2026-06-02T00:00:00.600Z')).toBe(
      '2026-06-01 00:00:00.6+00',
    );
    expect(ageTypeOf('timestamp(3) without time zone')).toBe(wallClock);
  });

  it.each(['text', 'integer', 'time without time zone', 'tstzrange', 'app.day', 'date[]'])(
    'is not to be had of a column of the type %s',
    async (type) => {
      await expect(cutoff(type, { days: 1 }, '2026-06-02T00:00:00Z')).rejects.toMatchObject({
        reason: 'unsupported-age-column',
      });
    },
  );

  it('is not to be had of a time zone that there is not', async () => {
    await expect(cutoff(instant, { days: 1 }, '2026-06-02T00:00:00Z', 'Europe/Atlantis')).rejects.toMatchObject({
      code: '22023',
    });
  });
});

describe('the moment of a run', () => {
  /** Seconds from the server's clock to the moment, for a runner whose clock is so far ahead. */
  async function secondsAhead(seconds: number): Promise<number> {
    const { rows } = await server.admin.query('select extract(epoch from clock_timestamp())::float8 as now');
    const moment = momentOf(new Date((rows[0].now + seconds) * 1000));
    const [row] = await server.reader.query<{ ahead: number }>(
      sql`select extract(epoch from (${moment}) - now())::float8 as ahead`,
    );
    return (row as { ahead: number }).ahead;
  }

  it('is the server’s own where the runner is a little ahead, and never behind what the runner says otherwise', async () => {
    expect(await secondsAhead(30)).toBe(0);
    expect(await secondsAhead(3_600)).toBeGreaterThan(3_000);
    expect(await secondsAhead(-3_600)).toBeLessThan(-3_000);
  });

  it('makes the cutoff', async () => {
    const limit = { retention: { days: 1 }, ageTimeZone: 'UTC' };
    const given = await readCutoff(server.reader, 'date', limit, new Date('2100-01-02T00:00:00Z'));
    expect(given).toBe('2100-01-01');
    const [row] = await server.reader.query<{ same: boolean }>(
      sql`select ${cutoffExpression(instant, limit, sql`now()`)} = now() - interval '1 day' as same`,
    );
    expect(row?.same).toBe(true);
  });
});
