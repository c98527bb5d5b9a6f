import { describe, expect, it } from 'vitest';
import { MemoryControlStore } from '../control/memory-control-store.ts';
import type { Plan } from './plan.ts';
import { judgeApproval } from './plan-approval.ts';
import { approvePlan, savePlan } from './plans.ts';

const now = new Date('2026-11-20T00:00:00Z');

const plan: Plan = {
  task: 'data-purge',
  policy: 'old-listens',
  definitionHash: 'd'.repeat(64),
  plannedAt: now.toISOString(),
  plannedBy: 'ada',
  kind: 'rows',
  action: 'purge',
  database: 'main',
  table: 'public.listens',
  cutoff: '2026-01-01 00:00:00+00',
  rows: 5,
  tableRows: 10,
  oldest: null,
  youngest: null,
  children: [],
};

async function judge(mode: 'dry-run' | 'apply', runMode: 'dry-run' | 'apply', approvedBy?: string) {
  const control = new MemoryControlStore();
  const validUntil = new Date('2026-11-27T00:00:00Z');
  const hash = await savePlan(control, plan, validUntil);
  if (approvedBy !== undefined) await approvePlan(control, hash, approvedBy, now);
  const policy = { mode, guards: { approval: 'first-run' as const } };
  return {
    hash,
    verdict: await judgeApproval(
      { policy, context: { mode: runMode, actor: 'ada', control } },
      { hash, plan, validUntil },
      undefined,
    ),
  };
}

describe('a plan that nobody has approved', () => {
  it('stops a run that applies it, and one that shows it says what is to be done', async () => {
    expect((await judge('apply', 'apply')).verdict).toMatchObject({ guard: { guard: 'approval-missing' } });
    const { hash, verdict } = await judge('apply', 'dry-run');
    expect(verdict).toEqual({
      note: `Before it can be begun, somebody else than ada has to approve it: caretaker approve ${hash}`,
    });
  });

  it('is nothing to speak of where it is never applied', async () => {
    expect((await judge('dry-run', 'apply')).verdict).toEqual({});
  });
});

describe('a plan that somebody else has approved', () => {
  it('can be begun', async () => {
    expect((await judge('apply', 'apply', 'grace')).verdict).toEqual({});
    expect((await judge('apply', 'dry-run', 'grace')).verdict).toEqual({});
  });
});
