import { describe, expect, it } from 'vitest';
import { permissionsFor } from '../../shared/task.ts';
import { configSchema } from './config.ts';
import { purgedDatabases, writtenDatabases } from './named-places.ts';
import { task } from './task.ts';

const bucket = { bucket: 'uploads', prefix: 'incoming/', olderThanDays: 30 };
const orphans = { ...bucket, kind: 'orphans', table: 'uploads', keyColumn: 'key', index: 'uploads_key' };

function grantedTo(...policies: readonly object[]): string[] {
  const config = configSchema.parse({
    policies: policies.map((policy, index) => ({ id: `policy-${index}`, ...policy })),
  });
  return permissionsFor(task, config)
    .flatMap(({ actions, resources }) => actions.flatMap((action) => resources.map((on) => `${action} ${on}`)))
    .filter((text) => text.startsWith('s3:'))
    .sort();
}

describe('what the purge may do in S3', () => {
  it('is nothing without a policy', () => {
    expect(grantedTo()).toEqual([]);
  });

  it.each([
    [
      'current objects',
      { ...bucket, kind: 'objects', what: 'current' },
      ['s3:ListBucket arn:aws:s3:::uploads'],
      ['s3:DeleteObject arn:aws:s3:::uploads/incoming/*', 's3:GetObject arn:aws:s3:::uploads/incoming/*'],
    ],
    [
      'orphans',
      orphans,
      ['s3:ListBucket arn:aws:s3:::uploads'],
      ['s3:DeleteObject arn:aws:s3:::uploads/incoming/*', 's3:GetObject arn:aws:s3:::uploads/incoming/*'],
    ],
    [
      'versions',
      { ...bucket, kind: 'objects', what: 'noncurrent' },
      ['s3:GetBucketVersioning arn:aws:s3:::uploads', 's3:ListBucketVersions arn:aws:s3:::uploads'],
      [
        's3:DeleteObjectVersion arn:aws:s3:::uploads/incoming/*',
        's3:GetObjectLegalHold arn:aws:s3:::uploads/incoming/*',
        's3:GetObjectRetention arn:aws:s3:::uploads/incoming/*',
      ],
    ],
    [
      'uploads',
      { ...bucket, kind: 'objects', what: 'uploads' },
      [
        's3:ListBucketMultipartUploads arn:aws:s3:::uploads',
        's3:ListMultipartUploadParts arn:aws:s3:::uploads/incoming/*',
      ],
      ['s3:AbortMultipartUpload arn:aws:s3:::uploads/incoming/*'],
    ],
  ])('is for %s to look, and to delete only where that is applied', (_, policy, looks, deletes) => {
    expect(grantedTo(policy)).toEqual(looks);
    expect(grantedTo({ ...policy, mode: 'apply' })).toEqual([...looks, ...deletes].sort());
  });

  it('is just the prefix, in the partition of its region, whatever characters it has', () => {
    const policy = { ...bucket, kind: 'objects', what: 'current', mode: 'apply' };
    const granted = grantedTo({ ...policy, prefix: 'a*b?c$d/', region: 'us-gov-west-1' });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is how IAM writes them
    expect(granted).toContain('s3:DeleteObject arn:aws-us-gov:s3:::uploads/a${*}b${?}c${$}d/*');
    expect(grantedTo({ ...policy, region: 'cn-north-1' })).toContain('s3:ListBucket arn:aws-cn:s3:::uploads');
  });
});

describe('the databases', () => {
  it('are asked on their primary only where something is applied', () => {
    const rows = {
      kind: 'rows',
      table: 't',
      ageColumn: 'at',
      retention: { days: 30 },
      index: 't_at',
      database: 'logs',
    };
    const config = configSchema.parse({
      policies: [
        { id: 'a', ...orphans, mode: 'apply' },
        { id: 'b', ...rows },
        { id: 'c', ...bucket, kind: 'objects', what: 'current', mode: 'apply' },
      ],
    });
    expect(purgedDatabases(config)).toEqual(['main', 'logs']);
    expect(writtenDatabases(config)).toEqual(['main']);
  });
});
