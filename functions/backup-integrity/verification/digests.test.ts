import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type DigestAlgorithm, digestText, expectedDigest, rememberedDigest, startDigest } from './digests.ts';

/** What catalogues of checksums give for these nine digits: https://reveng.sourceforge.io/crc-catalogue/all.htm */
const nineDigits = Buffer.from('123456789');

test.each<[DigestAlgorithm, string]>([
  ['CRC32', 'cbf43926'],
  ['CRC32C', 'e3069283'],
  ['CRC64NVME', 'ae8b14860a799888'],
  ['MD5', '25f9e794323b453885f5181f1b624d0b'],
  ['SHA1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
  ['SHA256', '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'],
  ['SHA512', createHash('sha512').update(nineDigits).digest('hex')],
])('computes %s, in pieces as at once', async (algorithm, hex) => {
  const expected = Buffer.from(hex, 'hex').toString('base64');
  const digest = startDigest(algorithm);
  for (const byte of nineDigits) digest.update(Uint8Array.of(byte));
  expect(await digest.end()).toBe(expected);
  const atOnce = startDigest(algorithm);
  atOnce.update(Uint8Array.from(nineDigits));
  expect(await atOnce.end()).toBe(expected);
});

const etag = '"25f9e794323b453885f5181f1b624d0b"';
const etagValue = Buffer.from('25f9e794323b453885f5181f1b624d0b', 'hex').toString('base64');

test('prefers the strongest hash that S3 keeps of the whole object', () => {
  expect(expectedDigest({ ChecksumSHA256: 'c2hh', ChecksumCRC32: 'Y3Jj', ETag: etag }, undefined)).toEqual({
    algorithm: 'SHA256',
    source: 'SHA256',
    value: 'c2hh',
  });
  expect(expectedDigest({ ChecksumCRC64NVME: 'Y3Jj' }, undefined)).toMatchObject({ algorithm: 'CRC64NVME' });
});

test('takes the ETag for an MD5 of what was written in one part', () => {
  const expected = { algorithm: 'MD5', source: 'ETag', value: etagValue };
  expect(expectedDigest({ ETag: etag, ChecksumCRC64NVME: 'Y3Jj' }, undefined)).toEqual(expected);
  expect(expectedDigest({ ETag: etag, ServerSideEncryption: 'AES256' }, undefined)).toEqual(expected);
  expect(expectedDigest({ ETag: etag, StorageClass: 'ONEZONE_IA' }, undefined)).toEqual(expected);
});

test('takes no ETag for an MD5 that is none', () => {
  const none = { algorithm: 'SHA256', value: undefined };
  expect(expectedDigest({ ETag: '"25f9e794323b453885f5181f1b624d0b-3"' }, undefined)).toMatchObject(none);
  expect(expectedDigest({ ETag: etag, ServerSideEncryption: 'aws:kms' }, undefined)).toMatchObject(none);
  expect(expectedDigest({ ETag: etag, ServerSideEncryption: 'aws:kms:dsse' }, undefined)).toMatchObject(none);
  expect(expectedDigest({ ETag: etag, SSECustomerAlgorithm: 'AES256' }, undefined)).toMatchObject(none);
  expect(expectedDigest({ ETag: etag, StorageClass: 'EXPRESS_ONEZONE' }, undefined)).toMatchObject(none);
  expect(expectedDigest({ ETag: undefined }, undefined)).toMatchObject(none);
});

test('compares no checksum of parts with the bytes', () => {
  const none = { value: undefined };
  expect(expectedDigest({ ChecksumSHA256: 'c2hh', ChecksumType: 'COMPOSITE' }, undefined)).toMatchObject(none);
  expect(expectedDigest({ ChecksumSHA256: 'c2hh-3' }, undefined)).toMatchObject(none);
  expect(expectedDigest({ ChecksumSHA256: 'c2hh', ChecksumType: 'FULL_OBJECT' }, undefined)).toMatchObject({
    value: 'c2hh',
  });
});

test('computes again what was remembered where S3 keeps nothing', () => {
  expect(expectedDigest({}, 'SHA512:abc')).toEqual({
    algorithm: 'SHA512',
    source: 'what was read before',
    value: undefined,
  });
  expect(expectedDigest({}, 'XXH3:abc').algorithm).toBe('SHA256');
});

test('reads back what it wrote of a digest, and nothing that it did not', () => {
  expect(rememberedDigest(digestText('CRC32', 'y/Q5Jg=='))).toEqual({ algorithm: 'CRC32', value: 'y/Q5Jg==' });
  for (const text of [undefined, '', 'SHA256', 'toString:x', 'XXH3:abc'])
    expect(rememberedDigest(text)).toBeUndefined();
});
