import { describe, expect, it } from 'vitest';
import { CoverageLedger } from '../coverage.ts';
import type { FinishedWork } from '../run-task.ts';
import { policyOutcomeSchema } from './policy-outcome.ts';
import { collectOutcomes, policyItems, policyOf } from './policy-work.ts';

const policies = [{ id: 'listens' }, { id: 'sessions' }];

function work(policy: string, state: object): FinishedWork {
  const outcome = policyOutcomeSchema.parse({
    policy,
    target: 't',
    mode: 'apply',
    state: 'done',
    planHash: null,
    planned: 1,
    ...state,
  });
  return { item: { id: `policy/${policy}` }, progress: { isDone: true, state: outcome } };
}

function collect(finished: readonly FinishedWork[], configured = policies, only?: string) {
  const coverage = new CoverageLedger({ only, classify: () => undefined });
  const metrics: Record<string, number> = {};
  const measure = (name: string, value: number) => {
    metrics[name] = value;
  };
  const outcomes = collectOutcomes('data-purge', configured, { coverage, work: finished, measure });
  return { outcomes, metrics, coverage, summary: coverage.summary() };
}

describe('the work of policies', () => {
  it('has a part for each, or for those that the run is narrowed to', () => {
    expect(policyItems('data-purge', policies, undefined)).toEqual([
      { id: 'policy/listens' },
      { id: 'policy/sessions' },
    ]);
    expect(policyItems('data-purge', policies, 'listens')).toEqual([{ id: 'policy/listens' }]);
    expect(policyItems('data-purge', policies, 'data-purge/*')).toHaveLength(2);
    expect(policyOf(policies, { id: 'policy/sessions' })).toBe(policies[1]);
    expect(() => policyOf(policies, { id: 'policy/gone' })).toThrow(TypeError);
  });

  it('is reached, or it is not: a policy without a result is unchecked', () => {
    const { summary, outcomes } = collect([work('listens', {})]);
    expect(outcomes).toHaveLength(1);
    expect(summary).toMatchObject({ expected: 2, checked: 1, unchecked: [{ reason: 'not-reached' }] });
  });

  it('leaves a policy unchecked that could not be looked at in some respect, with all that is known of it', () => {
    const unchecked = [
      { reason: 'unreachable', detail: 'Nobody answers.' },
      { reason: 'blind', detail: 'No lag is seen.' },
    ];
    const { summary } = collect([work('listens', { unchecked }), work('sessions', {})]);
    expect(summary.unchecked).toMatchObject([{ reason: 'unreachable', detail: 'Nobody answers. No lag is seen.' }]);
  });

  it('measures the oldest backlog of those that are applied', () => {
    const { metrics } = collect([
      work('listens', { backlogAgeHours: 5, deleted: 3 }),
      work('sessions', { backlogAgeHours: 50, mode: 'dry-run', state: 'planned' }),
    ]);
    expect(metrics).toEqual({
      plannedCount: 2,
      archivedCount: 0,
      deletedCount: 3,
      keptCount: 0,
      backlogAgeHours: 5,
      'backlogAgeHours.listens': 5,
    });
  });

  it('measures no age where nothing is left, and nothing where that is not known', () => {
    const caughtUp = collect([work('listens', { backlog: 0, backlogAgeHours: null }), work('sessions', {})]).metrics;
    expect(caughtUp).toMatchObject({ backlogAgeHours: 0, 'backlogAgeHours.listens': 0 });
    expect(caughtUp).not.toHaveProperty('backlogAgeHours.sessions');
    expect(collect([work('listens', {})]).metrics).not.toHaveProperty('backlogAgeHours');
  });

  it('expects nothing of policies that the run is not about, and nothing at all without any', () => {
    expect(collect([work('listens', {})], policies, 'listens').summary).toMatchObject({ expected: 1, checked: 1 });
    const { coverage, summary } = collect([], []);
    expect(coverage.mayBeEmpty).toBe(true);
    expect(summary.expected).toBe(0);
  });
});
