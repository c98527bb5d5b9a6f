import { type AgentOptions, type ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { OnReadOpts, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** By default Node reads 64 KiB at a time, each into memory of its own. */
const readBytes = 256 * 1024;

/**
 * Returns agents whose sockets read into one buffer each, over and over. Node's parser of HTTP copies what it hands on out of
 * whatever it is given, so that a chunk that was allocated for each read is one copy, and work for the garbage collector, too
 * many: without it, a large object takes half the processor time. {@link refuseReused} watches over that copy.
 */
export function largeReadAgents(options: AgentOptions): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  return { httpAgent: new LargeReadHttpAgent(options), httpsAgent: new LargeReadHttpsAgent(options) };
}

/**
 * Stops at a chunk that the next read will overwrite: should a version of Node hand on what it was given, the bytes of one object
 * would be taken for those of another.
 */
export function refuseReused(chunk: Uint8Array): void {
  if (reused.has(chunk.buffer))
    throw new TypeError('This version of Node does not copy what its parser of HTTP hands on');
}

const reused = new WeakSet<ArrayBufferLike>();

type OnCreated = (error: Error | null, stream: Duplex) => void;

class LargeReadHttpAgent extends HttpAgent {
  override createConnection(options: ClientRequestArgs, callback?: OnCreated): Duplex | null | undefined {
    return connectWithOneBuffer((withBuffer) => super.createConnection(withBuffer, callback), options);
  }
}

class LargeReadHttpsAgent extends HttpsAgent {
  override createConnection(options: ClientRequestArgs, callback?: OnCreated): Duplex | null | undefined {
    return connectWithOneBuffer((withBuffer) => super.createConnection(withBuffer, callback), options);
  }
}

/** https://nodejs.org/api/net.html#new-netsocketoptions describes `onread`, which TLS sockets take too. */
function connectWithOneBuffer(
  connect: (options: ClientRequestArgs) => Duplex | null | undefined,
  options: ClientRequestArgs,
): Duplex | null | undefined {
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  reused.add(buffer.buffer);
  let socket: Duplex | null | undefined;
  const onread: OnReadOpts = {
    buffer,
    callback: (length, bytes) => {
      // What HTTP listens to; with `onread`, the socket itself does not say it.
      (socket as Socket).emit('data', bytes.subarray(0, length));
      return true;
    },
  };
  socket = connect({ ...options, onread } as ClientRequestArgs);
  return socket;
}
