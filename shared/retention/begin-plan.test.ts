import { describe, expect, it } from 'vitest';
import { Ledger } from '../ledger/ledger.ts';
import { anyRun } from '../run-fixtures.ts';
import { beginPlan } from './begin-plan.ts';
import { type Plan, planHash } from './plan.ts';
import { approvePlan, savePlan, wasBegun } from './plans.ts';

const now = new Date('2026-11-23T06:00:00.000Z');

function planOf(rows: number): Plan {
  return {
    kind: 'rows',
    task: 'data-purge',
    policy: 'sessions',
    definitionHash: 'd'.repeat(64),
    plannedAt: now.toISOString(),
    plannedBy: 'lambda:purge:1',
    action: 'purge',
    database: 'main',
    table: 'public.sessions',
    cutoff: '2026-08-25 06:00:00+00',
    rows,
    tableRows: 100,
    oldest: null,
    youngest: null,
    children: [],
  };
}

async function begin(plan: Plan, run: ReturnType<typeof anyRun>) {
  await beginPlan({ ...run, actor: 'lambda:purge:1', now }, planHash(plan), plan);
  const ledger = await Ledger.open(run.ledgers, 'data-purge/sessions.plans', () => now);
  return Array.fromAsync(ledger.entries());
}

describe('a plan that is begun', () => {
  it('is in the ledger with who made it and who has approved it, once', async () => {
    const run = anyRun();
    const plan = planOf(10);
    await savePlan(run.control, plan, new Date(now.getTime() + 86_400_000));
    await approvePlan(run.control, planHash(plan), 'grace', now);
    const entries = await begin(plan, run);
    expect(entries).toMatchObject([
      {
        actor: 'lambda:purge:1',
        action: 'begin-plan',
        planHash: planHash(plan),
        before: 10,
        facts: { plannedBy: 'lambda:purge:1', approvedBy: 'grace' },
      },
    ]);
    expect(await wasBegun(run.control, planHash(plan))).toBe(true);
    expect(await begin(plan, run)).toEqual(entries);
  });

  it('has nobody who approved it where nobody had to', async () => {
    expect(await begin(planOf(10), anyRun())).toMatchObject([{ facts: { approvedBy: null } }]);
  });

  it('is not begun when it is to delete nothing', async () => {
    const run = anyRun();
    expect(await begin(planOf(0), run)).toEqual([]);
    expect(await wasBegun(run.control, planHash(planOf(0)))).toBe(false);
  });
});
