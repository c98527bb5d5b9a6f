import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryControlStore } from '../control/memory-control-store.ts';
import { anyRun } from '../run-fixtures.ts';
import { planHash } from './plan.ts';
import { approvePlan, markBegun, pendingPlan, readPlan, recordRun } from './plans.ts';
import { type PlanContext, type PreparedPlan, prepareRowPlan } from './prepare-plan.ts';
import { fingerprint, type RowServer, rowPolicy, startRowServer } from './row-fixtures.ts';

const dayMs = 24 * 60 * 60 * 1000;

let server: RowServer;
let control: MemoryControlStore;
let now: Date;
let before: string;
beforeAll(async () => {
  server = await startRowServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  control = new MemoryControlStore();
  now = new Date();
  await server.admin.query(`
    create table listens (id int primary key, user_id int, listened_at timestamptz, status text);
    create index listens_listened_at on listens (listened_at);
    create table devices (listen_id int references listens, used_at timestamptz);
    create index on devices (listen_id);
    insert into listens select n, n % 7, now() - n * interval '1 day' - interval '1 hour' from generate_series(1, 100) n;
    insert into devices select id, listened_at from listens where id % 2 = 0`);
  before = await fingerprint(server.admin);
});
afterEach(async () => {
  await server.admin.query(`drop schema public cascade; create schema public`);
});

const devices = { table: 'devices', columns: ['listen_id'] };
type Changes = NonNullable<Parameters<typeof rowPolicy>[0]>;

function policy({ guards, ...changes }: Changes = {}) {
  return rowPolicy({
    retention: { days: 60 },
    children: [devices],
    ...changes,
    guards: { approval: 'never', ...guards },
  });
}

function prepare(changes: Changes = {}, context: Partial<PlanContext> = {}, resume?: string): Promise<PreparedPlan> {
  const run = { ...anyRun(), mode: 'apply' as const, actor: 'lambda', now, control, ...context };
  return prepareRowPlan(policy(changes), 'purge', run, server.reader, { resume });
}

const ids = ({ guards }: PreparedPlan) => guards.map(({ guard }) => guard);

/** Makes sure that a guard trips, that it is the only one, and that the tables are as they were. */
async function expectTripped(guard: string, changes: Changes = {}, context: Partial<PlanContext> = {}) {
  const was = await fingerprint(server.admin);
  const prepared = await prepare(changes, context);
  expect(ids(prepared)).toEqual([guard]);
  expect(await fingerprint(server.admin)).toBe(was);
  return prepared.guards[0];
}

describe('a plan', () => {
  it('says what is going to be done, and is frozen under its hash', async () => {
    const { plan, planHash: hash, target, guards, notes } = await prepare();
    const { rows } = await server.admin.query(
      'select min(listened_at)::text as oldest, max(listened_at)::text as youngest from listens where id >= 60',
    );
    expect(plan).toMatchObject({
      task: 'data-purge',
      policy: 'old-listens',
      kind: 'rows',
      action: 'purge',
      database: 'main',
      table: 'public.listens',
      cutoff: target.cutoff,
      rows: 41,
      tableRows: 100,
      ...rows[0],
      children: [{ table: 'public.devices', rows: 21 }],
      plannedAt: now.toISOString(),
      plannedBy: 'lambda',
    });
    expect(guards).toEqual([]);
    expect(notes).toEqual([expect.stringContaining('0 of 3 past runs'), 'The table has 100 rows.']);
    expect(planHash(plan)).toBe(hash);
    expect((await readPlan(control, hash)).plan).toEqual(plan);
    expect(await fingerprint(server.admin)).toBe(before);
  });

  it('is of an archive by another task', async () => {
    const run = { ...anyRun(), now, control };
    const { plan, target } = await prepareRowPlan(policy(), 'archive', run, server.reader);
    expect(plan).toMatchObject({ task: 'data-archival', action: 'archive' });
    expect(target.task).toBe('data-archival');
  });

  it('stays the same from run to run, and from a dry run to one that applies', async () => {
    const first = await prepare({}, { mode: 'dry-run', actor: 'ada' });
    const later = new Date(now.getTime() + dayMs);
    await server.admin.query('delete from devices; delete from listens where id = 99');
    const second = await prepare({ mode: 'dry-run' }, { now: later });
    const third = await prepare({ mode: 'apply' }, { now: later, actor: 'grace' });
    expect([second.planHash, third.planHash]).toEqual([first.planHash, first.planHash]);
    expect(third.target.cutoff).toBe(first.target.cutoff);
    expect(third.measure.rows).toBe(40);
    expect(third.plan.rows).toBe(41);
  });

  it('is a new one the day after, where nobody has to approve it', async () => {
    const first = await prepare();
    const second = await prepare({}, { now: new Date(now.getTime() + dayMs + 1) });
    expect(second.planHash).not.toBe(first.planHash);
    await expect(readPlan(control, first.planHash)).rejects.toMatchObject({ reason: 'unknown-plan' });
  });

  it('waits as it is while somebody has to approve it, until it expires', async () => {
    const guards = { approval: 'first-run', planValidDays: 3 } as const;
    const first = await prepare({ guards });
    const end = new Date(now.getTime() + 3 * dayMs);
    expect((await prepare({ guards }, { now: end })).planHash).toBe(first.planHash);
    const late = new Date(end.getTime() + 1);
    expect((await prepare({ guards }, { now: late })).planHash).not.toBe(first.planHash);
  });

  it('is a new one when the policy changes, or the shape of a table', async () => {
    const hashes = [(await prepare()).planHash, (await prepare({ where: 'id > 0' })).planHash];
    await server.admin.query('alter table devices add column more text');
    hashes.push((await prepare({ where: 'id > 0' })).planHash);
    expect(new Set(hashes).size).toBe(3);
  });

  it('is a new one after it was begun', async () => {
    const first = await prepare();
    await markBegun(control, first.planHash, first.plan, 'lambda', now);
    expect((await prepare({}, { now: new Date(now.getTime() + 1) })).planHash).not.toBe(first.planHash);
  });

  it('is gone on with by the run that has begun it, whatever waits by then', async () => {
    const guards = { approval: 'always', maximumRows: 70 } as const;
    const first = await prepare({ guards });
    await markBegun(control, first.planHash, first.plan, 'lambda', now);
    await recordRun(control, first.plan, { planHash: first.planHash, at: now.toISOString(), amount: 1 });
    // Rows that came late make it no other plan.
    await server.admin.query(
      "insert into listens select n, 1, now() - interval '70 days' from generate_series(200, 300) n",
    );
    const resumed = await prepare({ guards }, {}, first.planHash);
    expect(resumed).toMatchObject({ planHash: first.planHash, plan: first.plan, guards: [] });
    expect(resumed.target.cutoff).toBe(first.target.cutoff);
    await expect(prepare({ guards, where: 'true' }, {}, first.planHash)).rejects.toMatchObject({
      name: 'UncheckedError',
      reason: 'changed-plan',
    });
    await expect(prepare({ guards }, {}, 'f'.repeat(64))).rejects.toMatchObject({ reason: 'unknown-plan' });
  });
});

it('takes names that have to be quoted for nothing but names', async () => {
  await server.admin.query(`
    create table "Odd ""t"" (x)" ("select" char(4) primary key, "at; --" date, "listens" text);
    create table "child" ("root" char(4) references "Odd ""t"" (x)", "used at" date);
    create index on "child" ("root");
    create index "by "" age" on "Odd ""t"" (x)" ("at; --") where "at; --" is not null;
    insert into "Odd ""t"" (x)" select 'k' || n, current_date - n, 'a' from generate_series(55, 70) n;
    insert into "child" select "select", "at; --" from "Odd ""t"" (x)"`);
  const prepared = await prepare({
    table: 'Odd "t" (x)',
    ageColumn: 'at; --',
    index: 'by " age',
    where: `"listens" = 'a'`,
    children: [{ table: 'child', columns: ['root'], ageColumn: 'used at' }],
    guards: { maximumPercent: 100 },
  });
  expect(prepared).toMatchObject({
    guards: [],
    plan: { table: 'public.Odd "t" (x)', rows: 10, children: [{ table: 'public.child', rows: 10 }] },
  });
});

it('passes all guards also for a run that thinks of going on with a plan that it has not begun', async () => {
  for (const [guard, guards] of [
    ['approval-missing', { approval: 'first-run' }],
    ['too-many-rows', { maximumRows: 3 }],
  ] as const) {
    control = new MemoryControlStore();
    const first = await prepare({ guards });
    expect(ids(first)).toEqual([guard]);
    const second = await prepare({ guards }, {}, first.planHash);
    expect(second).toMatchObject({ planHash: first.planHash, guards: [{ guard }] });
  }
  // Nor does it help that an earlier plan of the same definition was begun.
  const always = { guards: { approval: 'always' } } as const;
  const { planHash: hash, plan } = await prepare(always);
  await markBegun(control, hash, plan, 'lambda', now);
  const next = await prepare(always, { now: new Date(now.getTime() + 1) });
  expect(ids(await prepare(always, { now: new Date(now.getTime() + 2) }, next.planHash))).toEqual(['approval-missing']);
});

describe('too many rows', () => {
  it('are those of the root and of its children together', async () => {
    expect(ids(await prepare({ guards: { maximumRows: 62 } }))).toEqual([]);
    control = new MemoryControlStore();
    expect(await expectTripped('too-many-rows', { guards: { maximumRows: 61 } })).toMatchObject({
      evidence: { amount: 62, maximumRows: 61 },
    });
    await expectTripped('too-many-rows', { guards: { maximumRows: 3 } });
  });
});

describe('too large a share', () => {
  it('is one of the table’s own rows', async () => {
    expect(ids(await prepare({ guards: { maximumPercent: 41 } }))).toEqual([]);
    control = new MemoryControlStore();
    expect(await expectTripped('too-large-share', { guards: { maximumPercent: 40.9 } })).toMatchObject({
      evidence: { amount: 41, of: 100 },
    });
  });
});

describe('an unusual volume', () => {
  it('is judged by what past runs of the policy took', async () => {
    const guards = { deviationFloor: 0, maximumDeviation: 2, minimumHistory: 3 };
    const { plan } = await prepare({ guards });
    const record = (index: number, amount: number) =>
      recordRun(control, plan, { planHash: `${index}`.repeat(64), at: now.toISOString(), amount });
    // Rows of the table itself: those of its children are no part of what is remembered.
    await record(1, 20);
    await record(2, 500);
    const young = await prepare({ guards });
    expect(ids(young)).toEqual([]);
    expect(young.notes[0]).toContain('2 of 3 past runs');
    await record(3, 20);
    expect(await expectTripped('unusual-volume', { guards })).toMatchObject({ evidence: { amount: 41, median: 20 } });
    await record(3, 21);
    expect(ids(await prepare({ guards }))).toEqual([]);
  });

  it('is not told of a history that cannot be read', async () => {
    await control.write('history/data-purge/old-listens', 'gone');
    await expect(prepare()).rejects.toMatchObject({ reason: 'bad-history' });
  });
});

describe('what is younger than the retention', () => {
  it('is what a runner would take whose clock is wrong', async () => {
    const ahead = (ms: number) => ({ now: new Date(Date.now() + ms) });
    expect(ids(await prepare({}, ahead(30_000)))).toEqual([]);
    control = new MemoryControlStore();
    expect(
      await expectTripped('younger-than-retention', { guards: { maximumPercent: 100 } }, ahead(10 * dayMs)),
    ).toMatchObject({
      detail: expect.stringContaining("database's clock"),
    });
    control = new MemoryControlStore();
    await expectTripped('younger-than-retention', { guards: { maximumPercent: 100 } }, ahead(400 * dayMs));
    control = new MemoryControlStore();
    expect(ids(await prepare({}, ahead(-10 * dayMs)))).toEqual([]);
  });

  it('is what a stored plan would take whose cutoff somebody has moved, with a hash to match', async () => {
    const { plan } = await prepare({ guards: { maximumPercent: 100 } });
    const edited = {
      ...plan,
      cutoff: new Date(now.getTime() - dayMs).toISOString(),
      rows: 1_000,
      children: [{ table: 'public.devices', rows: 1_000 }],
    };
    const hash = planHash(edited);
    await control.write(`plan/${hash}`, { plan: edited, validUntil: now.toISOString() });
    await control.write('pending/data-purge/old-listens', { hash });
    const guard = await expectTripped('younger-than-retention', { guards: { maximumPercent: 100 } });
    expect(guard?.evidence.cutoff).toBe(edited.cutoff);
  });

  it('is the row of a child', async () => {
    const children = [{ ...devices, ageColumn: 'used_at' }];
    expect(ids(await prepare({ children }))).toEqual([]);
    await server.admin.query('update devices set used_at = now() where listen_id = 70');
    control = new MemoryControlStore();
    expect(await expectTripped('younger-than-retention', { children })).toMatchObject({
      evidence: { children: ['1 of public.devices'] },
    });
  });
});

describe('an index that is missing', () => {
  const withIndex = async (statement: string, changes: Changes = {}) => {
    await server.admin.query(`drop index if exists listens_listened_at; ${statement}`);
    control = new MemoryControlStore();
    return ids(await prepare(changes));
  };

  it.each([
    ['is not there', 'select 1'],
    ['is of another table', 'create index listens_listened_at on devices (used_at)'],
    ['begins with another column', 'create index listens_listened_at on listens (id, listened_at)'],
    ['begins with an expression', "create index listens_listened_at on listens ((listened_at at time zone 'UTC'))"],
    ['has only some of the rows', "create index listens_listened_at on listens (listened_at) where status = 'done'"],
    ['knows no order', 'create index listens_listened_at on listens using brin (listened_at)'],
  ])('is one that %s', async (_, statement) => {
    await server.admin.query(`drop index listens_listened_at; ${statement}`);
    await expectTripped('index-missing');
  });

  it('is one whose creation did not end', async () => {
    await server.admin.query(
      "update pg_index set indisvalid = false where indexrelid = 'listens_listened_at'::regclass",
    );
    expect(await expectTripped('index-missing')).toMatchObject({ detail: expect.stringContaining('not valid') });
  });

  it('is one of the same name in another schema', async () => {
    await server.admin.query(`
      drop index listens_listened_at; create schema other; create table other.listens (listened_at timestamptz);
      create index listens_listened_at on other.listens (listened_at)`);
    try {
      await expectTripped('index-missing');
    } finally {
      await server.admin.query('drop schema other cascade');
    }
  });

  it('is none that has all the rows that the policy takes, as the server can prove', async () => {
    expect(await withIndex('create index listens_listened_at on listens (listened_at desc, id)')).toEqual([]);
    expect(
      await withIndex('create index listens_listened_at on listens (listened_at) where listened_at is not null'),
    ).toEqual([]);
    const partial = "create index listens_listened_at on listens (listened_at) where status in ('done', 'gone')";
    expect(await withIndex(partial)).toEqual(['index-missing']);
    expect(await withIndex(partial, { where: "status = 'done' and id > 0" })).toEqual([]);
    expect(await withIndex(partial, { where: "status = 'open'" })).toEqual(['index-missing']);
  });

  it('is told of where it is one of a partitioned table that not all partitions have', async () => {
    await server.admin.query(`
      create table plays (id int, played date, status text, primary key (id, played)) partition by range (played);
      create table plays_1 partition of plays for values from ('2001-01-01') to ('2002-01-01');
      create table plays_2 partition of plays default;
      insert into plays values (1, '2001-05-05', 'done');
      create index by_day on only plays (played)`);
    const plays = {
      table: 'plays',
      ageColumn: 'played',
      index: 'by_day',
      children: [],
      guards: { maximumPercent: 100 },
    };
    await expectTripped('index-missing', plays);
    await server.admin.query('drop index by_day; create index by_day on plays (played)');
    expect(ids(await prepare(plays))).toEqual([]);
    await server.admin.query("drop index by_day; create index by_day on plays (played) where status = 'done'");
    expect(ids(await prepare(plays))).toEqual(['index-missing']);
    expect(ids(await prepare({ ...plays, where: "status = 'done'" }))).toEqual([]);
  });

  it('is one on the rows that go with others, once these are many', async () => {
    await server.admin.query('drop index devices_listen_id_idx');
    expect(ids(await prepare())).toEqual([]);
    await server.admin.query('insert into devices select null, null from generate_series(1, 320000)');
    control = new MemoryControlStore();
    expect(await expectTripped('index-missing')).toMatchObject({
      evidence: { tables: ['public.devices (listen_id)'] },
    });
    await server.admin.query('create index on devices (listen_id, used_at)');
    expect(ids(await prepare())).toEqual([]);
  });
});

describe('dependents that are not declared', () => {
  const tripped = async (changes: Changes = {}) => (await expectTripped('undeclared-dependents', changes))?.evidence;

  it('are a child that the policy leaves out, whatever happens to its rows', async () => {
    await tripped({ children: [] });
    for (const action of ['cascade', 'set null', 'set default', 'restrict', 'no action']) {
      await server.admin.query(`
        drop table if exists likes; create table likes (listen_id int references listens on delete ${action})`);
      control = new MemoryControlStore();
      expect(await tripped()).toMatchObject({
        dependents: [expect.stringContaining('public.likes refers to public.listens by likes_listen_id_fkey')],
      });
    }
  });

  it('are those of a child, by name however it has to be quoted', async () => {
    await server.admin.query(`
      alter table devices add column id int unique;
      create table "Odd ""likes" (d int constraint "to devices" references devices (id) on delete set null)`);
    expect(await tripped()).toMatchObject({
      dependents: [expect.stringContaining('public.Odd "likes refers to public.devices by to devices')],
    });
  });

  it('are the table’s own rows', async () => {
    await server.admin.query('alter table listens add column reply_to int references listens on delete cascade');
    await tripped();
  });

  it('are a second way from a child, where it does more than refuse', async () => {
    await server.admin.query('alter table devices add column other int references listens');
    expect(ids(await prepare())).toEqual([]);
    await server.admin.query(`
      alter table devices drop column other; alter table devices add column other int references listens on delete cascade`);
    control = new MemoryControlStore();
    await tripped();
  });

  it('are triggers and rules that deleting sets off, also of partitions, and those only that are on', async () => {
    await server.admin.query(`
      create function keep() returns trigger language plpgsql as 'begin return null; end';
      create trigger inserted before insert or update on listens for each row execute function keep();
      create trigger "off" before delete on listens for each row execute function keep();
      alter table listens disable trigger "off";
      create rule quiet as on update to devices do also nothing`);
    expect(ids(await prepare())).toEqual([]);
    await server.admin.query(`
      create trigger "Kept!" before delete on listens for each row execute function keep();
      create trigger told after delete or update on devices for each statement execute function keep();
      create rule unseen as on delete to devices do instead nothing`);
    expect(await tripped()).toEqual({
      dependents: [
        'the trigger public.devices.told fires',
        'the trigger public.listens.Kept! fires',
        'the rule public.devices.unseen applies',
      ],
    });
    const acceptedTriggers = ['public.devices.told', 'public.listens.Kept!', 'public.devices.unseen'];
    expect(ids(await prepare({ acceptedTriggers }))).toEqual([]);
  });

  it('are told of once for a partitioned table, and for a partition those of the whole', async () => {
    await server.admin.query(`
      create function keep() returns trigger language plpgsql as 'begin return null; end';
      create table plays (id int, played date, primary key (id, played)) partition by range (played);
      create table plays_1 partition of plays for values from ('2001-01-01') to ('2002-01-01');
      create index by_day on plays (played); create index by_day_1 on plays_1 (played);
      insert into plays values (1, '2001-05-05');
      create trigger kept after delete on plays for each row execute function keep();
      create trigger own before delete on plays_1 for each row execute function keep();
      create table likes (id int, played date, foreign key (id, played) references plays on delete cascade)
        partition by range (id);
      create table likes_1 partition of likes default;
      create table hearts (id int, played date, foreign key (id, played) references plays_1)`);
    const plays = { ageColumn: 'played', children: [], guards: { maximumPercent: 100 } };
    expect(await tripped({ ...plays, table: 'plays', index: 'by_day' })).toEqual({
      dependents: [
        expect.stringContaining('public.hearts refers to public.plays_1'),
        expect.stringContaining('public.likes refers to public.plays'),
        'the trigger public.plays.kept fires',
        'the trigger public.plays_1.own fires',
      ],
    });
    expect(await tripped({ ...plays, table: 'plays_1', index: 'by_day_1' })).toEqual({
      dependents: [
        expect.stringContaining('public.hearts refers to public.plays_1'),
        expect.stringContaining('public.likes refers to public.plays'),
        'the trigger public.plays_1.kept fires',
        'the trigger public.plays_1.own fires',
      ],
    });
  });
});

describe('an approval that is missing', () => {
  const guards = { approval: 'first-run' } as const;

  it('keeps a first run from being done, until somebody else has looked', async () => {
    const guard = await expectTripped('approval-missing', { guards });
    const hash = String(guard?.evidence.planHash);
    await expect(approvePlan(control, hash, 'lambda', now)).rejects.toMatchObject({ reason: 'own-plan' });
    await expectTripped('approval-missing', { guards });
    await approvePlan(control, hash, 'ada', now);
    const approved = await prepare({ guards });
    expect(approved).toMatchObject({ planHash: hash, guards: [] });
    // Whoever has approved it does not run it.
    await expectTripped('approval-missing', { guards }, { actor: 'ada' });
  });

  it('is asked for also where the rows of the plan have gone meanwhile: it would be begun for those that come next', async () => {
    await prepare({ guards });
    await server.admin.query('truncate listens, devices');
    const emptied = await prepare({ guards });
    expect(emptied.measure.rows).toBe(0);
    expect(ids(emptied)).toEqual(['approval-missing']);
  });

  it('is not asked for after the first, but for always', async () => {
    const { plan, planHash: hash } = await prepare({ guards });
    await markBegun(control, hash, plan, 'lambda', now);
    expect(ids(await prepare({ guards }))).toEqual([]);
    control = new MemoryControlStore();
    const always = { guards: { approval: 'always' } } as const;
    const first = await prepare(always);
    await markBegun(control, first.planHash, first.plan, 'lambda', now);
    await expectTripped('approval-missing', always, { now: new Date(now.getTime() + 1) });
  });

  it('is one of another definition', async () => {
    const { plan, planHash: hash } = await prepare({ guards });
    await approvePlan(control, hash, 'ada', now);
    const guard = await expectTripped('approval-missing', { guards, where: 'true' });
    expect(guard?.detail).toContain('another one than when the plan before was made');
    await markBegun(control, hash, plan, 'lambda', now);
    await expectTripped('approval-missing', { guards, where: 'true' });
  });

  it('is one of fewer rows, be they a child’s', async () => {
    const approve = async () => {
      const { planHash: hash } = await prepare({ guards });
      await approvePlan(control, hash, 'ada', now);
      expect(ids(await prepare({ guards }))).toEqual([]);
    };
    await approve();
    await server.admin.query("insert into listens values (200, 1, now() - interval '70 days')");
    expect((await expectTripped('approval-missing', { guards }))?.detail).toMatch(/has 41 rows, and there are 42 now/);
    await approve();
    await server.admin.query('insert into devices values (200, now())');
    const guard = await expectTripped('approval-missing', { guards });
    expect(guard?.detail).toMatch(/has 21 rows of public.devices, and there are 22 now/);
  });

  it('is one that has expired', async () => {
    const { planHash: hash } = await prepare({ guards });
    await approvePlan(control, hash, 'ada', now);
    const end = new Date(now.getTime() + 14 * dayMs);
    const late = new Date(end.getTime() + 1);
    // The server's clock is not to matter here.
    const wide = { guards: { ...guards, maximumPercent: 100 } };
    expect(ids(await prepare({ guards }, { now: end }))).toEqual([]);
    const found = await prepare(wide, { now: late });
    expect(ids(found)).toContain('approval-missing');
    expect(found.planHash).not.toBe(hash);
    // However long somebody has made it good for.
    control = new MemoryControlStore();
    const again = await prepare({ guards });
    const stored = { plan: again.plan, validUntil: new Date(late.getTime() + 100 * dayMs).toISOString() };
    await control.write(`plan/${again.planHash}`, stored);
    await approvePlan(control, again.planHash, 'ada', now);
    const longer = await prepare({ guards }, { now: late });
    expect(longer.planHash).not.toBe(again.planHash);
    expect(ids(longer)).toContain('approval-missing');
  });

  it('is one of a plan that was edited, whatever the policy asks for', async () => {
    for (const approval of ['first-run', 'never'] as const) {
      control = new MemoryControlStore();
      const { plan, planHash: hash } = await prepare({ guards: { approval } });
      await approvePlan(control, hash, 'ada', now);
      const edited = { plan: { ...plan, rows: 90 }, validUntil: now.toISOString() };
      await control.write(`plan/${hash}`, edited);
      const guard = await expectTripped(
        'approval-missing',
        { guards: { approval } },
        { now: new Date(now.getTime() + 1) },
      );
      expect(guard?.detail).toContain('it was changed after it was made');
      const waiting = await pendingPlan(control, { task: 'data-purge', policy: 'old-listens' });
      expect(waiting).toMatchObject({ hash: guard?.evidence.planHash, plan: { rows: 41 } });
    }
  });

  it('is not asked for where nothing is to be deleted, or nothing is there', async () => {
    expect(ids(await prepare({ guards, mode: 'dry-run' }))).toEqual([]);
    expect(ids(await prepare({ guards }, { mode: 'dry-run' }))).toEqual([]);
    expect(ids(await prepare({ guards, retention: { days: 500 } }))).toEqual([]);
    expect(ids(await prepare({ guards, retention: { days: 99 } }))).toEqual(['approval-missing']);
  });
});
