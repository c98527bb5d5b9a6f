import { describe, expect, it } from 'vitest';
import { bucketArn, objectsArn } from './bucket-arn.ts';

it.each([
  [undefined, 'arn:aws:s3:::masters'],
  ['us-east-1', 'arn:aws:s3:::masters'],
  ['cn-north-1', 'arn:aws-cn:s3:::masters'],
  ['us-gov-west-1', 'arn:aws-us-gov:s3:::masters'],
])('the ARN of a bucket in %s is %s', (region, arn) => {
  expect(bucketArn('masters', region)).toBe(arn);
});

describe('what a policy calls objects', () => {
  it('is their prefix, in the partition of their region', () => {
    const place = { bucket: 'masters', prefix: 'a/', region: 'us-gov-west-1' };
    expect(objectsArn(place)).toBe('arn:aws-us-gov:s3:::masters/a/*');
    expect(objectsArn({ bucket: 'masters', prefix: '' })).toBe('arn:aws:s3:::masters/*');
  });

  it('is no more than that prefix where it has characters that mean others to IAM', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is how IAM writes them
    expect(objectsArn({ bucket: 'masters', prefix: 'a*b?c$d/' })).toBe('arn:aws:s3:::masters/a${*}b${?}c${$}d/*');
  });
});
