import type { IncomingHttpHeaders } from 'node:http';
import type { Schema, StaticOperationSchema, StaticStructureSchema } from '@smithy/types';
import type { ErrorCode, RefusalKind } from './refusal.ts';

/** What a client sent. */
export interface WireRequest {
  readonly method: string;
  /** Path and query as they were sent, not decoded. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What is sent back. */
export interface WireResponse {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/**
 * A protocol of AWS seen from the server's side: the inverse of what the SDK's clients do. What is read and written is
 * described by the schemas that the clients export, and done by the codecs that they use.
 */
export interface Wire {
  readonly errorCodes: Readonly<Record<RefusalKind, ErrorCode>>;
  /**
   * Returns the operation that a request asks for; `undefined` when it is none of this protocol.
   *
   * @param operations those of the service, by whose paths a protocol that does not name the operation finds it.
   */
  operationName(request: WireRequest, operations: readonly StaticOperationSchema[]): string | undefined;
  readInput(schema: StaticOperationSchema, request: WireRequest): Promise<unknown>;
  writeOutput(schema: StaticOperationSchema, output: object, requestId: string): WireResponse;
  writeError(error: ErrorCode, message: string, requestId: string): WireResponse;
}

/** Returns the schema behind a reference: the codecs follow references, although their types do not say so. */
export function referenced(reference: StaticOperationSchema[4]): Schema {
  return reference as Schema;
}

/** Returns the schema of a structure, in the SDK's static form; the member schema 0 is a string. */
export function structure(
  namespace: string,
  name: string,
  members: Readonly<Record<string, StaticStructureSchema[5][number]>>,
): StaticStructureSchema {
  return [3, namespace, name, 0, Object.keys(members), Object.values(members)];
}
