import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checksumOf, readSha256 } from './checksums.ts';

const hash = createHash('sha256').update('content');
const hex = hash.copy().digest('hex');
const base64 = hash.copy().digest('base64');

describe('the checksum of an object', () => {
  it('is the one that S3 keeps, whatever its writer said', () => {
    const held = checksumOf({ sha256: base64, metadata: { sha256: '0'.repeat(64) } });
    expect(held).toEqual({ sha256: hex, origin: 's3' });
  });

  it('is what its writer said where S3 keeps none, in either notation', () => {
    const expected = { sha256: hex, origin: 'metadata' };
    expect(checksumOf({ sha256: undefined, metadata: { sha256: hex.toUpperCase() } })).toEqual(expected);
    expect(checksumOf({ sha256: undefined, metadata: { sha256: base64 } })).toEqual(expected);
  });

  it('is unknown where neither has one, or what it has is none', () => {
    expect(checksumOf({ sha256: undefined, metadata: {} })).toBeUndefined();
    expect(checksumOf({ sha256: undefined, metadata: { sha256: 'd41d8cd98f00b204e9800998ecf8427e' } })).toBeUndefined();
    expect(checksumOf({ sha256: 'bm8=', metadata: {} })).toBeUndefined();
  });
});

describe('a recorded checksum', () => {
  it('is read in any case, with spaces around it', () => {
    expect(readSha256(` ${hex.toUpperCase()}\n`)).toBe(hex);
  });

  it('is none with another length or other characters', () => {
    expect([hex.slice(1), `${hex}0`, base64, ''].map(readSha256)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
