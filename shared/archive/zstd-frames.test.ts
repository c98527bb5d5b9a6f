import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressFrames, decompressFrames, ZstdError } from './zstd-frames.ts';

const mebibyte = 1024 * 1024;
/** Text in a frame. */
const frame = mebibyte / 2;

async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

async function whole(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Bytes of which some can be made smaller. */
function sample(length: number): Buffer {
  return Buffer.concat([randomBytes(Math.ceil(length / 2)), Buffer.alloc(Math.floor(length / 2), 'rows ')]);
}

describe('frames of zstd', () => {
  it('give back what was put in, whatever its size and wherever it is cut', async () => {
    const length = fc.constantFrom(0, 1, 2, 1000, frame - 1, frame, frame + 1, 7 * frame + 17);
    const cuts = fc.array(fc.nat(700_000), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(length, cuts, cuts, async (bytes, before, after) => {
        const text = sample(bytes);
        const file = await whole(compressFrames(pieces(text, before)));
        expect((await whole(decompressFrames(pieces(file, after)))).equals(text)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('are a file that others read too', async () => {
    const text = sample(3 * mebibyte);
    const file = await whole(compressFrames(pieces(text, [])));
    const [first] = [...(await frames(file))];
    expect(zstdDecompressSync(first as Uint8Array).equals(text.subarray(0, frame))).toBe(true);
    const { error, stdout } = spawnSync('zstd', ['-dc'], { input: file, maxBuffer: 8 * mebibyte });
    if (error === undefined) expect(createHash('sha256').update(stdout).digest()).toEqual(sha256(text));
  });

  it('are never none', async () => {
    const file = await whole(compressFrames(pieces(new Uint8Array(), [])));
    expect(file.length).toBeGreaterThan(0);
    expect(zstdDecompressSync(file)).toHaveLength(0);
  });

  it('take chunks whose memory is used again', async () => {
    const reused = Buffer.alloc(300_000);
    const expected: Buffer[] = [];
    const source = async function* () {
      for (let index = 0; index < 20; index += 1) {
        reused.fill(index);
        expected.push(Buffer.from(reused));
        yield reused;
      }
    };
    const file = await whole(compressFrames(source()));
    expect((await whole(decompressFrames(pieces(file, [])))).equals(Buffer.concat(expected))).toBe(true);
  });

  it('are read from chunks whose memory is given back', async () => {
    const text = sample(9 * frame);
    const file = await whole(compressFrames(pieces(text, [])));
    const source = async function* () {
      for (let at = 0; at < file.length; at += frame) {
        const chunk = Uint8Array.from(file.subarray(at, at + frame));
        yield chunk;
        chunk.fill(0);
      }
    };
    expect((await whole(decompressFrames(source()))).equals(text)).toBe(true);
  });

  it('hold no more than one frame that was compressed and not read', async () => {
    let given = 0;
    const source = async function* () {
      for (let index = 0; index < 40; index += 1) {
        given += 1;
        yield randomBytes(frame);
      }
    };
    let read = 0;
    for await (const bytes of compressFrames(source())) {
      read += bytes.length;
      expect(given - read / frame).toBeLessThan(4);
    }
    expect(read).toBeGreaterThan(40 * frame);
  });

  it('pass on what goes wrong where their text comes from', async () => {
    const source = async function* () {
      yield sample(2 * mebibyte);
      throw new Error('the server is gone');
    };
    await expect(whole(compressFrames(source()))).rejects.toThrow('the server is gone');
  });

  it('refuse what is none, or too large, or not whole', async () => {
    const good = zstdCompressSync('rows');
    const faults = [
      Buffer.from('this is no zstd'),
      good.subarray(0, -1),
      Buffer.concat([good, Buffer.from([0])]),
      zstdCompressSync(Buffer.alloc(2 * mebibyte)),
      zstdCompressSync(randomBytes(2 * mebibyte)),
    ];
    for (const fault of faults) {
      await expect(whole(decompressFrames(pieces(fault, [3, 5])))).rejects.toThrow(ZstdError);
    }
  });

  it('hold no more of a frame than one could have, however much comes', async () => {
    const endless = zstdCompressSync(randomBytes(8 * mebibyte));
    let asked = 0;
    const source = async function* () {
      for (let from = 0; from < endless.length; from += 100_000) {
        asked = from;
        yield endless.subarray(from, from + 100_000);
      }
    };
    await expect(whole(decompressFrames(source()))).rejects.toThrow('a frame that is larger than was written');
    expect(asked).toBeLessThan(mebibyte);
  });

  async function frames(file: Buffer): Promise<Uint8Array[]> {
    const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
    const second = file.indexOf(magic, 4);
    return [file.subarray(0, second), file.subarray(second)];
  }

  function sha256(bytes: Uint8Array): Buffer {
    return createHash('sha256').update(bytes).digest();
  }
});
