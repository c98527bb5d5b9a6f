import { describe, expect, it } from 'vitest';
import { policyOutcomeSchema } from '../../shared/retention/policy-outcome.ts';
import { configSchema } from './config.ts';
import type { DrillFacts } from './drill/drill-facts.ts';
import { evaluate, faultRules } from './evaluate.ts';
import { task } from './task.ts';

const config = configSchema.parse({});

const good: DrillFacts = {
  policy: 'listens',
  state: 'equal',
  manifest: 's3://nycmg-archive/archives/listens/00000003/manifest.json',
  rows: 20,
  seconds: 1.26,
  isEqual: true,
  fault: null,
  unchecked: null,
  lastGoodAt: '2026-11-23T06:00:00.000Z',
  isOverdue: false,
};

function evaluateDrills(...drills: DrillFacts[]) {
  return evaluate({ outcomes: [], drills }, config);
}

describe('restore drills', () => {
  it('leave nothing to find when every row is equal, and tell of which archive', () => {
    const { findings, tables } = evaluateDrills(good);
    expect(findings).toEqual([]);
    expect(tables?.[0]?.rows).toEqual([
      {
        policy: 'listens',
        state: 'restored, every row equal',
        rows: 20,
        seconds: 1.3,
        lastGoodAt: good.lastGoodAt,
        archive: 'listens/00000003',
      },
    ]);
  });

  it.each([
    ['restore-drill-failed', 'critical'],
    ['archive-corrupt', 'critical'],
    ['ledger-broken', 'critical'],
  ] as const)('page when they fail: %s', (rule, severity) => {
    const fault = { rule, subject: 'a file', detail: 'It is broken.' };
    const { findings } = evaluateDrills({ ...good, state: 'failed', isEqual: false, fault });
    expect(findings).toMatchObject([
      { rule, severity, summary: 'An archive could not be restored as it was: It is broken.' },
    ]);
  });

  it('are overdue when none was good for too long, or never was', () => {
    const { findings } = evaluateDrills(
      { ...good, state: 'unchecked', isEqual: null, isOverdue: true },
      { ...good, policy: 'events', state: 'unchecked', isEqual: null, isOverdue: true, lastGoodAt: null },
    );
    expect(findings.map(({ rule, summary }) => [rule, summary])).toEqual([
      ['restore-drill-overdue', 'No archive of the policy has been restored since 2026-11-23T06:00:00.000Z.'],
      ['restore-drill-overdue', 'No archive of the policy has ever been restored.'],
    ]);
  });

  it('are not told of where there is nothing to restore, or nobody wants them', () => {
    expect(evaluateDrills({ ...good, state: 'switched-off' }, { ...good, state: 'nothing-to-drill' }).tables).toEqual(
      [],
    );
  });
});

describe('faults of archival', () => {
  it('are each a rule of the task, and every rule of the task can be found', () => {
    const outcomes = Object.keys(faultRules).map((rule) =>
      policyOutcomeSchema.parse({
        policy: rule,
        target: 'main/public.listens',
        mode: 'apply',
        state: 'stopped',
        planHash: null,
        planned: 1,
        faults: [{ rule, subject: 's', detail: 'd' }],
      }),
    );
    const { findings } = evaluate({ outcomes, drills: [] }, config);
    expect(findings.map(({ rule }) => rule)).toEqual(Object.keys(faultRules));
    expect(findings.every(({ rule }) => (task.rules as readonly string[]).includes(rule))).toBe(true);
  });
});
