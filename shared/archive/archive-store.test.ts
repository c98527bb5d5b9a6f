import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ArchivePlace, archiveBucket, archivePrefix, inPieces, startArchivePlace } from './archive-fixtures.ts';
import { ArchiveStore } from './archive-store.ts';
import { writeCopyFile } from './write-file.ts';

const mebibyte = 1024 * 1024;

let controller: AbortController;
let place: ArchivePlace;

beforeEach(async () => {
  controller = new AbortController();
  place = await startArchivePlace(controller.signal);
});

afterEach(async () => {
  await place[Symbol.asyncDispose]();
});

async function whole(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const bucket = () => place.server.bucket(archiveBucket);
const inStore = (key: string) => bucket().current(archivePrefix + key);

describe('the store of archives', () => {
  it('gives back what it was given, of every size about its parts', async () => {
    for (const length of [0, 1, 4 * mebibyte, 5 * mebibyte - 1, 5 * mebibyte, 5 * mebibyte + 1, 25 * mebibyte]) {
      const bytes = randomBytes(length);
      await place.store.upload('file', inPieces(bytes, 100_000));
      expect((await whole(await place.store.open('file'))).equals(bytes)).toBe(true);
    }
    expect(bucket().uploads.size).toBe(0);
  });

  it('puts the prefix of the destination before every key, and its storage class and key to every object', async () => {
    const kmsKeyArn = 'arn:aws:kms:us-east-1:123456789012:key/1';
    await using cold = await startArchivePlace(controller.signal, { storageClass: 'GLACIER_IR', kmsKeyArn });
    await cold.store.upload('a/large', inPieces(randomBytes(9 * mebibyte)));
    await cold.store.upload('a/small', inPieces(randomBytes(9)));
    expect(await cold.store.putNew('a/text', '{}')).toBe(true);
    for (const key of ['a/large', 'a/small', 'a/text']) {
      const head = await cold.s3.send(new HeadObjectCommand({ Bucket: archiveBucket, Key: archivePrefix + key }));
      expect(head).toMatchObject({
        StorageClass: 'GLACIER_IR',
        ServerSideEncryption: 'aws:kms',
        SSEKMSKeyId: kmsKeyArn,
      });
    }
    expect(cold.store.urlOf('a/text')).toBe(`s3://${archiveBucket}/${archivePrefix}a/text`);
  });

  it('writes a document once', async () => {
    expect(await place.store.putNew('manifest.json', 'first')).toBe(true);
    expect(await place.store.putNew('manifest.json', 'second')).toBe(false);
    expect(await place.store.readText('manifest.json')).toBe('first');
    expect(await place.store.readText('nothing.json')).toBeUndefined();
  });

  it('asks again when S3 was asked for the same document by two at once', async () => {
    const conflict = { code: 'ConditionalRequestConflict', status: 409 };
    place.server.fail({ operation: 'PutObject', times: 2, fault: conflict });
    expect(await place.store.putNew('manifest.json', 'first')).toBe(true);
    place.server.fail({ operation: 'PutObject', fault: conflict });
    await expect(place.store.putNew('other.json', 'first')).rejects.toThrow('ConditionalRequestConflict');
  });

  it('leaves nothing of an upload whose content fails, and says why', async () => {
    const source = async function* () {
      yield randomBytes(20 * mebibyte);
      throw new Error('the connection to the database was lost');
    };
    await expect(place.store.upload('file', source())).rejects.toThrow('the connection to the database was lost');
    expect(inStore('file')).toBeUndefined();
    expect(bucket().uploads.size).toBe(0);
  });

  it('leaves nothing of an upload that S3 refuses a part of, and closes where it came from', async () => {
    place.server.fail({ operation: 'UploadPart', afterRequests: 1, fault: { code: 'AccessDenied', status: 403 } });
    let isClosed = false;
    let asked = 0;
    const source = async function* () {
      try {
        for (;;) {
          asked += 1;
          yield Buffer.alloc(mebibyte);
        }
      } finally {
        isClosed = true;
      }
    };
    await expect(place.store.upload('file', source())).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(inStore('file')).toBeUndefined();
    expect(bucket().uploads.size).toBe(0);
    await sleep(0);
    expect(isClosed).toBe(true);
    expect(asked).toBeLessThan(100);
  });

  it('sends a part again that S3 had no time for, as it was', async () => {
    const bytes = randomBytes(42 * mebibyte);
    const credentials = { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' };
    const s3 = new S3Client({ endpoint: place.server.url, region: 'us-east-1', credentials, forcePathStyle: true });
    const store = new ArchiveStore(s3, place.destination, controller.signal);
    place.server.fail({
      operation: 'UploadPart',
      afterRequests: 2,
      times: 1,
      fault: { code: 'SlowDown', status: 503 },
    });
    await store.upload('file', inPieces(bytes, 300_000));
    expect((await whole(await store.open('file'))).equals(bytes)).toBe(true);
    expect(place.server.requests.filter(({ operation }) => operation === 'UploadPart')).toHaveLength(10);
    s3.destroy();
  });

  it('makes nothing of an upload whose last part is refused, or that S3 does not begin', async () => {
    for (const [operation, afterRequests] of [
      ['UploadPart', 1],
      ['CreateMultipartUpload', 0],
    ] as const) {
      await using other = await startArchivePlace(controller.signal);
      other.server.fail({ operation, afterRequests, fault: { code: 'AccessDenied', status: 403 } });
      const uploaded = other.store.upload('file', inPieces(randomBytes(9 * mebibyte), mebibyte));
      await expect(uploaded).rejects.toMatchObject({ name: 'AccessDenied' });
      expect(other.server.bucket(archiveBucket).current(`${archivePrefix}file`)).toBeUndefined();
      expect(other.server.bucket(archiveBucket).uploads.size).toBe(0);
      expect(other.server.requests.map((request) => request.operation)).not.toContain('CompleteMultipartUpload');
    }
  });

  it('waits for nothing when it is told to give an upload up, whatever S3 leaves unanswered', async () => {
    for (const operation of ['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'] as const) {
      const stopped = new AbortController();
      await using other = await startArchivePlace(stopped.signal);
      other.server.fail({ operation, fault: 'hang' });
      const uploaded = other.store.upload('file', inPieces(randomBytes(9 * mebibyte), mebibyte));
      uploaded.catch(() => {});
      await vi.waitFor(() => expect(other.server.requests.map((one) => one.operation)).toContain(operation));
      stopped.abort(new Error('the time is up'));
      await expect(uploaded).rejects.toThrow('the time is up');
    }
  });

  it('leaves nothing of an upload that cannot be completed', async () => {
    place.server.fail({ operation: 'CompleteMultipartUpload', fault: { code: 'InternalError', status: 500 } });
    await expect(place.store.upload('file', inPieces(randomBytes(9 * mebibyte)))).rejects.toThrow();
    expect(inStore('file')).toBeUndefined();
    expect(bucket().uploads.size).toBe(0);
  });

  it('gives an upload up when it is told to, however long its content takes', async () => {
    const source = async function* () {
      yield randomBytes(9 * mebibyte);
      controller.abort(new Error('the time is up'));
      await new Promise(() => {});
    };
    await expect(place.store.upload('file', source())).rejects.toThrow('the time is up');
    await vi.waitFor(() => expect(bucket().uploads.size).toBe(0));
    expect(inStore('file')).toBeUndefined();
    await expect(place.store.upload('file', inPieces(Buffer.alloc(1)))).rejects.toThrow('the time is up');
  });

  it('holds no more of the content than a few parts', async () => {
    let asked = 0;
    let most = 0;
    const source = async function* () {
      for (let index = 0; index < 100; index += 1) {
        asked += mebibyte;
        const there = [...bucket().uploads.values()].flatMap(({ parts }) => [...parts.values()]);
        most = Math.max(most, asked - there.length * 5 * mebibyte);
        yield Buffer.alloc(mebibyte);
      }
    };
    await place.store.upload('file', source());
    expect(inStore('file')?.content.size).toBe(100 * mebibyte);
    expect(most).toBeLessThanOrEqual(25 * mebibyte);
  });

  it('reads on where an answer broke off, however slowly it is read', async () => {
    const bytes = randomBytes(20 * mebibyte);
    await place.store.upload('file', inPieces(bytes, mebibyte));
    place.server.fail({
      operation: 'GetObject',
      afterRequests: 1,
      times: 2,
      fault: { breaksOffAfterBytes: 3 * mebibyte },
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of await place.store.open('file')) {
      chunks.push(Buffer.from(chunk));
      if (chunks.length % 50 === 0) await sleep(1);
    }
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  it('asks again for a piece that does not come, and says so when it never does', async () => {
    const bytes = randomBytes(9 * mebibyte);
    await place.store.upload('file', inPieces(bytes, mebibyte));
    const store = new ArchiveStore(place.s3, place.destination, controller.signal, 500);
    place.server.fail({ operation: 'GetObject', afterRequests: 1, times: 2, fault: 'hang' });
    expect((await whole(await store.open('file'))).equals(bytes)).toBe(true);
    place.server.fail({ operation: 'GetObject', fault: 'hang' });
    await expect(store.open('file')).rejects.toMatchObject({
      reason: 'timeout',
      detail: expect.stringContaining('archives/file'),
    });
    const stopped = store.open('file');
    controller.abort(new Error('the time is up'));
    await expect(stopped).rejects.toThrow('the time is up');
  });

  it('reads no two versions as one', async () => {
    await place.store.upload('file', inPieces(randomBytes(20 * mebibyte), mebibyte));
    const opened = await place.store.open('file');
    bucket().put(`${archivePrefix}file`, randomBytes(20 * mebibyte));
    await expect(whole(opened)).rejects.toMatchObject({ name: 'PreconditionFailed' });
  });

  it('lists what there is below a prefix, and removes it, a thousand at a time', async () => {
    const keys = Array.from({ length: 1005 }, (_, index) => `listens/${String(index).padStart(8, '0')}/part`);
    for (const key of keys) bucket().put(archivePrefix + key, key);
    bucket().put(`${archivePrefix}other/file`, 'kept');
    const listed: string[] = [];
    for await (const { key, sizeBytes } of place.store.list('listens/', keys[2])) {
      listed.push(key);
      expect(sizeBytes).toBe(key.length);
    }
    expect(listed).toEqual(keys.slice(3));
    await place.store.remove(keys);
    expect(place.server.requests.filter(({ operation }) => operation === 'DeleteObjects')).toHaveLength(2);
    for await (const object of place.store.list('')) expect(object.key).toBe('other/file');
  });

  it('says which objects S3 has kept', async () => {
    for (const key of ['a', 'b']) bucket().put(archivePrefix + key, key);
    place.server.fail({ key: `${archivePrefix}b`, fault: { code: 'AccessDenied', status: 403 } });
    await expect(place.store.remove(['a', 'b'])).rejects.toMatchObject({
      reason: 'object-kept',
      detail: `S3 keeps 1 objects, among them ${archivePrefix}b (AccessDenied).`,
    });
  });
});

describe('writing a file', () => {
  it('says what was sent: its size, its SHA-256 and that of the text', async () => {
    const text = Buffer.from('1\tone\n'.repeat(500_000));
    const written = await writeCopyFile(inPieces(text, 100), place.store, 'file');
    const bytes = Buffer.concat(inStore('file')?.content.chunks ?? []);
    expect(written).toEqual({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      uncompressedBytes: text.length,
    });
    expect(written.bytes).toBeLessThan(text.length / 10);
  });

  it('leaves nothing when the copy fails, and says why', async () => {
    const source = async function* () {
      yield randomBytes(30 * mebibyte);
      throw new Error('canceling statement due to statement timeout');
    };
    await expect(writeCopyFile(source(), place.store, 'file')).rejects.toThrow('statement timeout');
    expect(inStore('file')).toBeUndefined();
    expect(bucket().uploads.size).toBe(0);
  });
});
