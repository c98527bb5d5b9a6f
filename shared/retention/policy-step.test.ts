import { describe, expect, it } from 'vitest';
import { UncheckedError } from '../unchecked-error.ts';
import { deletionContext } from './batch-loop-fixtures.ts';
import { type PolicyOutcome, policyOutcomeSchema } from './policy-outcome.ts';
import { openDryReader, policyStep, type StepWork } from './policy-step.ts';
import { paceSchema } from './retention-config.ts';
import { rowPolicy } from './row-fixtures.ts';

const policy = rowPolicy({ mode: 'apply' });
const never: StepWork = () => Promise.reject(new TypeError('not to be done'));

async function step(apply: StepWork, progress?: PolicyOutcome) {
  const before = progress === undefined ? undefined : { isDone: false, state: progress };
  const { isDone, state } = await policyStep(policy, { mode: 'apply' }, before, { apply, show: never });
  return { isDone, outcome: policyOutcomeSchema.parse(state) };
}

describe('a step of a policy', () => {
  it('knows of it at first what it takes from and in which mode', async () => {
    const { isDone, outcome } = await step(async () => {});
    expect(isDone).toBe(true);
    expect(outcome).toMatchObject({
      policy: policy.id,
      target: 'main/public.listens',
      mode: 'apply',
      state: 'stopped',
    });
  });

  it.each([
    [policy, 'dry-run'],
    [rowPolicy({ mode: 'dry-run' }), 'apply'],
  ] as const)('only shows where the policy or the run does not say apply', async (shown, mode) => {
    const show: StepWork = async (before, tell) => tell({ ...before, state: 'planned' });
    const { state } = await policyStep(shown, { mode }, undefined, { apply: never, show });
    expect(state).toMatchObject({ mode: 'dry-run', state: 'planned' });
  });

  it('goes on from what the step before has left, and is not done while it is working', async () => {
    const first = await step(async (before, tell) => tell({ ...before, state: 'working', deleted: 3 }));
    expect(first.isDone).toBe(false);
    const second = await step(
      async (before, tell) => tell({ ...before, state: 'done', deleted: before.deleted + 4 }),
      first.outcome,
    );
    expect(second).toMatchObject({ isDone: true, outcome: { state: 'done', deleted: 7 } });
  });

  it('keeps what was told when something fails later, and lets through what is a bug', async () => {
    const fails = (error: Error): StepWork => {
      return async (before, tell) => {
        tell({ ...before, state: 'working', deleted: 3 });
        throw error;
      };
    };
    expect(await step(fails(new UncheckedError('busy', 'Another run has it.')))).toMatchObject({
      isDone: true,
      outcome: { state: 'stopped', deleted: 3, unchecked: [{ reason: 'busy' }] },
    });
    await expect(step(fails(new TypeError('a bug')))).rejects.toThrow('a bug');
  });
});

describe('the reader of a dry run', () => {
  it.each(['elsewhere', 'constructor'])('is of a database that there is, and not of %s', async (database) => {
    const pace = paceSchema.parse({});
    const context = deletionContext({ url: 'postgres://localhost', writerUrl: 'postgres://localhost' });
    await expect(openDryReader({ id: policy.id, database, pace }, context)).rejects.toMatchObject({
      reason: 'no-database',
    });
  });
});
