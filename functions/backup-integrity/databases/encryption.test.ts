import { expect, test } from 'vitest';
import { isEncryptedAtRest, kmsKeyArn } from './encryption.ts';

const database = 'arn:aws-us-gov:rds:us-gov-west-1:123456789012:db:rights';

test.each([
  [true, undefined, true],
  [false, undefined, false],
  [undefined, undefined, undefined],
  [false, 'sse-rds', true],
  [true, 'sse-kms', true],
  [false, 'none', false],
  [undefined, 'none', false],
])('flag %s with type %s is %s', (flag, type, expected) => {
  expect(isEncryptedAtRest({ flag, type })).toBe(expected);
});

test('a key is known by its ARN however RDS names it', () => {
  const arn = 'arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  expect(kmsKeyArn(arn, database)).toBe(arn);
  expect(kmsKeyArn('1234abcd-12ab-34cd-56ef-1234567890ab', database)).toBe(arn);
  expect(kmsKeyArn('alias/nycmg', database)).toBe('arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/nycmg');
  expect(kmsKeyArn('', database)).toBeUndefined();
  expect(kmsKeyArn(undefined, database)).toBeUndefined();
});
