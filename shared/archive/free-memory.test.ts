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

  it('is left alone where bytes may share it', () => {
    const large = new Uint8Array(mebibyte);
    const pooled = Buffer.from('a few bytes');
    freeMemory(large.subarray(1));
    freeMemory(pooled);
    freeMemory(new Uint8Array(new SharedArrayBuffer(mebibyte)));
    expect(large).toHaveLength(mebibyte);
    expect(pooled.toString()).toBe('a few bytes');
  });
});
