import type { StaticOperationSchema } from '@smithy/types';
import type { Caller } from './callers.ts';
import type { AccountDocument, RegionDocument } from './estate-document.ts';
import { type ErrorCode, Refusal, type RefusalKind } from './refusal.ts';
import type { Wire } from './wire.ts';

/** One page of a listing. */
export interface Page<T> {
  readonly items: T[];
  /** Where the next page begins; `undefined` on the last one. */
  readonly next: string | undefined;
}

/** A request being answered: who asks, where, and what there is. */
export interface Call {
  readonly caller: Caller;
  readonly region: string;
  /** What the caller's account holds. */
  readonly account: AccountDocument;
  /** What the caller's account holds in the region of the request. */
  readonly regional: RegionDocument;
  /** What every other account of the estate holds. */
  readonly otherAccounts: readonly AccountDocument[];
  /** Returns what another account holds; `undefined` when there is no such account. */
  accountOf(id: string): AccountDocument | undefined;
  /** Returns a new access key that stands for `caller`. */
  admit(caller: Caller): string;
  /** Items on a page of any listing, for one that finds its items as it goes. */
  readonly pageSize: number;
  /**
   * Returns the page of `items` that begins at `token`; pages are small, so that a client that does not go on misses some.
   *
   * @param limit the client's own limit, which cannot make a page larger.
   */
  page<T>(items: readonly T[], token: string | undefined, limit?: number): Page<T>;
}

/** An operation of a service: its schema, as the SDK's client exports it, and what answers it. */
export interface Operation {
  readonly schema: StaticOperationSchema;
  answer(input: unknown, call: Call): object;
}

/** A service of AWS as the control plane plays it. */
export interface Service {
  /** Signing name, which is also its IAM prefix: `acm`. */
  readonly name: string;
  /** The SDK's name for it, from which the endpoint's environment variable is derived: `Secrets Manager`. */
  readonly serviceId: string;
  readonly wire: Wire;
  /** Codes of this service where they differ from those of its protocol. */
  readonly errorCodes?: Partial<Readonly<Record<RefusalKind, ErrorCode>>>;
  readonly operations: readonly Operation[];
}

/** Returns an operation; `answer` gets the input as the schema describes it. */
export function operation<Input extends object, Output extends object>(
  schema: StaticOperationSchema,
  answer: (input: Input, call: Call) => Output,
): Operation {
  return { schema, answer: (input, call) => answer(input as Input, call) };
}

/**
 * Refuses the members of an input that the control plane does not honour, so that no filter is silently ignored.
 *
 * @throws Refusal naming them.
 */
export function refuseOthers(members: object): void {
  const names = Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (names.length > 0) throw new Refusal('invalidInput', `The sandbox does not honour ${names.join(', ')}.`);
}
