import { Worker } from 'node:worker_threads';
import type { Digest } from './digests.ts';

/** Bytes are sent in lots of at least this size: each message has its price. */
const lotBytes = 256 * 1024;

/** Bytes of all digests that may wait to be hashed. */
const maximumWaitingBytes = 8 * 1024 * 1024;

type Job =
  | { readonly kind: 'begin'; readonly id: number; readonly name: string }
  | { readonly kind: 'lot'; readonly id: number; readonly bytes: number; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'abandon'; readonly id: number };

type Done =
  | { readonly kind: 'hashed'; readonly bytes: number }
  | { readonly kind: 'digest'; readonly id: number; readonly value: string };

interface Settle<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/**
 * A thread that hashes, so that one processor receives bytes while another hashes those that came before. The memory that they are in
 * goes there with them; whoever sends it faster than it is hashed has to wait.
 */
export class HashThread {
  readonly #worker: Worker;
  readonly #waitingForRoom: Settle<void>[] = [];
  readonly #waitingForDigest = new Map<number, Settle<string>>();
  #waitingBytes = 0;
  #lastId = 0;
  #failure: Error | undefined;

  constructor() {
    // A file of its own would have to be found beside the bundle that this may be part of.
    this.#worker = new Worker(`(${hashLots})()`, { eval: true, execArgv: [] });
    this.#worker.on('message', (done: Done) => this.#receive(done));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('The hashing thread has ended')));
  }

  /** Returns an empty digest. @param name as `node:crypto` knows the hash. */
  start(name: string): Digest {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#worker.postMessage({ kind: 'begin', id, name } satisfies Job);
    let chunks: Uint8Array[] = [];
    let bytes = 0;
    const send = () => {
      if (chunks.length === 0) return;
      this.#waitingBytes += bytes;
      const memory = chunks.map(({ buffer }) => buffer as ArrayBuffer);
      this.#worker.postMessage({ kind: 'lot', id, bytes, chunks } satisfies Job, memory);
      chunks = [];
      bytes = 0;
    };
    return {
      update: (chunk) => {
        chunks.push(isAlone(chunk) ? chunk : new Uint8Array(chunk));
        bytes += chunk.length;
        if (bytes < lotBytes) return undefined;
        send();
        return this.#waitingBytes > maximumWaitingBytes ? this.#room() : undefined;
      },
      end: () => {
        send();
        this.#worker.postMessage({ kind: 'end', id } satisfies Job);
        return this.#settled((settle) => this.#waitingForDigest.set(id, settle));
      },
      abandon: () => {
        chunks = [];
        this.#worker.postMessage({ kind: 'abandon', id } satisfies Job);
      },
    };
  }

  /** Ends the thread; what it has not finished fails. */
  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #room(): Promise<void> {
    return this.#settled((settle) => this.#waitingForRoom.push(settle));
  }

  #settled<T>(wait: (settle: Settle<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure === undefined) wait({ resolve, reject });
      else reject(this.#failure);
    });
  }

  #receive(done: Done): void {
    if (done.kind === 'digest') {
      this.#waitingForDigest.get(done.id)?.resolve(done.value);
      this.#waitingForDigest.delete(done.id);
      return;
    }
    this.#waitingBytes -= done.bytes;
    if (this.#waitingBytes > maximumWaitingBytes / 2) return;
    for (const { resolve } of this.#waitingForRoom.splice(0)) resolve();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waitingForRoom.splice(0)) reject(this.#failure);
    for (const { reject } of this.#waitingForDigest.values()) reject(this.#failure);
    this.#waitingForDigest.clear();
  }
}

/** Returns whether a chunk has its memory for itself, as those have that a connection brings. */
function isAlone({ buffer, byteLength }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
}

/**
 * Frees the memory of bytes that are not needed any more, where they have it for themselves. Left to the garbage collector, gigabytes
 * of them keep it going through the whole heap all the time.
 */
export function giveBack(chunk: Uint8Array): void {
  if (isAlone(chunk)) (chunk.buffer as ArrayBuffer).transfer(0);
}

/** What the thread runs. Its text is all that gets there, so that it must not use anything from outside. */
function hashLots(): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hashes = new Map<number, ReturnType<typeof createHash>>();
  parentPort?.on('message', (job: Job) => {
    switch (job.kind) {
      case 'begin':
        hashes.set(job.id, createHash(job.name));
        break;
      case 'lot':
        for (const chunk of job.chunks) {
          hashes.get(job.id)?.update(chunk);
          // Left to the garbage collector, it would have to look for it again and again.
          (chunk.buffer as ArrayBuffer).transfer(0);
        }
        parentPort.postMessage({ kind: 'hashed', bytes: job.bytes });
        break;
      case 'end':
        parentPort.postMessage({ kind: 'digest', id: job.id, value: hashes.get(job.id)?.digest('base64') ?? '' });
        hashes.delete(job.id);
        break;
      case 'abandon':
        hashes.delete(job.id);
        break;
    }
  });
}
