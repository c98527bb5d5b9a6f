import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Callers } from './callers.ts';
import type { EstateDocument } from './estate-document.ts';
import { type Fault, type FaultKind, Faults } from './faults.ts';
import { jsonWire } from './json-wire.ts';
import { queryWire } from './query-wire.ts';
import { Refusal, type RefusalKind } from './refusal.ts';
import type { Call, Page, Service } from './service.ts';
import { hasBucket, s3 } from './services/s3.ts';
import { services } from './services.ts';
import type { Wire, WireRequest, WireResponse } from './wire.ts';

/** A request that came in, whatever became of it; a client's retries are requests too. */
export interface RequestRecord {
  /** Signing name of the service, which is also its IAM prefix: `acm`. */
  readonly service: string;
  readonly operation: string;
  readonly region: string;
  readonly account: string;
}

/** A running control plane. */
export interface ControlPlane {
  /** `http://127.0.0.1:<port>`, the endpoint of every service. */
  readonly url: string;
  /** Environment variables that send the AWS SDKs here, with the home account's credentials. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * The part of S3 that the estate document holds, for a server that is the endpoint of all of it: a client knows only one,
   * and what it writes is kept elsewhere.
   */
  readonly s3: {
    /** Returns whether a request is about a bucket of the document, or about which buckets there are. */
    takes(request: IncomingMessage): boolean;
    /** Answers a request as if it had come to {@link url}. */
    answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
  };
  /** Every request so far, oldest first. */
  readonly requests: readonly RequestRecord[];
  /** Makes requests go wrong from now on and returns what lifts the fault again. */
  inject(fault: Fault): () => void;
  /** Closes the port and every connection, also those that hang. */
  stop(): Promise<void>;
}

const defaultPageSize = 3;

const faultRefusals: Readonly<Record<Exclude<FaultKind, 'hang' | 'reset'>, RefusalKind>> = {
  'access-denied': 'accessDenied',
  throttled: 'throttled',
  'internal-error': 'internalError',
};

/** Where a request is signed for. Nothing but the scope is looked at: the sandbox does not verify signatures. */
interface Signature {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

/**
 * Starts the read-only control planes of AWS on 127.0.0.1, at a port that the system chooses, answering from `estate` in
 * each service's own wire format. A request's region comes from the scope of its SigV4 signature, its account from its
 * access key.
 *
 * @param pageSize items on a page of any listing.
 */
export async function startControlPlane({
  estate,
  pageSize = defaultPageSize,
}: {
  estate: EstateDocument;
  pageSize?: number;
}): Promise<ControlPlane> {
  const callers = new Callers();
  const faults = new Faults();
  const requests: RequestRecord[] = [];
  const homeAccessKeyId = callers.admit({
    account: estate.homeAccount,
    arn: `arn:aws:iam::${estate.homeAccount}:user/sandbox`,
    userId: 'AIDASANDBOX',
  });

  /** Returns the answer; `hang` or `reset` when there is to be none. */
  async function answerTo(request: WireRequest): Promise<WireResponse | 'hang' | 'reset'> {
    const requestId = randomUUID();
    const signature = readSignature(request);
    const service = services.find(({ name }) => name === signature?.service);
    const wire = service?.wire ?? guessWire(request);
    const schemas = service?.operations.map(({ schema }) => schema) ?? [];
    const operationName = wire.operationName(request, schemas) ?? '(none)';
    try {
      if (signature === undefined) throw new Refusal('missingCredentials', 'Request is missing Authentication Token');
      const caller = callers.find(signature.accessKeyId);
      if (caller === undefined) {
        throw new Refusal('unknownCredentials', 'The security token included in the request is invalid.');
      }
      const { region } = signature;
      const { account } = caller;
      const target = { service: signature.service, operation: operationName, region, account };
      requests.push(target);
      const operation = service?.operations.find(({ schema }) => schema[2] === operationName);
      const input = operation === undefined ? {} : await wire.readInput(operation.schema, request);
      const fault = faults.strike({ ...target, input });
      if (fault === 'hang' || fault === 'reset') return fault;
      if (fault !== undefined) throw new Refusal(faultRefusals[fault], faultMessage(fault, caller.arn, target));
      if (service === undefined || operation === undefined) {
        throw unknownOperation(signature.service, service, operationName);
      }
      const accountDocument = estate.accounts[account] ?? { regions: {} };
      const listing = `${service.name}/${operationName}/${account}/${region}`;
      const call: Call = {
        caller,
        region,
        account: accountDocument,
        regional: accountDocument.regions[region] ?? {},
        otherAccounts: Object.keys(estate.accounts).flatMap((id) =>
          id === account ? [] : (estate.accounts[id] ?? []),
        ),
        accountOf: (id) => estate.accounts[id],
        admit: (newCaller) => callers.admit(newCaller),
        pageSize,
        page: (items, token, limit) => page(items, token, Math.min(limit ?? pageSize, pageSize), listing),
      };
      return wire.writeOutput(operation.schema, operation.answer(input, call), requestId);
    } catch (error) {
      const refusal =
        error instanceof Refusal
          ? error
          : new Refusal('internalError', `The sandbox failed: ${(error as Error).stack}`);
      const { reason, message } = refusal;
      const code = typeof reason === 'string' ? (service?.errorCodes?.[reason] ?? wire.errorCodes[reason]) : reason;
      return wire.writeError(code, message, requestId);
    }
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answered = await answerTo({
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: await text(request),
    });
    if (answered === 'hang') return;
    if (answered === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(answered.status, { 'content-type': answered.contentType, ...answered.headers });
    response.end(answered.body);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Only a client that goes away in the middle can fail here, or a document with what no header can hold.
    await respond(request, response).catch(() => request.socket.destroy());
  }

  const server = createServer((request, response) => {
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    environment: {
      ...Object.fromEntries(services.map(({ serviceId }) => [endpointVariable(serviceId), url])),
      AWS_ACCESS_KEY_ID: homeAccessKeyId,
      AWS_SECRET_ACCESS_KEY: 'sandbox',
    },
    s3: {
      takes(request) {
        const [path = ''] = (request.url ?? '').split('?', 1);
        if (path === '/') return readSignature(request)?.service === s3.name;
        return hasBucket(estate, path.split('/', 2)[1] ?? '');
      },
      answer,
    },
    requests,
    inject: (fault) => faults.inject(fault),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * Returns the variable in which the AWS SDKs look for a service's endpoint: `AWS_ENDPOINT_URL_SECRETS_MANAGER` for
 * `Secrets Manager` (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
 */
export function endpointVariable(serviceId: string): string {
  return `AWS_ENDPOINT_URL_${serviceId.replaceAll(' ', '_').toUpperCase()}`;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html */
function readSignature({ headers }: Pick<WireRequest, 'headers'>): Signature | undefined {
  const scope = /Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(headers.authorization ?? '');
  const [, accessKeyId, region, service] = scope ?? [];
  if (accessKeyId === undefined || region === undefined || service === undefined) return undefined;
  return { accessKeyId, region, service };
}

/** A service that the sandbox does not play is still refused in a shape that its client understands. */
function guessWire(request: WireRequest): Wire {
  return jsonWire.operationName(request, []) === undefined ? queryWire('') : jsonWire;
}

function unknownOperation(name: string, service: Service | undefined, operationName: string): Refusal {
  if (service === undefined) {
    const known = services.map(({ name: knownName }) => knownName).join(', ');
    return new Refusal('unknownOperation', `The sandbox does not play the service ${name}, only ${known}.`);
  }
  const known = service.operations.map(({ schema }) => schema[2]).join(', ');
  return new Refusal('unknownOperation', `The sandbox does not answer ${name}:${operationName}, only ${known}.`);
}

function faultMessage(fault: FaultKind, arn: string, { service, operation }: RequestRecord): string {
  if (fault === 'access-denied') return `User: ${arn} is not authorized to perform: ${service}:${operation}`;
  if (fault === 'throttled') return 'Rate exceeded';
  return 'An internal error occurred.';
}

/** Tokens are opaque to clients and good for one listing only. */
function page<T>(items: readonly T[], token: string | undefined, size: number, listing: string): Page<T> {
  const start = token === undefined ? 0 : readToken(token, listing);
  const end = start + size;
  return { items: items.slice(start, end), next: end < items.length ? writeToken(end, listing) : undefined };
}

function writeToken(start: number, listing: string): string {
  return Buffer.from(JSON.stringify([listing, start])).toString('base64url');
}

function readToken(token: string, listing: string): number {
  try {
    const [tokenListing, start] = JSON.parse(Buffer.from(token, 'base64url').toString()) as [unknown, unknown];
    if (tokenListing === listing && typeof start === 'number') return start;
  } catch {
    // Not one of ours: refused below, like one of another listing.
  }
  throw new Refusal('invalidInput', 'The pagination token is not one of this listing.');
}
