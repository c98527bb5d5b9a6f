import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { measureBacklog, measureRows } from './measure-rows.ts';
import { resolveTarget } from './resolve-target.ts';
import type { Guards } from './retention-config.ts';
import { type RowServer, rowPolicy, startRowServer } from './row-fixtures.ts';

let server: RowServer;
beforeAll(async () => {
  server = await startRowServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  await server.admin.query(`
    create table listens (id int primary key, listened_at timestamptz, status text);
    create index listens_listened_at on listens (listened_at);
    create table devices (listen_id int, used_at timestamptz, status text);
    insert into listens select n, now() - n * interval '1 day', case when n % 2 = 0 then 'even' end
      from generate_series(1, 100) n;
    insert into listens values (0, null, null), (-1, 'infinity', null);
    insert into devices select id, listened_at, 'on' from listens where id between 31 and 40`);
});
afterEach(async () => {
  await server.admin.query('drop table if exists listens, devices cascade');
});

const devices = { table: 'devices', columns: ['listen_id'], ageColumn: 'used_at' };

async function measure(changes: Parameters<typeof rowPolicy>[0] = {}, guards: Partial<Guards> = {}, cutoff?: string) {
  const policy = rowPolicy({ retention: { days: 30 }, ...changes });
  const moment = cutoff === undefined ? { now: new Date() } : { cutoff };
  const target = await resolveTarget(policy, server.reader, { task: 'data-purge', ...moment });
  return measureRows(target, policy, { ...policy.guards, ...guards }, server.reader);
}

const day = (ago: number) => `(now() - interval '${ago} days')`;

describe('what a plan would take', () => {
  it('is counted, with its ages; what has no age or is for ever is not', async () => {
    const found = await measure();
    // The thirtieth is a little more than thirty days old by now.
    expect(found).toMatchObject({ rows: 71, tableRows: { rows: 102, source: 'counted' }, children: [] });
    const { rows } = await server.admin.query(
      `select (select listened_at::text from listens where id = 100) as oldest,
        (select listened_at::text from listens where id = 30) as youngest`,
    );
    expect({ oldest: found.oldest, youngest: found.youngest }).toEqual(rows[0]);
    expect(found.ages).toMatchObject({ isCutoffLater: false, isYoungestLater: false, children: [] });
  });

  it('is nothing where there is nothing', async () => {
    await server.admin.query('delete from listens');
    expect(await measure()).toMatchObject({
      rows: 0,
      oldest: null,
      youngest: null,
      tableRows: { rows: 0, source: 'counted' },
      ages: { youngest: null, isYoungestLater: false },
    });
  });

  it('is counted no further than one beyond the maximum', async () => {
    expect((await measure({}, { maximumRows: 71 })).rows).toBe(71);
    expect((await measure({}, { maximumRows: 70 })).rows).toBe(71);
    expect((await measure({ children: [devices] }, { maximumRows: 4 })).children).toEqual([
      { table: 'public.devices', rows: 5 },
    ]);
  });

  it('has the rows of children that go with it, as the policy’s condition has it', async () => {
    const children = [devices];
    expect((await measure({ children })).children).toEqual([{ table: 'public.devices', rows: 10 }]);
    const even = await measure({ children, where: "status = 'even'" });
    expect(even).toMatchObject({ rows: 36, children: [{ table: 'public.devices', rows: 5 }] });
  });

  it('has ages from before all time', async () => {
    await server.admin.query("insert into listens values (-2, '-infinity', null)");
    expect(await measure()).toMatchObject({ rows: 72, oldest: '-infinity' });
  });
});

describe('the size of the table', () => {
  const fill = (rows: number) =>
    server.admin.query(`insert into listens select n, now() from generate_series(1000, ${999 + rows}) n`);
  /** What was changed by then is told of before, and counts no more. */
  const analyze = async () => {
    await server.admin.query('select pg_stat_force_next_flush()');
    await server.admin.query('analyze listens');
  };

  it('is counted as far as it matters where it was never analyzed', async () => {
    await fill(150_000);
    expect((await measure()).tableRows).toEqual({ rows: 100_000, source: 'counted-in-part' });
    await server.admin.query("update listens set listened_at = now() - interval '40 days' where id >= 41000");
    expect((await measure()).tableRows).toEqual({ rows: 150_102, source: 'counted' });
    expect((await measure({}, { maximumPercent: 80 })).tableRows).toEqual({ rows: 137_589, source: 'counted-in-part' });
  });

  it('is that of the statistics where they are good, and counted where much has changed since', async () => {
    await fill(150_000);
    await analyze();
    expect((await measure()).tableRows).toEqual({ rows: 150_102, source: 'statistics' });
    await server.admin.query('delete from listens where id >= 20000; select pg_stat_force_next_flush()');
    expect((await measure()).tableRows).toEqual({ rows: 19_102, source: 'counted' });
  });

  it('is that of all partitions, one of which was not analyzed', async () => {
    await server.admin.query(`
      drop table listens cascade;
      create table listens (id int, listened_at timestamptz, primary key (id, listened_at)) partition by range (id);
      create table listens_1 partition of listens for values from (minvalue) to (100000);
      create table listens_2 partition of listens for values from (100000) to (maxvalue);
      insert into listens select n, now() from generate_series(1, 200000) n`);
    await analyze();
    expect((await measure()).tableRows).toEqual({ rows: 200_000, source: 'statistics' });
    await server.admin.query(`
      create table listens_3 (like listens_1 including all);
      alter table listens attach partition listens_3 default`);
    expect((await measure()).tableRows).toEqual({ rows: 100_000, source: 'counted-in-part' });
  });

  it('is counted where the statistics would make the share too large', async () => {
    await fill(150_000);
    await analyze();
    expect((await measure({}, { maximumPercent: 5 })).tableRows.source).toBe('statistics');
    await server.admin.query("update listens set listened_at = now() - interval '40 days' where id > 141000");
    expect((await measure({}, { maximumPercent: 5 })).tableRows).toEqual({ rows: 150_102, source: 'counted' });
  });
});

describe('ages by the server’s clock', () => {
  const later = async (changes: Parameters<typeof rowPolicy>[0], cutoff: string) =>
    (await measure(changes, {}, (await server.admin.query(`select ${cutoff}::text as c`)).rows[0].c)).ages;

  it('tell of a cutoff that is behind the server’s, and of rows that are', async () => {
    expect(await later({}, day(31))).toMatchObject({ isCutoffLater: false, isYoungestLater: false });
    expect(await later({}, day(29.9))).toMatchObject({ isCutoffLater: true, isYoungestLater: false });
    expect(await later({}, day(20))).toMatchObject({ isCutoffLater: true, isYoungestLater: true });
  });

  it('tell of children that are younger, or have no age', async () => {
    const children = [devices];
    expect((await measure({ children })).ages.children).toEqual([{ table: 'public.devices', tooYoung: 0 }]);
    await server.admin.query(
      "update devices set used_at = now() - interval '30 days' + interval '1 minute' where listen_id = 35",
    );
    await server.admin.query('update devices set used_at = null where listen_id = 36');
    await server.admin.query('insert into devices values (3, now())');
    expect((await measure({ children })).ages.children).toEqual([{ table: 'public.devices', tooYoung: 2 }]);
    const { ageColumn: _, ...ageless } = devices;
    expect((await measure({ children: [ageless] })).ages.children).toEqual([]);
  });

  it.each([
    ['timestamp', 'America/New_York'],
    ['date', 'America/New_York'],
    ['date', 'Pacific/Kiritimati'],
    ['timestamp(0)', 'UTC'],
  ])('are those of a %s in %s', async (type, ageTimeZone) => {
    const local = `timezone('${ageTimeZone}', now())`;
    await server.admin.query(`
      create table plays (id int primary key, played ${type});
      insert into plays select n, ${local} - n * interval '1 day' from generate_series(25, 35) n`);
    const changes = { table: 'plays', ageColumn: 'played', ageTimeZone };
    const limit = type === 'date' ? 31 : 30;
    try {
      const found = await measure(changes);
      // A date of thirty days ago is not wholly past; a rounded second may be either.
      expect([limit, limit + 1].map((least) => 36 - least)).toContain(found.rows);
      if (type === 'date') expect(found.rows).toBe(5);
      expect(found.ages).toMatchObject({ isCutoffLater: false, isYoungestLater: false });
      const cutoff = await later(changes, `(${local} - interval '28 days')::${type}`);
      expect(cutoff).toMatchObject({ isCutoffLater: true, isYoungestLater: true });
    } finally {
      await server.admin.query('drop table plays');
    }
  });
});

it('takes the very day on which the retention began for one that is to be kept', async () => {
  // Where it is noon, so that no day ends meanwhile. The sign is that of POSIX.
  const ahead = 12 - new Date().getUTCHours();
  const ageTimeZone = `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
  const today = `timezone('${ageTimeZone}', now())::date`;
  await server.admin.query(`create table plays (id int primary key, played date);
    insert into plays values (1, ${today} - 31)`);
  try {
    const { rows } = await server.admin.query(`select (${today} - 29)::text as late`);
    const ages = async () =>
      (await measure({ table: 'plays', ageColumn: 'played', ageTimeZone }, {}, rows[0].late)).ages;
    expect(await ages()).toMatchObject({ isCutoffLater: true, isYoungestLater: false });
    await server.admin.query(`insert into plays values (2, ${today} - 30)`);
    expect(await ages()).toMatchObject({ isCutoffLater: true, isYoungestLater: true });
  } finally {
    await server.admin.query('drop table plays');
  }
});

describe('the backlog', () => {
  async function backlog(now: Date, changes: Parameters<typeof rowPolicy>[0] = {}, maximumRows = 1_000) {
    const policy = rowPolicy({ retention: { days: 30 }, ...changes });
    // A plan of long ago.
    const target = await resolveTarget(policy, server.reader, { task: 'data-purge', cutoff: '2001-01-01' });
    return measureBacklog(target, policy, now, maximumRows, server.reader);
  }

  it('is what is past its retention by now, and how far the oldest is', async () => {
    const now = new Date('2026-06-01T00:00:00Z');
    await server.admin.query(`
      truncate listens;
      insert into listens values (1, '2026-05-01 06:00Z'), (2, '2026-05-02 00:00Z'), (3, '-infinity'), (4, null)`);
    expect(await backlog(now)).toEqual({ backlog: 2, backlogAgeHours: 18 });
    expect(await backlog(new Date('2026-06-01T00:00:00.001Z'))).toMatchObject({ backlog: 3 });
    expect((await backlog(now, {}, 1)).backlog).toBe(2);
    expect((await backlog(now, {}, 0)).backlog).toBe(1);
    expect(await backlog(now, { where: 'id = 3' })).toEqual({ backlog: 1, backlogAgeHours: null });
    expect(await backlog(now, { where: 'id = 2' })).toEqual({ backlog: 0, backlogAgeHours: null });
  });

  it('is one of dates likewise', async () => {
    await server.admin.query(
      "create table plays (id int primary key, played date); insert into plays values (1, '2026-04-30')",
    );
    try {
      const found = await backlog(new Date('2026-06-01T12:00:00Z'), { table: 'plays', ageColumn: 'played' });
      expect(found).toEqual({ backlog: 1, backlogAgeHours: 48 });
    } finally {
      await server.admin.query('drop table plays');
    }
  });
});
