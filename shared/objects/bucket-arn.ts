import type { Location } from './location.ts';

/** Returns the ARN of a bucket in the partition of its region. */
export function bucketArn(bucket: string, region = ''): string {
  return `arn:${partitionOf(region)}:s3:::${bucket}`;
}

/**
 * Returns what a policy of IAM calls the objects whose keys begin with a prefix. What in a prefix would be a wildcard or a variable
 * there, is none: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
 */
export function objectsArn({ bucket, prefix, region }: Pick<Location, 'bucket' | 'prefix' | 'region'>): string {
  const literal = prefix.replaceAll(/[*?$]/g, (character) => `\${${character}}`);
  return `${bucketArn(bucket, region)}/${literal}*`;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
