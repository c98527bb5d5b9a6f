import { describe, expect, it } from 'vitest';
import { classify, type Observed } from './classify.ts';

const now = new Date('2026-11-22T12:00:00Z');
const config = { graceMinutes: 60, compareEtags: false };

const written = (minutesAgo: number, details: Partial<Observed> = {}): Observed => ({
  sizeBytes: 100,
  modifiedAtMs: now.getTime() - minutesAgo * 60_000,
  etag: 'e',
  ...details,
});

describe('a pair of objects', () => {
  it.each([
    ['both are alike', written(600), written(500), 'equal'],
    ['the copy keeps the time of the source', written(600), written(600), 'equal'],
    ['neither is there any more', undefined, undefined, 'equal'],
    ['the copy is not there, and has had its hour', written(60), undefined, 'missing'],
    ['the copy is not there, and has not had its hour', written(59.9), undefined, 'in-flight'],
    ['the clock of S3 is ahead', written(-1), undefined, 'in-flight'],
    ['the source is not there', undefined, written(600), 'extra'],
    ['the copy is of another size, and later', written(600), written(599, { sizeBytes: 99 }), 'differs'],
    ['the copy is of another size, and as old', written(600), written(600, { sizeBytes: 0 }), 'differs'],
    ['the copy is of another size, and older', written(600), written(601, { sizeBytes: 99 }), 'stale'],
    ['the copy is older and has another ETag', written(600), written(601, { etag: 'f' }), 'stale'],
    ['the copy is older, and of the same bytes', written(600), written(601), 'equal'],
    ['the copy is older, and nobody knows its ETag', written(600), written(601, { etag: undefined }), 'equal'],
    ['the copy is later and has another ETag, as from KMS', written(600), written(599, { etag: 'f' }), 'equal'],
    ['the source has just been written anew', written(59.9), written(600, { sizeBytes: 99 }), 'in-flight'],
    ['the source was written anew an hour ago', written(60), written(600, { sizeBytes: 99 }), 'stale'],
  ])('when %s', (_, source, copy, verdict) => {
    expect(classify({ source, copy }, config, now)).toBe(verdict);
  });

  it('differs by its ETag alone where ETags are compared', () => {
    const sides = { source: written(600), copy: written(599, { etag: 'f' }) };
    expect(classify(sides, { ...config, compareEtags: true }, now)).toBe('differs');
  });

  it('is not judged where ETags are to be compared and one is not known', () => {
    const sides = { source: written(600), copy: written(600, { etag: undefined }) };
    expect(() => classify(sides, { ...config, compareEtags: true }, now)).toThrow(/no-etag/);
  });
});
