import { expect, test } from 'vitest';
import { timeInName } from './snapshot-name.ts';

test('the name of an automated snapshot says when it was begun', () => {
  expect(timeInName('rds:nycmg-artists-2026-03-01-06-10')).toEqual(new Date('2026-03-01T06:10:00Z'));
});

test.each(['nycmg-artists-2026-03-01-06-10', 'rds:nycmg-artists', 'rds:x-2026-13-45-06-10', '', 'awsbackup:job-1'])(
  '“%s” says nothing of the kind',
  (name) => {
    expect(timeInName(name)).toBeUndefined();
  },
);
