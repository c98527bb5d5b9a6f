import type { StaticOperationSchema } from '@smithy/types';
import type { ReceivedBody } from './received-body.ts';
import type { StoredBucket } from './stored-bucket.ts';

/** A request being answered. */
export interface S3Call {
  readonly buckets: Map<string, StoredBucket>;
  readonly account: string;
  readonly now: Date;
  readonly clock: () => Date;
  /** Entries on a page of any listing. */
  readonly pageSize: number;
  readonly body: ReceivedBody;
  /** @throws Refusal where a test has this object of a request for many go wrong. */
  readonly strike: (key: string) => void;
}

/** An operation: its schema, as the SDK's client exports it, and what answers it. */
export interface S3Operation {
  readonly schema: StaticOperationSchema;
  answer(input: unknown, call: S3Call): S3Answer;
}

/** What an answer has beside its members. */
export interface S3Answer {
  readonly output: object;
  /** The body of an object, sent as it is. */
  readonly chunks?: readonly Uint8Array[];
}

/** Returns an operation; `answer` gets the input as the schema describes it. */
export function s3Operation<Input extends object, Output extends object>(
  schema: StaticOperationSchema,
  answer: (input: Input, call: S3Call) => Output,
): S3Operation {
  return { schema, answer: (input, call) => ({ output: answer(input as Input, call) }) };
}
