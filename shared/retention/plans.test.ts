import { beforeEach, describe, expect, it } from 'vitest';
import { parseDocument } from '../control/control-document.ts';
import { MemoryControlStore } from '../control/memory-control-store.ts';
import { type Plan, planHash } from './plan.ts';
import {
  approvalOf,
  approvePlan,
  hasBegun,
  history,
  isApproved,
  markBegun,
  pendingPlan,
  plannedAmount,
  readPlan,
  recordRun,
  savePlan,
  wasBegun,
} from './plans.ts';

const now = new Date('2026-06-01T04:00:00Z');
const until = new Date('2026-06-15T04:00:00Z');
const owner = { task: 'data-purge', policy: 'old-listens' };

function plan(changes: Partial<Extract<Plan, { kind: 'rows' }>> = {}): Extract<Plan, { kind: 'rows' }> {
  return {
    ...owner,
    definitionHash: 'd'.repeat(64),
    plannedAt: now.toISOString(),
    plannedBy: 'scheduler',
    kind: 'rows',
    action: 'purge',
    database: 'main',
    table: 'public.listens',
    cutoff: '2025-05-01 04:00:00+00',
    rows: 10,
    tableRows: 100,
    oldest: '2025-01-01 00:00:00+00',
    youngest: '2025-04-30 00:00:00+00',
    children: [{ table: 'public.notes', rows: 5 }],
    ...changes,
  };
}

let control: MemoryControlStore;
beforeEach(() => {
  control = new MemoryControlStore();
});

describe('a plan that is saved', () => {
  it('waits, and is found by its policy and by its hash', async () => {
    const hash = await savePlan(control, plan(), until);
    expect(hash).toBe(planHash(plan()));
    expect(await pendingPlan(control, owner)).toEqual({ hash, plan: plan(), validUntil: until });
    expect(await readPlan(control, hash)).toEqual({ hash, plan: plan(), validUntil: until });
    expect(await pendingPlan(control, { ...owner, policy: 'another' })).toBeUndefined();
  });

  it('takes the place of the one before, and of its approval', async () => {
    const before = await savePlan(control, plan(), until);
    await approvePlan(control, before, 'ada', now);
    const after = await savePlan(control, plan({ rows: 11 }), until);
    expect((await pendingPlan(control, owner))?.hash).toBe(after);
    await expect(readPlan(control, before)).rejects.toMatchObject({ reason: 'unknown-plan' });
    expect(await approvalOf(control, before)).toBeUndefined();
  });

  it('keeps its approval when it is saved again', async () => {
    const hash = await savePlan(control, plan(), until);
    await approvePlan(control, hash, 'ada', now);
    expect(await savePlan(control, plan(), until)).toBe(hash);
    expect(await approvalOf(control, hash)).toEqual({ by: 'ada', at: now.toISOString() });
  });

  it.each([
    ['another cutoff', { cutoff: '2026-05-01 04:00:00+00' }],
    ['another author, so that the first may approve it', { plannedBy: 'nobody' }],
    ['no plan at all', { kind: 'nonsense' }],
  ])('is refused once somebody has given it %s', async (_, edit) => {
    const hash = await savePlan(control, plan(), until);
    await control.write(`plan/${hash}`, { plan: { ...plan(), ...edit }, validUntil: until.toISOString() });
    await expect(pendingPlan(control, owner)).rejects.toMatchObject({ reason: 'changed-plan' });
    await expect(approvePlan(control, hash, 'ada', now)).rejects.toMatchObject({ reason: 'changed-plan' });
    expect(await approvalOf(control, hash)).toBeUndefined();
  });

  it('is refused where it is the plan of another policy', async () => {
    const hash = await savePlan(control, plan({ policy: 'another' }), until);
    await control.write('pending/data-purge/old-listens', { hash });
    await expect(pendingPlan(control, owner)).rejects.toMatchObject({ reason: 'changed-plan' });
  });

  it('is refused, and can be replaced, where what is stored is not even JSON', async () => {
    const hash = await savePlan(control, plan(), until);
    const { read } = MemoryControlStore.prototype;
    control.read = async (key) => (key === `plan/${hash}` ? parseDocument(key, '{"half') : read.call(control, key));
    await expect(pendingPlan(control, owner)).rejects.toMatchObject({ reason: 'changed-plan' });
    const next = await savePlan(control, plan({ rows: 11 }), until);
    expect((await pendingPlan(control, owner))?.hash).toBe(next);
  });

  it('is none when what waits is gone or nonsense', async () => {
    await control.write('pending/data-purge/old-listens', { hash: 'f'.repeat(64) });
    expect(await pendingPlan(control, owner)).toBeUndefined();
    await control.write('pending/data-purge/old-listens', 7);
    expect(await pendingPlan(control, owner)).toBeUndefined();
  });
});

describe('approving', () => {
  it('shows what it approves, and does so once', async () => {
    const hash = await savePlan(control, plan(), until);
    const first = { plan: plan(), approval: { by: 'ada', at: now.toISOString() } };
    expect(await approvePlan(control, hash, 'ada', now)).toEqual(first);
    expect(await approvePlan(control, hash, 'ada', until)).toEqual(first);
    expect(await approvePlan(control, hash, 'grace', until)).toEqual(first);
  });

  it('is somebody else than who made it', async () => {
    const hash = await savePlan(control, plan(), until);
    await expect(approvePlan(control, hash, 'scheduler', now)).rejects.toMatchObject({ reason: 'own-plan' });
    expect(await approvalOf(control, hash)).toBeUndefined();
  });

  it('is nobody whose laptop has another name today', async () => {
    const hash = await savePlan(control, plan({ plannedBy: 'ada@laptop' }), until);
    await expect(approvePlan(control, hash, 'ada@laptop.office', now)).rejects.toMatchObject({ reason: 'own-plan' });
    const approval = { by: 'grace@laptop', at: now.toISOString() };
    expect(await approvePlan(control, hash, 'grace@laptop', now)).toMatchObject({ approval });
    expect(isApproved(plan({ plannedBy: 'ada@laptop' }), approval, 'ada@laptop')).toBe(true);
    expect(isApproved(plan({ plannedBy: 'ada@laptop' }), approval, 'grace@desk')).toBe(false);
  });

  it('is refused for a plan that does not wait any more', async () => {
    const hash = await savePlan(control, plan(), until);
    await markBegun(control, hash, plan(), 'lambda', now);
    await expect(approvePlan(control, hash, 'ada', now)).rejects.toMatchObject({ reason: 'not-waiting' });
    expect(await approvalOf(control, hash)).toBeUndefined();
  });

  it.each([['yes'], [{ by: '', at: now.toISOString() }], [null]])(
    'is not said of a plan where %j stands',
    async (edit) => {
      const hash = await savePlan(control, plan(), until);
      await control.write(`approval/${hash}`, edit);
      expect(await approvalOf(control, hash)).toBeUndefined();
      await expect(approvePlan(control, hash, 'ada', now)).rejects.toMatchObject({ reason: 'changed-plan' });
    },
  );

  it('is for as long as the plan is good, and not a moment longer', async () => {
    const hash = await savePlan(control, plan(), until);
    const late = new Date(until.getTime() + 1);
    await expect(approvePlan(control, hash, 'ada', late)).rejects.toMatchObject({ reason: 'expired-plan' });
    expect(await approvePlan(control, hash, 'ada', until)).toMatchObject({ approval: { by: 'ada' } });
  });

  it.each(['', 'f'.repeat(64), '../plan', 'F'.repeat(64), 'a'.repeat(63)])(
    'refuses %j, which is no plan',
    async (hash) => {
      await savePlan(control, plan(), until);
      await expect(approvePlan(control, hash, 'ada', now)).rejects.toMatchObject({ reason: 'unknown-plan' });
    },
  );

  it('counts only from somebody else than who made it and who runs it', () => {
    const by = (name: string) => ({ by: name, at: now.toISOString() });
    expect(isApproved(plan(), undefined, 'lambda')).toBe(false);
    expect(isApproved(plan(), by('scheduler'), 'lambda')).toBe(false);
    expect(isApproved(plan(), by('lambda'), 'lambda')).toBe(false);
    expect(isApproved(plan(), by('ada'), 'lambda')).toBe(true);
  });
});

describe('a plan that is begun', () => {
  it('waits no more, is still there to be gone on with, and speaks for its definition', async () => {
    const hash = await savePlan(control, plan(), until);
    expect(await hasBegun(control, plan())).toBe(false);
    await markBegun(control, hash, plan(), 'lambda', now);
    expect(await pendingPlan(control, owner)).toBeUndefined();
    expect((await readPlan(control, hash)).plan).toEqual(plan());
    expect(await hasBegun(control, plan({ rows: 3 }))).toBe(true);
    expect(await hasBegun(control, plan({ definitionHash: 'e'.repeat(64) }))).toBe(false);
    expect(await hasBegun(control, plan({ policy: 'another' }))).toBe(false);
  });

  it('says nothing of another plan of the same definition', async () => {
    const before = await savePlan(control, plan(), until);
    await markBegun(control, before, plan(), 'lambda', now);
    const hash = await savePlan(control, plan({ rows: 11 }), until);
    const after = await savePlan(control, plan({ rows: 12 }), until);
    expect(await wasBegun(control, before)).toBe(true);
    expect(await wasBegun(control, hash)).toBe(false);
    expect(await wasBegun(control, after)).toBe(false);
    await markBegun(control, after, plan({ rows: 12 }), 'lambda', now);
    expect(await wasBegun(control, after)).toBe(true);
  });

  it('was begun by somebody: what cannot be read says nothing', async () => {
    const hash = await savePlan(control, plan(), until);
    const key = `begun/data-purge/old-listens/${'d'.repeat(64)}`;
    for (const edit of [true, null, { planHash: hash }]) {
      await control.write(key, edit);
      expect(await hasBegun(control, plan())).toBe(false);
    }
    await markBegun(control, hash, plan(), 'lambda', now);
    expect(await hasBegun(control, plan())).toBe(true);
  });

  it('leaves the plan that waits by then alone', async () => {
    const hash = await savePlan(control, plan(), until);
    const next = await savePlan(control, plan({ rows: 11 }), until);
    await markBegun(control, hash, plan(), 'lambda', now);
    expect((await pendingPlan(control, owner))?.hash).toBe(next);
  });

  it('is not one that takes nothing: nobody has seen a first run then', async () => {
    const empty = plan({ rows: 0, children: [] });
    const hash = await savePlan(control, empty, until);
    await markBegun(control, hash, empty, 'lambda', now);
    expect(await hasBegun(control, empty)).toBe(false);
    expect((await pendingPlan(control, owner))?.hash).toBe(hash);
  });
});

describe('the history', () => {
  const run = (index: number, amount = index) => ({
    planHash: index.toString(16).padStart(64, '0'),
    at: now.toISOString(),
    amount,
  });

  it('has each plan once, with what became of it last', async () => {
    expect(await history(control, owner)).toEqual([]);
    await recordRun(control, plan(), run(1, 5));
    await recordRun(control, plan(), run(2));
    await recordRun(control, plan(), run(1, 7));
    expect(await history(control, owner)).toEqual([run(2), run(1, 7)]);
  });

  it('is bounded, and forgets the plans with the runs', async () => {
    const hash = await savePlan(control, plan(), until);
    await recordRun(control, plan(), { planHash: hash, at: now.toISOString(), amount: 15 });
    for (let index = 1; index <= 50; index += 1) await recordRun(control, plan(), run(index));
    const runs = await history(control, owner);
    expect(runs).toHaveLength(50);
    expect(runs[0]).toEqual(run(1));
    await expect(readPlan(control, hash)).rejects.toMatchObject({ reason: 'unknown-plan' });
  });

  it('that cannot be read is not one of no runs', async () => {
    for (const edit of [[{ rows: 'many' }], null]) {
      await control.write('history/data-purge/old-listens', edit);
      await expect(history(control, owner)).rejects.toMatchObject({ reason: 'bad-history' });
    }
  });
});

it('counts the rows of children as planned too', () => {
  expect(plannedAmount(plan())).toBe(15);
});
