import { describe, expect, it } from 'vitest';
import { evaluateOutcomes, type FaultRules } from './evaluate-outcomes.ts';
import { guardIds } from './guard.ts';
import { type PolicyOutcome, policyOutcomeSchema } from './policy-outcome.ts';

const rules: FaultRules<'deletion-failed'> = { 'deletion-failed': { severity: 'high', remedy: 'Look.' } };
const limits = { maximumBacklogHours: 72, policies: [{}] };

function outcome(changes: Partial<PolicyOutcome> = {}): PolicyOutcome {
  return policyOutcomeSchema.parse({
    policy: 'listens',
    target: 'main/public.listens',
    mode: 'apply',
    state: 'done',
    planHash: 'a'.repeat(64),
    planned: 10,
    deleted: 10,
    ...changes,
  });
}

function evaluate(...outcomes: PolicyOutcome[]) {
  return evaluateOutcomes('data-purge', outcomes, rules, limits);
}

const guard = { guard: 'too-many-rows', detail: 'There are 11 rows.', evidence: { rows: 11 } } as const;

describe('what became of policies', () => {
  it('is nothing to find when all that was planned was done', () => {
    const { findings, changes, headline } = evaluate(outcome());
    expect(findings).toEqual([]);
    expect(changes).toMatchObject([{ outcome: 'done', detail: expect.stringContaining('10 deleted') }]);
    expect(headline).toBe('10 deleted.');
  });

  it('pages when a guard has stopped an apply, and says that nothing was touched', () => {
    const { findings, changes } = evaluate(outcome({ state: 'guarded', deleted: 0, guards: [guard] }));
    expect(findings).toMatchObject([
      { rule: 'too-many-rows', severity: 'critical', summary: 'There are 11 rows. Nothing was touched.' },
    ]);
    expect(changes).toMatchObject([{ outcome: 'planned' }]);
  });

  it('says in a dry run what is worth knowing of the plan, and to whoever applies it what became of it alone', () => {
    const notes = ['The table has 20 rows.', 'Before it can be begun, somebody else than ada has to approve it: …'];
    const shown = evaluate(outcome({ mode: 'dry-run', state: 'planned', deleted: 0, notes }));
    expect(shown.changes).toMatchObject([{ outcome: 'planned', detail: expect.stringContaining(notes.join(' ')) }]);
    const applied = evaluate(outcome({ state: 'guarded', deleted: 0, guards: [guard], notes }));
    expect(applied.changes?.[0]?.detail).not.toContain(notes[0]);
  });

  it('says in a dry run that a guard would stop it, also that somebody has changed the plan that waited', () => {
    const approval = { guard: 'approval-missing', detail: 'It was changed.', evidence: {} } as const;
    const { findings, headline } = evaluate(
      outcome({ mode: 'dry-run', state: 'planned', deleted: 0, guards: [guard, approval] }),
    );
    expect(findings).toMatchObject([
      { rule: 'too-many-rows', severity: 'medium' },
      { rule: 'approval-missing', severity: 'medium', summary: 'It was changed. It would stop here.' },
    ]);
    expect(headline).toBe('10 past their retention; nothing was changed.');
  });

  it('says of a paused policy what would stop it, and pages nobody: nothing is going to be taken', () => {
    const younger = { guard: 'younger-than-retention', detail: 'The youngest is of today.', evidence: {} } as const;
    const { findings, changes } = evaluate(outcome({ state: 'paused', deleted: 0, guards: [guard, younger] }));
    expect(findings).toMatchObject([
      { rule: 'too-many-rows', severity: 'medium' },
      {
        rule: 'younger-than-retention',
        severity: 'medium',
        summary: 'The youngest is of today. It is paused; when it is resumed, it would stop here.',
      },
      { rule: 'paused', severity: 'low' },
    ]);
    expect(changes).toMatchObject([{ outcome: 'planned' }]);
  });

  it('has a remedy for every guard', () => {
    const guards = guardIds.map((id) => ({ ...guard, guard: id }));
    const { findings } = evaluate(outcome({ state: 'guarded', guards }));
    expect(findings.map(({ rule }) => rule)).toEqual([...guardIds]);
    expect(findings.every(({ remedy }) => remedy.length > 20)).toBe(true);
  });

  it.each([
    ['at the limit', 72, []],
    ['beyond it', 72.1, ['backlog']],
    ['unknown', null, []],
  ])('finds a backlog that is %s', (_, backlogAgeHours, expected) => {
    const { findings } = evaluate(outcome({ backlogAgeHours, backlog: 5 }));
    expect(findings.map(({ rule }) => rule)).toEqual(expected);
  });

  it('says of a backlog whether it was worked or waited, and for what', () => {
    const waitedFor = ['The replica lags.'];
    const { findings } = evaluate(outcome({ backlogAgeHours: 100, backlog: 5, waitedMs: 9, workedMs: 1, waitedFor }));
    expect(findings).toMatchObject([{ evidence: { waitedMs: 9, workedMs: 1, waitedFor } }]);
  });

  it('expects no more of a policy that only shows what it would do', () => {
    expect(evaluate(outcome({ mode: 'dry-run', state: 'planned', backlogAgeHours: 1_000 })).findings).toEqual([]);
  });

  it('tells apart faults of one rule by what they are about', () => {
    const fault = { rule: 'deletion-failed', detail: 'The server said no.', evidence: {} };
    const { findings, changes } = evaluate(
      outcome({
        faults: [
          { ...fault, subject: 'batch 1' },
          { ...fault, subject: 'batch 2' },
        ],
      }),
    );
    expect(findings.map(({ discriminator }) => discriminator)).toEqual(['batch 1', 'batch 2']);
    expect(changes).toMatchObject([{ outcome: 'failed' }]);
  });

  it('refuses a fault of a rule that the task does not have', () => {
    const fault = { rule: 'toString', subject: 'x', detail: 'y', evidence: {} };
    expect(() => evaluate(outcome({ faults: [fault] }))).toThrow('data-purge has no rule toString');
  });

  it('names what was paused, and what was archived', () => {
    const paused = outcome({ state: 'paused', archived: 4, deleted: 4, manifests: ['s3://archive/listens/1'] });
    const { findings, changes, headline } = evaluate(paused, outcome({ policy: 'other', mode: 'dry-run' }));
    expect(findings).toMatchObject([{ rule: 'paused', severity: 'low' }]);
    expect(changes).toMatchObject([
      { outcome: 'done', detail: expect.stringContaining('4 archived in 1 verified archive, 4 deleted') },
      { outcome: 'done' },
    ]);
    expect(headline).toContain('Of one policy it was only shown what would be done.');
  });

  it('plans still what a paused policy has not begun, and does not call failed what is kept on purpose', () => {
    const kept = { 'object-kept': { severity: 'low', remedy: 'Nothing.' } } as const;
    const fault = { rule: 'object-kept', subject: 's', detail: 'One is locked.', evidence: {} };
    const outcomes = [
      outcome({ state: 'paused', deleted: 0 }),
      outcome({ deleted: 9, kept: 1, faults: [fault] }),
      outcome({ state: 'stopped', deleted: 0 }),
    ];
    const { changes = [] } = evaluateOutcomes('data-purge', outcomes, kept, limits);
    expect(changes.map((change) => change.outcome)).toEqual(['planned', 'done', 'failed']);
    expect(changes[1]?.detail).toContain('9 deleted, 1 kept');
  });

  it('tells what was only detached from what is deleted', () => {
    const { changes, headline } = evaluate(
      outcome({ deleted: 10, detached: 10 }),
      outcome({ deleted: 10, detached: 4 }),
    );
    expect(headline).toBe('6 deleted, 14 detached.');
    expect(changes?.[0]?.detail).toContain(': 10 detached with their partitions, to be dropped later. Plan');
    expect(changes?.[1]?.detail).toContain('4 detached with their partitions, to be dropped later, 6 deleted.');
  });

  it('says so when there is no policy', () => {
    const nothing = { findings: [], unchecked: [], changes: [] };
    expect(evaluateOutcomes('data-purge', [], rules, { ...limits, policies: [] })).toEqual({
      ...nothing,
      headline: 'No policy is configured.',
    });
    expect(evaluate()).toEqual({ ...nothing, headline: 'No policy was looked at.' });
  });
});
