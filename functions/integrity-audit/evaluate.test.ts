import { describe, expect, it } from 'vitest';
import { configSchema, type Rule } from './config.ts';
import { evaluate } from './evaluate.ts';
import type { Freshness, Violations } from './outcome.ts';

const now = new Date('2026-11-23T04:30:00Z');
const config = configSchema.parse({});

function ruleOf<Kind extends Rule['kind']>(
  given: { kind: Kind } & Record<string, unknown>,
): Extract<Rule, { kind: Kind }> {
  return configSchema.parse({ rules: [{ id: 'a-rule', ...given }] }).rules[0] as Extract<Rule, { kind: Kind }>;
}

function violations(given: Partial<Violations> & { readonly tolerance?: object }): Violations {
  const { tolerance, ...others } = given;
  return {
    kind: 'violations',
    rule: ruleOf({ kind: 'notNull', table: 'tracks', column: 'title', ...tolerance }),
    breaks: 'not-null',
    severity: 'medium',
    tested: 1200,
    unit: 'rows of public.tracks',
    count: 3,
    isAtLeast: false,
    samples: [{ id: '7' }],
    what: 'have no title',
    remedy: 'Fill them in.',
    facts: {},
    ...others,
  };
}

const findingsOf = (...outcomes: (Violations | Freshness)[]) =>
  evaluate({ outcomes, physical: [], isNarrowed: false }, config, now).findings;

describe('a declared rule', () => {
  it('that is broken says by how much of how many, where, and what to do', () => {
    expect(findingsOf(violations({}))).toEqual([
      {
        rule: 'not-null',
        severity: 'medium',
        resource: { type: 'integrity-rule', id: 'postgres://main/rules/a-rule', name: 'a-rule' },
        summary: '3 of 1,200 rows of public.tracks have no title.',
        evidence: { violations: 3, tested: 1200, samples: ['id=7'] },
        remedy: 'Fill them in.',
      },
    ]);
  });

  it('speaks of one row in the singular', () => {
    const one = [
      { count: 1 },
      { count: 1, what: 'are not as recorded' },
      { count: 1, what: 'refer to no row' },
    ] as const;
    expect(findingsOf(...one.map((given) => violations(given))).map(({ summary }) => summary)).toEqual([
      '1 of 1,200 rows of public.tracks has no title.',
      '1 of 1,200 rows of public.tracks is not as recorded.',
      '1 of 1,200 rows of public.tracks refers to no row.',
    ]);
  });

  it('says what is no number of rows in a sentence of its own', () => {
    expect(findingsOf(violations({ summary: 'The sum is wrong.' })).map(({ summary }) => summary)).toEqual([
      'The sum is wrong.',
    ]);
  });

  it('without a violation is kept', () => {
    expect(findingsOf(violations({ count: 0, samples: [] }))).toEqual([]);
  });

  it.each([
    ['as many violations as it tolerates', { maxViolations: 3 }, 0],
    ['one more than it tolerates', { maxViolations: 2 }, 1],
    ['exactly the share that it tolerates', { maxPercent: 0.25 }, 0],
    ['a little more than that share', { maxPercent: 0.2499 }, 1],
    ['fewer than the larger of both', { maxViolations: 1, maxPercent: 1 }, 0],
    [
      'exactly a share that does not come out even in floating point',
      { maxPercent: 0.57 },
      0,
      { tested: 10_000, count: 57 },
    ],
    ['one more than that', { maxPercent: 0.57 }, 1, { tested: 10_000, count: 58 }],
  ])('with %s', (_, tolerance, findings, given: Partial<Violations> = {}) => {
    expect(findingsOf(violations({ tolerance, ...given }))).toHaveLength(findings);
  });

  it('says that counting was broken off, who owns it and that a correction is prepared', () => {
    const tolerance = {
      owner: 'Catalog',
      remedy: 'Ask the label.',
      correction: { kind: 'manual', instructions: 'Call them.' },
    };
    const [finding] = findingsOf(violations({ isAtLeast: true, tolerance }));
    expect(finding?.summary).toBe('At least 3 of 1,200 rows of public.tracks have no title.');
    expect(finding?.evidence).toMatchObject({ owner: 'Catalog', isAtLeast: true });
    expect(finding?.remedy).toBe('Ask the label. `caretaker correct a-rule` shows the correction that is prepared.');
  });
});

describe('freshness', () => {
  const rule = ruleOf({ kind: 'freshness', table: 'listens', column: 'listened_at', maximumAgeMinutes: 60 });
  const at = (minutes: number): Freshness => ({
    kind: 'freshness',
    rule,
    newestAt: new Date(now.getTime() - minutes * 60_000),
  });

  it('is broken when the newest row is older than allowed, and not when it is just as old', () => {
    expect(findingsOf(at(60))).toEqual([]);
    expect(findingsOf(at(61)).map(({ summary }) => summary)).toEqual([
      'The newest listened_at of listens is 1 h 1 min old; at most 1 h is allowed.',
    ]);
  });

  it('is broken a second later, which counts as a whole minute', () => {
    expect(findingsOf(at(60 + 1 / 60)).map(({ evidence }) => evidence.ageMinutes)).toEqual([61]);
    expect(findingsOf(at(-5 - 1 / 60)).map(({ evidence }) => evidence.ageMinutes)).toEqual([-6]);
  });

  it('is broken by what lies below the two units that are told', () => {
    const daily = ruleOf({ kind: 'freshness', table: 'listens', column: 'listened_at', maximumAgeMinutes: 1500 });
    expect(findingsOf({ ...at(1501), rule: daily }).map(({ summary }) => summary)).toEqual([
      'The newest listened_at of listens is over 1 d 1 h old; at most 1 d 1 h is allowed.',
    ]);
  });

  it('says of times to come that somebody writes them, not that nobody writes', () => {
    expect(findingsOf(at(-6)).map(({ remedy }) => remedy)).toEqual([expect.stringContaining('times to come')]);
  });

  it('is broken when there is no row', () => {
    expect(findingsOf({ kind: 'freshness', rule, newestAt: undefined })).toHaveLength(1);
  });

  it('is broken when the newest row is from farther in the future than clocks may differ', () => {
    expect(findingsOf(at(-5))).toEqual([]);
    expect(findingsOf(at(-6)).map(({ summary }) => summary)).toEqual([
      'The newest listened_at of listens is 6 min in the future.',
    ]);
  });
});

describe('the headline', () => {
  it('counts rules, not findings, and says when nothing was audited', () => {
    const twice = [violations({}), violations({ breaks: 'object-differs' })];
    expect(evaluate({ outcomes: twice, physical: [], isNarrowed: false }, config, now).headline).toBe(
      '1 of 1 declared rule that could be judged is broken.',
    );
    expect(evaluate({ outcomes: [], physical: [], isNarrowed: false }, config, now).headline).toBe(
      'No database was audited.',
    );
  });

  it('is not given of a run that is narrowed, whose facts may be about more', () => {
    const items = { outcomes: [violations({})], physical: [], isNarrowed: true };
    expect(evaluate(items, config, now).headline).toBeUndefined();
    expect(evaluate(items, config, now).findings).toHaveLength(1);
  });

  it('comes with a table of what was measured, good or bad', () => {
    const tolerated = violations({ tolerance: { maxViolations: 5 } });
    const { tables } = evaluate(
      { outcomes: [tolerated, violations({ count: 0 })], physical: [], isNarrowed: false },
      config,
      now,
    );
    expect(tables?.[0]?.rows).toEqual([
      { rule: 'a-rule', kind: 'notNull', tested: 1200, violations: 3, value: 'tolerated' },
      { rule: 'a-rule', kind: 'notNull', tested: 1200, violations: 0, value: null },
    ]);
  });
});
