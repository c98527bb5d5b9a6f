/** Names of services and the like, as their makers write them. */
const properNames = new Map([
  ...['ACM', 'AWS', 'DNS', 'DynamoDB', 'EBS', 'EC2', 'EFS', 'FSx', 'IAM', 'KMS', 'RDS', 'S3', 'SNS', 'SQS', 'TLS'].map(
    (name) => [name.toLowerCase(), name] as const,
  ),
  ['postgres', 'PostgreSQL'] as const,
]);

/** Types that do not say in their own words what one of them is. */
const otherwise = new Map([
  ['scope', 'listing'],
  // One resource is a set of them.
  ['backup-artifacts', 'artifact set'],
  ['integrity-rule', 'declared rule'],
]);

/** Returns a type of resources in words, in the number that goes with `count`: `rds-instance` is `RDS instances` when there are two. */
export function typeName(type: string, count: number): string {
  const singular =
    otherwise.get(type) ??
    type
      .split('-')
      .map((word) => properNames.get(word) ?? word)
      .join(' ');
  return count === 1 ? singular : pluralOf(singular);
}

function pluralOf(singular: string): string {
  if (/[^aeiou]y$/u.test(singular)) return `${singular.slice(0, -1)}ies`;
  return /(?:[sx]|ch|sh)$/u.test(singular) ? `${singular}es` : `${singular}s`;
}
