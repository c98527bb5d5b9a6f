import { describe, expect, it } from 'vitest';
import { isSamePerson } from './same-person.ts';

describe('two names', () => {
  it.each([
    ['ada@laptop', 'ada@laptop'],
    ['ada@laptop', 'ada@laptop.office.example'],
    ['ada@laptop', 'Ada@DESKTOP'],
    ['uid 1000@a', 'uid 1000@b'],
    ['lambda:caretaker-prod-data-purge:7', 'lambda:caretaker-prod-data-purge:7'],
  ])('%s and %s may be one person', (one, other) => {
    expect(isSamePerson(one, other)).toBe(true);
  });

  it.each([
    ['ada@laptop', 'grace@laptop'],
    ['ada@laptop', 'ada'],
    ['lambda:caretaker-prod-data-purge:7', 'lambda:caretaker-prod-data-purge:8'],
    [
      'arn:aws:sts::123456789012:assumed-role/Admin/ada@x.example',
      'arn:aws:sts::123456789012:assumed-role/Admin/bob@x.example',
    ],
    ['arn:aws:iam::123456789012:user/ada', 'lambda:caretaker-prod-data-purge:7'],
  ])('%s and %s are two', (one, other) => {
    expect(isSamePerson(one, other)).toBe(false);
  });
});
