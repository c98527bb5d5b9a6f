/**
 * Gives the memory of bytes back at once: they are gone, for whoever else sees them too. The garbage collector looks at
 * how much there is in JavaScript's own heap, so that hundreds of megabytes of such bytes would gather before it comes.
 * Does nothing for bytes that may share their memory with others.
 */
export function freeMemory(bytes: Uint8Array): void {
  const { buffer, byteOffset, length } = bytes;
  if (!(buffer instanceof ArrayBuffer) || byteOffset !== 0 || length === 0) return;
  if (length === buffer.byteLength || buffer.byteLength >= aloneBytes) buffer.transfer(0);
}

/** Node cuts only small buffers from a pool, and none that takes all of it: https://nodejs.org/api/buffer.html#static-method-bufferallocunsafesize */
const aloneBytes = 256 * 1024;
