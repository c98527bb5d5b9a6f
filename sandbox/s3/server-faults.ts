/** A request as it came in: a client's retries are requests too. */
export interface S3Request {
  /** `PutObject`. */
  readonly operation: string;
  /** Empty where there is none. */
  readonly bucket: string;
  readonly key: string;
}

/**
 * What goes wrong: an error; a connection that breaks before anything is done, or after it (`loses-answer`); an answer that stops after
 * so many bytes of an object; or no answer at all.
 */
export type ServerFault =
  | { readonly code: string; readonly status: number; readonly message?: string }
  | { readonly breaksOffAfterBytes: number }
  | 'reset'
  | 'loses-answer'
  | 'hang';

/** Which requests go wrong, and how. What is left out matches everything. */
export interface FaultRule {
  readonly operation?: string;
  readonly bucket?: string;
  /** Of the request, or, for DeleteObjects, of an object in it: the others in it are deleted. */
  readonly key?: string;
  /** Matching requests that are still answered before the fault sets in. */
  readonly afterRequests?: number;
  /** Matching requests that go wrong before the fault is over; without it there is no end. */
  readonly times?: number;
  /** A function is called when the rule strikes, before anything is done, and may leave the request as it is. */
  readonly fault: ServerFault | ((request: S3Request) => ServerFault | undefined | Promise<ServerFault | undefined>);
}

/** S3 is asked for less: what it answers where it is asked for too much. */
export const slowDown: ServerFault = { code: 'SlowDown', status: 503, message: 'Please reduce your request rate.' };

export const accessDenied: ServerFault = { code: 'AccessDenied', status: 403, message: 'Access Denied' };

export const internalError: ServerFault = {
  code: 'InternalError',
  status: 500,
  message: 'We encountered an internal error. Please try again.',
};

/** The rules in force. */
export class ServerFaults {
  readonly #rules: { readonly rule: FaultRule; matched: number }[] = [];

  /** Puts a rule in force and returns what lifts it. */
  add(rule: FaultRule): () => void {
    const entry = { rule, matched: 0 };
    this.#rules.push(entry);
    return () => {
      const index = this.#rules.indexOf(entry);
      if (index !== -1) this.#rules.splice(index, 1);
    };
  }

  /**
   * Returns what is to go wrong; every rule that matches counts it.
   *
   * @param isPart it is one object of a request for many: rules that name no key are about the whole of it.
   */
  strike(request: S3Request, { isPart = false } = {}): FaultRule['fault'] | undefined {
    let struck: FaultRule['fault'] | undefined;
    for (const entry of this.#rules) {
      const { rule } = entry;
      if (rule.operation !== undefined && rule.operation !== request.operation) continue;
      if (rule.bucket !== undefined && rule.bucket !== request.bucket) continue;
      if (rule.key === undefined ? isPart : rule.key !== request.key) continue;
      entry.matched += 1;
      const { afterRequests = 0, times = Number.POSITIVE_INFINITY, fault } = rule;
      if (entry.matched > afterRequests && entry.matched <= afterRequests + times) struck ??= fault;
    }
    return struck;
  }
}
