import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parsePolicy } from '../context-fixtures.ts';
import { type ArchivePlace, ledgerOf, startArchivePlace, withClaps } from './archive-fixtures.ts';
import { archiveSteps } from './archive-steps.ts';

let at: ArchivePlace;

beforeAll(async () => {
  at = await startArchivePlace();
});

afterAll(() => at?.[Symbol.asyncDispose]());

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('archiving a policy', () => {
  beforeEach(() => at.reset(2_500));

  it('moves every row that is past its retention into archives, with what goes with it, and says so', async () => {
    await at.admin.query("update listens set listened_at = '2026-11-01' where id > 2400");
    const outcome = await at.archive({ policy: parsePolicy({ ...withClaps, rowsPerArchive: 1_000 }) });
    expect(outcome).toMatchObject({
      state: 'done',
      planned: 2_400,
      archived: 2_400,
      deleted: 2_400,
      kept: 0,
      backlog: 0,
      backlogAgeHours: null,
      guards: [],
      faults: [],
      unchecked: [],
    });
    expect(await at.ids()).toEqual(numbers(2_401, 2_500));
    const archived = await at.archived();
    expect(archived.keys.map(Number)).toEqual(numbers(1, 2_400));
    expect(archived.children.map(Number)).toEqual(numbers(1, 2_400).filter((id) => id % 3 !== 0));
    expect(archived.states).toEqual(['completed', 'completed', 'completed']);
    const { rows } = await at.admin.query('select count(*)::int as n from claps where listen_id <= 2400');
    expect(rows[0].n).toBe(0);
    const entries = await ledgerOf(at.context.ledgers);
    expect(entries.filter(({ action }) => action === 'archive')).toHaveLength(3);
    const confirmed = new Set(entries.flatMap(({ confirms, settles }) => [confirms, settles]));
    expect(entries.filter(({ outcome: told, hash }) => told === 'intended' && !confirmed.has(hash))).toEqual([]);
  });

  it('shows what it would do, and touches nothing, unless both run and policy apply', async () => {
    for (const run of [
      { policy: parsePolicy({ ...withClaps, mode: 'dry-run' }) },
      { context: { mode: 'dry-run' as const } },
    ]) {
      expect(await at.archive(run)).toMatchObject({
        mode: 'dry-run',
        state: 'planned',
        planned: 2_500,
        backlog: 2_500,
      });
    }
    expect(await at.ids()).toHaveLength(2_500);
    expect(at.s3.requests).toEqual([]);
  });

  it('tells of every step in order', async () => {
    const steps: string[] = [];
    await at.archive({ onStep: (step) => void steps.push(step) });
    const told = new Set(steps);
    expect(archiveSteps.filter((step) => !told.has(step))).toEqual(['proven-again', 'exclusions-written']);
    expect(steps.indexOf('read-back')).toBeGreaterThan(steps.lastIndexOf('rows-copied'));
  });
});
