import { describe, expect, it } from 'vitest';
import { freeMemory } from './free-memory.ts';

const mebibyte = 1024 * 1024;

describe('memory', () => {
  it('is given back at once where bytes have one of their own', () => {
    const bytes = new Uint8Array(mebibyte);
    const { buffer } = bytes;
    freeMemory(bytes.subarray(0, 10));
    expect(buffer.detached).toBe(true);
    expect(bytes).toHaveLength(0);
  });

  it('is given back of few bytes too where they are all that there is, and only once', () => {
    const bytes = new Uint8Array(10);
    const { buffer } = bytes;
    for (let time = 0; time < 2; time += 1) freeMemory(bytes);
    freeMemory(new Uint8Array());
    expect(buffer.detached).toBe(true);
  });

  it('is left alone where bytes may share it', () => {
    const large = new Uint8Array(mebibyte);
    const pooled = Buffer.from('a few bytes');
    const few = new Uint8Array(10);
    freeMemory(few.subarray(0, 9));
    freeMemory(large.subarray(1));
    freeMemory(pooled);
    freeMemory(new Uint8Array(new SharedArrayBuffer(mebibyte)));
    expect(few).toHaveLength(10);
    expect(large).toHaveLength(mebibyte);
    expect(pooled.toString()).toBe('a few bytes');
  });
});
