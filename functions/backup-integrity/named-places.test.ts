import { expect, it } from 'vitest';
import { configSchema } from './config.ts';
import { namedBuckets, namedObjects } from './named-places.ts';

it('what the backup audit may read is what its configuration names, once each, and no more than its prefixes', () => {
  const config = configSchema.parse({
    artifacts: [{ id: 'dumps', bucket: 'nycmg-dumps', prefix: 'a*/', everyMinutes: 60 }],
    replicas: [{ id: 'audio', source: { bucket: 'audio' }, copy: { bucket: 'gov', region: 'us-gov-west-1' } }],
    verifications: [{ id: 'audio', bucket: 'audio' }],
  });
  expect(namedBuckets(config)).toEqual(['arn:aws:s3:::nycmg-dumps', 'arn:aws:s3:::audio', 'arn:aws-us-gov:s3:::gov']);
  expect(namedObjects(config)).toEqual([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is how IAM writes them
    'arn:aws:s3:::nycmg-dumps/a${*}/*',
    'arn:aws:s3:::audio/*',
    'arn:aws-us-gov:s3:::gov/*',
  ]);
  expect(namedBuckets(configSchema.parse({}))).toEqual([]);
});
