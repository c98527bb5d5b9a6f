import { expect, test } from 'vitest';
import { configSchema } from '../config.ts';
import { evaluateVerification } from './evaluate-verification.ts';
import type { Verification } from './facts.ts';

const now = new Date('2026-11-01T12:00:00.000Z');
const dayMs = 86_400_000;
const daysAgo = (days: number) => new Date(now.getTime() - days * dayMs);

const config = configSchema.parse({
  verifications: [{ id: 'masters', bucket: 'nycmg-masters', maximumAgeDays: 90, bytesPerRun: 100 }],
});

function verification(overrides: Partial<Verification> = {}): Verification {
  return {
    resource: { type: 's3-verification', id: 's3://nycmg-masters/', name: 'masters' },
    configId: 'masters',
    objects: 10,
    bytes: 9000,
    verifiedObjects: 1,
    verifiedBytes: 100,
    archivedObjects: 0,
    oldestUnverifiedSince: daysAgo(90),
    oldestUnverifiedKey: 'a.wav',
    altered: [],
    alteredCount: 0,
    unreadable: [],
    unreadableCount: 0,
    ...overrides,
  };
}

function judge(...verifications: Verification[]): string[] {
  const { findings, unchecked } = evaluateVerification(verifications, config, now);
  return [
    ...findings.map(({ rule, severity }) => `${rule} ${severity}`),
    ...unchecked.map(({ reason }) => `? ${reason}`),
  ];
}

test('finds nothing where every object was read within the allowed age and the budget suffices for that', () => {
  expect(judge(verification())).toEqual([]);
});

test('finds altered content', () => {
  const alteration = { key: 'b.wav', algorithm: 'SHA256', expected: 'abc', actual: 'def' };
  expect(judge(verification({ altered: [alteration], alteredCount: 1 }))).toEqual(['content-altered critical']);
  const { findings } = evaluateVerification([verification({ altered: [alteration], alteredCount: 12 })], config, now);
  expect(findings[0]?.summary).toContain('12 objects');
  expect(findings[0]?.summary).toContain('b.wav, and 11 more');
});

test('finds an object that has waited longer than is allowed, by a millisecond', () => {
  const late = verification({ oldestUnverifiedSince: new Date(daysAgo(90).getTime() - 1) });
  expect(judge(late)).toEqual(['verification-overdue medium']);
});

test('says how old the oldest unverified object is', () => {
  const { findings } = evaluateVerification([verification({ oldestUnverifiedSince: daysAgo(400) })], config, now);
  expect(findings[0]?.summary).toContain('400 days');
  expect(findings[0]?.evidence).toMatchObject({ oldestUnverifiedDays: 400, oldestUnverifiedKey: 'a.wav' });
});

test('finds a budget with which the allowed age cannot be kept, and says which one could', () => {
  const { findings } = evaluateVerification([verification({ bytes: 9001 })], config, now);
  expect(findings).toMatchObject([{ rule: 'verification-overdue', severity: 'low' }]);
  expect(findings[0]?.evidence).toMatchObject({ boundDays: 91, neededBytesPerRun: 101 });
  expect(findings[0]?.remedy).toContain('at least 101 ');
  expect(Math.ceil(9001 / 101)).toBeLessThanOrEqual(90);
});

test('says in the remedy for a late object when the budget is the reason', () => {
  const late = verification({ bytes: 90_000, oldestUnverifiedSince: daysAgo(91) });
  const { findings } = evaluateVerification([late], config, now);
  expect(findings).toHaveLength(1);
  expect(findings[0]?.remedy).toContain('at least 1000 ');
});

test('does not call a place clean where there is nothing to verify', () => {
  expect(judge(verification({ objects: 0, bytes: 0, oldestUnverifiedSince: undefined }))).toEqual(['? nothing-found']);
});

test('does not call a place clean where everything is in an archive', () => {
  const archived = verification({ objects: 3, archivedObjects: 3, bytes: 0, oldestUnverifiedSince: undefined });
  expect(judge(archived)).toEqual(['? all-archived']);
});

test('leaves a verification unchecked that is not configured', () => {
  expect(judge(verification({ configId: 'other' }))).toEqual(['? rule-failed']);
});
