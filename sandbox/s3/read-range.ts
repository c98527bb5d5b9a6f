import { s3Error } from './s3-error.ts';

/** Returns the first and the last byte of a range. @throws Refusal when it is none, or begins behind the end. */
export function readRange(range: string, size: number): [start: number, end: number] {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) {
    throw s3Error('InvalidArgument', `The sandbox does not honour the range ${range}.`);
  }
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (start > end) throw s3Error('InvalidRange');
  return [start, end];
}

/** Returns the bytes from `start` to before `end`, as views of the chunks. */
export function sliceChunks(chunks: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  const taken: Uint8Array[] = [];
  let offset = 0;
  for (const chunk of chunks) {
    const from = Math.max(0, start - offset);
    const to = Math.min(chunk.length, end - offset);
    if (from < to) taken.push(chunk.subarray(from, to));
    offset += chunk.length;
    if (offset >= end) break;
  }
  return taken;
}
