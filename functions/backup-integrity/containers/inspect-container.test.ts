import { constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { tarArchive } from '../../../sandbox/estate/tar-sample.ts';
import { type ExpectedContent, inspectContainer } from './inspect-container.ts';

const madeAt = new Date('2026-11-22T03:00:00Z');
const never = new AbortController().signal;
const text = Buffer.from('artists, tracks and boroughs\n'.repeat(500));
const tar = tarArchive({ 'artists.json': text, 'tracks.json': Buffer.alloc(1500, 7) }, madeAt);

async function* streamed(bytes: Buffer, chunkBytes = 64 * 1024) {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

const inspect = (bytes: Buffer, expected: ExpectedContent = 'any', chunkBytes?: number) =>
  inspectContainer(streamed(bytes, chunkBytes), { expected, signal: never });

const withChecksum = (bytes: Buffer) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

describe('a file of any kind', () => {
  it('is read to its end', async () => {
    expect(await inspect(text)).toEqual({
      container: 'data',
      contents: '14,500 bytes',
      fault: undefined,
      madeAt: undefined,
    });
  });

  it('is at fault when it is empty', async () => {
    expect(await inspect(Buffer.alloc(0))).toMatchObject({ container: 'nothing', fault: 'is empty' });
  });

  it.each(['\x1f', '(\xb5/', 'PGD', '--\n-- Postgre'])(
    'is at fault when it ends within its first bytes: %j',
    async (head) => {
      expect(await inspect(Buffer.from(head, 'latin1'))).toMatchObject({ fault: 'is cut off within its first bytes' });
    },
  );

  it('is at fault when it is not what was asked for', async () => {
    expect(await inspect(text, 'tar')).toMatchObject({ fault: 'is something else, not tar' });
    expect(await inspect(tar, 'pg-dump-custom')).toMatchObject({ fault: 'is a file of tar, not pg_dump custom' });
    expect(await inspect(gzipSync(text), 'pg-dump-plain')).toMatchObject({
      container: 'gzip > data',
      fault: 'is something else, not pg_dump plain',
    });
  });

  it.each([
    ['xz', Buffer.from('fd377a585a000004', 'hex')],
    ['bzip2', Buffer.from('BZh91AY&SY')],
    ['lz4', Buffer.from('04224d1864', 'hex')],
    ['zip', Buffer.from('504b030414', 'hex')],
    ['7z', Buffer.from('377abcaf271c0004', 'hex')],
    ['lzip', Buffer.from('LZIP\x01')],
  ])('is neither clean nor at fault when it is packed as %s', async (_, bytes) => {
    await expect(inspect(bytes)).rejects.toMatchObject({ name: 'UncheckedError', reason: 'cannot-look-inside' });
    await expect(inspect(gzipSync(bytes))).rejects.toMatchObject({ reason: 'cannot-look-inside' });
  });

  it.each([
    ['a window of more than 128 MiB', '28b52ffd00900900000061'],
    ['a dictionary', '28b52ffd0150070900000061'],
  ])('is neither clean nor at fault when its zstd data needs %s', async (need, frame) => {
    const bytes = Buffer.from(frame, 'hex');
    const unchecked = { reason: 'cannot-look-inside', detail: expect.stringContaining(need) };
    await expect(inspect(bytes)).rejects.toMatchObject(unchecked);
    await expect(inspect(bytes, 'tar', 1)).rejects.toMatchObject(unchecked);
  });

  it.each(['age-encryption.org/v1\n-> X25519', 'Salted__12345678', '-----BEGIN PGP MESSAGE-----\n'])(
    'cannot be looked into when it is encrypted: %j',
    async (head) => {
      const bytes = Buffer.from(`${head} ${'x'.repeat(1000)}`);
      await expect(inspect(bytes, 'tar')).rejects.toMatchObject({ reason: 'cannot-look-inside' });
      // Nothing was asked for but that it can be read.
      expect(await inspect(bytes)).toMatchObject({ container: 'data', fault: undefined });
    },
  );

  it('is not unpacked for ever', async () => {
    const bomb = [1, 2, 3, 4, 5].reduce((bytes) => gzipSync(bytes), text);
    await expect(inspect(bomb)).rejects.toMatchObject({ reason: 'cannot-look-inside' });
  });

  it('of which nothing is known when what it comes from fails', async () => {
    async function* broken() {
      yield gzipSync(text).subarray(0, 30);
      throw new Error('the connection broke');
    }
    await expect(inspectContainer(broken(), { expected: 'any', signal: never })).rejects.toThrow(
      'the connection broke',
    );
    async function* brokenTar() {
      yield tar.subarray(0, 700);
      throw new Error('the connection broke');
    }
    await expect(inspectContainer(brokenTar(), { expected: 'any', signal: never })).rejects.toThrow(
      'the connection broke',
    );
  });

  it.each(['any', 'tar'] as const)('is given up when the time is up, expected %s', async (expected) => {
    const stop = new AbortController();
    async function* endless() {
      yield expected === 'tar' ? tar.subarray(0, 1024) : gzipSync(text);
      for (let chunks = 0; ; chunks += 1) {
        if (chunks === 3) stop.abort();
        yield Buffer.alloc(expected === 'tar' ? 512 : 1000, 7);
      }
    }
    async function* member() {
      for (;;) yield gzipSync(text);
    }
    const source = expected === 'tar' ? endless() : member();
    if (expected === 'any') setTimeout(() => stop.abort(), 5);
    await expect(inspectContainer(source, { expected, signal: stop.signal })).rejects.toMatchObject({
      reason: 'not-reached',
    });
  });

  it('is not held in memory', async () => {
    const megabyte = 1024 * 1024;
    const member = gzipSync(Buffer.alloc(megabyte, 'nycmg '));
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    async function* large() {
      for (let megabytes = 0; megabytes < 128; megabytes += 1) {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        yield member;
      }
    }
    expect(await inspectContainer(large(), { expected: 'any', signal: never })).toMatchObject({
      container: 'gzip > data',
      contents: '134,217,728 bytes',
    });
    expect(most).toBeLessThan(64 * megabyte);
  });
});

describe.each([
  ['gzip', (bytes: Buffer) => gzipSync(bytes)],
  ['zstd', withChecksum],
])('%s', (name, pack) => {
  it('is unpacked and looked into', async () => {
    expect(await inspect(pack(tar))).toMatchObject({ container: `${name} > tar`, fault: undefined });
    expect(await inspect(pack(pack(tar)))).toMatchObject({ container: `${name} > ${name} > tar`, fault: undefined });
  });

  it.each([1, 7, 100_000])('may have several parts, in chunks of %i bytes', async (chunkBytes) => {
    const parts = Buffer.concat([pack(text), pack(text), pack(text)]);
    expect(await inspect(parts, 'any', chunkBytes)).toMatchObject({ contents: '43,500 bytes', fault: undefined });
  });

  it.each([1, 7, 100_000])('is at fault wherever it is cut off, in chunks of %i bytes', async (chunkBytes) => {
    const whole = pack(text);
    for (let length = name === 'zstd' ? 4 : 2; length < whole.length; length += 3) {
      const { fault } = await inspect(whole.subarray(0, length), 'any', chunkBytes);
      expect(fault, `cut to ${length} bytes`).toBe(`is cut off: the ${name} data ends in the middle`);
    }
    const second = Buffer.concat([whole, whole.subarray(0, -3)]);
    expect(await inspect(second, 'any', chunkBytes)).toMatchObject({ fault: expect.stringContaining('is cut off') });
  });

  it('is at fault when a bit of its content or its checksum is another', async () => {
    const whole = pack(text);
    for (const at of [-1, Math.floor(whole.length / 2)]) {
      expect(await inspect(flipped(whole, at))).toMatchObject({ fault: expect.stringContaining(name) });
    }
  });

  it.each([1, 100_000])('is at fault when something else is behind it, in chunks of %i bytes', async (chunkBytes) => {
    const bytes = Buffer.concat([pack(text), Buffer.from('pg_dump: error: connection lost')]);
    expect(await inspect(bytes, 'any', chunkBytes)).toMatchObject({ fault: expect.stringMatching(name) });
  });

  it('is at fault when nothing is in it, as when what was to fill it failed', async () => {
    expect(await inspect(pack(Buffer.alloc(0)))).toMatchObject({ fault: 'holds nothing once it is unpacked' });
  });
});

describe('gzip', () => {
  it.each([1, 100_000])(
    'may be padded with zeros, and with nothing else, in chunks of %i bytes',
    async (chunkBytes) => {
      const padded = Buffer.concat([gzipSync(text), Buffer.alloc(1000)]);
      expect(await inspect(padded, 'any', chunkBytes)).toMatchObject({ fault: undefined });
      const spoiled = Buffer.concat([padded, Buffer.from([1])]);
      expect(await inspect(spoiled, 'any', chunkBytes)).toMatchObject({
        fault: 'has something else behind the end of its gzip data',
      });
    },
  );
});

describe('zstd', () => {
  it('may begin with a frame that is to be skipped', async () => {
    const skippable = Buffer.from('502a4d1804000000deadbeef', 'hex');
    expect(await inspect(Buffer.concat([skippable, withChecksum(text)]))).toMatchObject({
      container: 'zstd > data',
      contents: '14,500 bytes',
    });
  });
});

describe('tar', () => {
  it('tells how much is in it', async () => {
    expect(await inspect(tar, 'tar')).toEqual({
      container: 'tar',
      contents: '2 members of 16,000 bytes together',
      fault: undefined,
      madeAt: undefined,
    });
    expect(await inspect(tar, 'tar', 100)).toMatchObject({ fault: undefined });
  });

  it('is whole with one block of zeros at its end, and with many', async () => {
    expect(await inspect(tar.subarray(0, -512))).toMatchObject({ fault: undefined });
    expect(await inspect(Buffer.concat([tar, Buffer.alloc(9 * 512)]))).toMatchObject({ fault: undefined });
  });

  it('is at fault without its end, though all its members are there', async () => {
    const fault = 'is cut off: its end is not marked, behind 2 members';
    expect(await inspect(tar.subarray(0, -1024))).toMatchObject({ fault });
    const zeros = tarArchive({ 'empty.img': Buffer.alloc(5000) }, madeAt);
    expect(await inspect(zeros)).toMatchObject({ fault: undefined });
    // The last member's own zeros are not the archive's.
    expect(await inspect(zeros.subarray(0, -1024))).toMatchObject({ fault: expect.stringContaining('1 member') });
  });

  it('is at fault when it is cut off within a member or a header', async () => {
    const inMember = { fault: 'is cut off in the middle of a member or header, behind 1 member' };
    expect(await inspect(tar.subarray(0, 3000))).toMatchObject(inMember);
    expect(await inspect(tar.subarray(0, 600))).toMatchObject(inMember);
    expect(await inspect(tar.subarray(0, 300))).toMatchObject({ fault: expect.stringContaining('is cut off') });
  });

  it('is at fault when a header is damaged', async () => {
    const secondHeader = 512 + Math.ceil(text.length / 512) * 512;
    expect(await inspect(flipped(tar, secondHeader + 130))).toMatchObject({
      fault: 'is damaged: what must be a tar header is none, behind 1 member',
    });
    expect(await inspect(flipped(tar, 130), 'tar')).toMatchObject({ fault: expect.stringContaining('damaged') });
  });

  it('is at fault without a single member', async () => {
    const fault = 'is a tar archive without a single member';
    expect(await inspect(Buffer.alloc(10_240), 'tar')).toMatchObject({ container: 'tar', fault });
  });

  it('of before POSIX is recognised by its checksum', async () => {
    const old = Buffer.from(tar);
    for (const at of [0, 512 + Math.ceil(text.length / 512) * 512]) {
      old.fill(0, at + 257, at + 265);
      old.fill(' ', at + 148, at + 156, 'latin1');
      const sum = old.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
      old.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
    }
    expect(await inspect(old)).toMatchObject({ container: 'tar', fault: undefined });
  });

  it('with members of an unknown kind is not taken for damaged', async () => {
    const odd = Buffer.from(tar);
    odd.write('S', 156, 'latin1');
    odd.fill(' ', 148, 156, 'latin1');
    const sum = odd.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    odd.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(await inspect(odd)).toMatchObject({ fault: undefined });
    // GNU's own blocks between header and content move everything behind them.
    const moved = Buffer.concat([odd.subarray(0, 512), Buffer.alloc(512, 1), odd.subarray(512)]);
    await expect(inspect(moved)).rejects.toMatchObject({ reason: 'cannot-look-inside' });
  });
});

describe('zlib', () => {
  it('by itself is nothing that can be recognised', async () => {
    expect(await inspect(deflateSync(text))).toMatchObject({ container: 'data', fault: undefined });
  });
});
