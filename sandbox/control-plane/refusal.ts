/** Errors that every AWS service knows, each under the code of its own protocol. */
export type RefusalKind =
  | 'accessDenied'
  | 'throttled'
  | 'internalError'
  | 'unknownOperation'
  | 'invalidInput'
  | 'missingCredentials'
  | 'unknownCredentials';

/** An error code as it stands on the wire, with its HTTP status. */
export interface ErrorCode {
  readonly code: string;
  readonly status: number;
}

/** An answer that is an AWS error. Thrown by what answers an operation, and put on the wire in the service's error shape. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: RefusalKind | ErrorCode;

  /** @param reason a kind that the protocol has a code for, or the code of an error that only this service has. */
  constructor(reason: RefusalKind | ErrorCode, message: string) {
    super(message);
    this.reason = reason;
  }
}
