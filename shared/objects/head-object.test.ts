import { describe, expect, it } from 'vitest';
import { type FakeAnswer, type FakeObject, fakeS3 } from './fake-s3.ts';
import { headObject } from './head-object.ts';

const sha256 = 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=';

function head(
  object: Partial<FakeObject>,
  { checksum = true, answer }: { checksum?: boolean; answer?: FakeAnswer } = {},
) {
  const client = fakeS3({ masters: [{ key: 'a', ...object }] }, { intercept: () => answer });
  return headObject(client, { bucket: 'masters', key: 'a' }, { signal: new AbortController().signal, checksum });
}

describe('asking for an object', () => {
  it('tells of the checksum of the whole, where it is asked for', async () => {
    expect(await head({ sha256 })).toMatchObject({ sha256 });
    expect(await head({ sha256 }, { checksum: false })).toMatchObject({ sha256: undefined });
  });

  it('takes a checksum of parts for none', async () => {
    expect(await head({ sha256, isChecksumOfParts: true })).toMatchObject({ sha256: undefined });
  });

  it('tells what the writer said of it', async () => {
    expect(await head({ metadata: { sha256: 'x' } })).toMatchObject({ metadata: { sha256: 'x' } });
    expect(await head({})).toMatchObject({ metadata: {} });
  });

  it('says that there is none', async () => {
    expect(await head({}, { answer: { status: 404, body: '' } })).toBeUndefined();
  });

  it.each([
    [403, 'access-denied'],
    [429, 'throttled'],
    [503, 'throttled'],
  ])('says by the status %i, which is all there is, why nothing is said', async (status, reason) => {
    await expect(head({}, { answer: { status, body: '' } })).rejects.toMatchObject({ name: 'UncheckedError', reason });
  });

  it('passes on other errors', async () => {
    await expect(head({}, { answer: { status: 400, body: '' } })).rejects.not.toMatchObject({ name: 'UncheckedError' });
  });
});
