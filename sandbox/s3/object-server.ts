import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { NormalizedSchema } from '@smithy/core/schema';
import type { Schema, StaticOperationSchema } from '@smithy/types';
import { Refusal } from '../control-plane/refusal.ts';
import { restXmlWire } from '../control-plane/rest-xml-wire.ts';
import type { WireRequest } from '../control-plane/wire.ts';
import { bucketOperations } from './bucket-operations.ts';
import { deleteOperations } from './delete-operations.ts';
import type { Intercept } from './intercept.ts';
import { objectLockOperations } from './object-lock-operations.ts';
import { objectOperations } from './object-operations.ts';
import type { S3Call, S3Operation } from './operation.ts';
import { readInput } from './read-input.ts';
import { sliceChunks } from './read-range.ts';
import { receiveBody } from './received-body.ts';
import { s3Error } from './s3-error.ts';
import { type FaultRule, type S3Request, type ServerFault, ServerFaults } from './server-faults.ts';
import { StoredBucket } from './stored-bucket.ts';
import { uploadOperations } from './upload-operations.ts';
import { versionOperations } from './version-operations.ts';

export interface ObjectServerOptions {
  /** Is asked about every request first. */
  readonly intercept?: Intercept;
  /** One that the system chooses unless given. */
  readonly port?: number;
  readonly clock?: () => Date;
  /** What no page of a listing may exceed, whatever the client asks for. */
  readonly pageSize?: number;
  /** Whose buckets these are. */
  readonly account?: string;
}

/** A running S3, in memory. */
export interface ObjectServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** What sends the AWS SDK's S3 clients here. */
  readonly environment: Readonly<Record<string, string>>;
  /** Every request so far, oldest first. */
  readonly requests: readonly S3Request[];
  /** Returns a bucket to look into and to change behind everybody's back; it is made where there is none. */
  bucket(name: string): StoredBucket;
  /** Makes requests go wrong from now on and returns what lifts the fault again. */
  fail(rule: FaultRule): () => void;
  stop(): Promise<void>;
}

const wire = restXmlWire('http://s3.amazonaws.com/doc/2006-03-01/');

const operations: readonly S3Operation[] = [
  ...objectOperations,
  ...deleteOperations,
  ...uploadOperations,
  ...versionOperations,
  ...objectLockOperations,
  ...bucketOperations,
];
const schemas = operations.map(({ schema }) => schema);
const byName = new Map(operations.map((operation) => [operation.schema[2], operation]));

/**
 * Starts S3 on 127.0.0.1: buckets with versions, Object Lock, multipart uploads, conditional requests and checksums, over the wire that
 * the SDK speaks, with the bucket in the path. Bodies are kept as they came. Signatures are not looked at, permissions are not known,
 * and what it does not honour it refuses.
 */
export async function startObjectServer({
  intercept,
  port = 0,
  clock = () => new Date(),
  pageSize = 1000,
  account = '123456789012',
}: ObjectServerOptions = {}): Promise<ObjectServer> {
  const buckets = new Map<string, StoredBucket>();
  const faults = new ServerFaults();
  const requests: S3Request[] = [];

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request: WireRequest = {
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      headers: incoming.headers,
      body: '',
    };
    const requestId = randomUUID();
    try {
      const name = operationName(request);
      const place = { operation: name, ...placeOf(request.url) };
      requests.push(place);
      const rule = faults.strike(place);
      const fault = typeof rule === 'function' ? await rule(place) : rule;
      if (fault === 'hang') return;
      if (fault === 'reset') {
        incoming.socket.resetAndDestroy();
        return;
      }
      // A client that is still sending does not see an answer that comes before its end.
      const body = await receiveBody(incoming);
      if (typeof fault === 'object' && 'code' in fault) throw refusalOf(fault);
      const operation = byName.get(name);
      if (operation === undefined)
        throw s3Error('NotImplemented', `The sandbox does not answer ${request.method} ${request.url}.`);
      const input = await readInput(wire, operation.schema, request, () => Buffer.concat(body.chunks));
      const call: S3Call = {
        buckets,
        account,
        now: clock(),
        clock,
        pageSize,
        body,
        strike: (key) => strikeObject({ ...place, key }),
      };
      const { output, chunks } = operation.answer(input, call);
      if (fault === 'loses-answer') {
        incoming.socket.resetAndDestroy();
        return;
      }
      const { contentType, headers, body: document } = wire.writeOutput(operation.schema, output, requestId);
      const status = 'ContentRange' in output ? 206 : statusOf(operation.schema);
      response.writeHead(status, { 'content-type': contentType, ...headers });
      if (chunks === undefined) response.end(document);
      else await send(response, chunks, fault);
    } catch (error) {
      if (incoming.socket.destroyed || response.headersSent) {
        incoming.socket.destroy();
        return;
      }
      const refusal =
        error instanceof Refusal
          ? error
          : new Refusal('internalError', `The sandbox failed: ${(error as Error).stack}`);
      const { reason, message } = refusal;
      const code = typeof reason === 'string' ? wire.errorCodes[reason] : reason;
      const { status, contentType, headers, body } = wire.writeError(code, message, requestId);
      // Whatever of the request was not read would be taken for the next one.
      if (!incoming.complete) response.shouldKeepAlive = false;
      response.writeHead(status, { 'content-type': contentType, ...headers });
      response.end(body);
    }
  }

  /** Of an object in a request for many only an error makes sense. */
  function strikeObject(place: S3Request): void {
    const fault = faults.strike(place, { isPart: true });
    if (typeof fault === 'object' && 'code' in fault) throw refusalOf(fault);
  }

  const server = createServer((incoming, response) => {
    const taken = intercept?.takes(incoming) === true ? intercept : { answer };
    // Only a client that goes away in the middle can fail here.
    taken.answer(incoming, response).catch(() => incoming.socket.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    environment: { AWS_ENDPOINT_URL_S3: url, AWS_ACCESS_KEY_ID: 'sandbox', AWS_SECRET_ACCESS_KEY: 'sandbox' },
    requests,
    bucket(name) {
      const known = buckets.get(name);
      if (known !== undefined) return known;
      const bucket = new StoredBucket(name, { region: 'us-east-1', clock });
      buckets.set(name, bucket);
      return bucket;
    },
    fail: (rule) => faults.add(rule),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const names = new Map<string, string>();

/** Which operation it is depends on the form of the path and on the parameters alone: finding it once is enough. */
function operationName(request: WireRequest): string {
  const { key } = placeOf(request.url);
  const query = new URLSearchParams(request.url.split('?')[1] ?? '');
  if (request.method === 'PUT' && key !== '' && request.headers['x-amz-copy-source'] !== undefined) return 'CopyObject';
  const form = `${request.method} ${request.url.startsWith('/?') || request.url === '/'} ${key !== ''} ${query.get('list-type')} ${[...query.keys()].sort()}`;
  const known = names.get(form);
  if (known !== undefined) return known;
  const name = wire.operationName(request, schemas) ?? '(none)';
  // What is not known is named by its path, which is another one each time.
  if (byName.has(name)) names.set(form, name);
  return name;
}

function placeOf(url: string): { readonly bucket: string; readonly key: string } {
  const [path = ''] = url.split('?', 1);
  const slash = path.indexOf('/', 1);
  if (slash === -1) return { bucket: decode(path.slice(1)), key: '' };
  return { bucket: decode(path.slice(1, slash)), key: decode(path.slice(slash + 1)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function statusOf(schema: StaticOperationSchema): number {
  const { http } = NormalizedSchema.of(schema as unknown as Schema).getMergedTraits();
  return (http as readonly [string, string, number] | undefined)?.[2] ?? 200;
}

function refusalOf({ code, status, message = code }: Extract<ServerFault, { code: string }>): Refusal {
  return new Refusal({ code, status }, message);
}

/** Sends the chunks as fast as they are taken. */
async function send(
  response: ServerResponse,
  chunks: readonly Uint8Array[],
  fault: ServerFault | undefined,
): Promise<void> {
  if (typeof fault === 'object' && 'breaksOffAfterBytes' in fault) {
    for (const chunk of sliceChunks(chunks, 0, fault.breaksOffAfterBytes)) response.write(chunk);
    // What was written is on its way then, and nothing follows.
    response.write('', () => response.destroy());
    return;
  }
  await pipeline(Readable.from(chunks), response);
}
