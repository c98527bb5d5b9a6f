/** What is done to a request instead of answering it: an error, no answer at all, or a broken connection. */
export type FaultKind = 'access-denied' | 'throttled' | 'internal-error' | 'hang' | 'reset';

/** Which requests go wrong, and how. What is left out matches everything. */
export interface Fault {
  /** Signing name of the service: `acm`. */
  readonly service: string;
  /** `DescribeCertificate`. */
  readonly operation?: string;
  readonly region?: string;
  readonly account?: string;
  /** ARN, identifier or name of a resource that the request names. */
  readonly resourceId?: string;
  /** Matching requests that are still answered before the fault sets in. */
  readonly afterRequests?: number;
  /** Matching requests that go wrong before the fault is over; without it there is no end. */
  readonly times?: number;
  readonly fault: FaultKind;
}

/** What a fault is matched against. */
export interface FaultTarget {
  readonly service: string;
  readonly operation: string;
  readonly region: string;
  readonly account: string;
  readonly input: unknown;
}

/** The faults that are in force. */
export class Faults {
  readonly #active: { readonly fault: Fault; matched: number }[] = [];

  /** Puts a fault in force and returns what lifts it. */
  inject(fault: Fault): () => void {
    const entry = { fault, matched: 0 };
    this.#active.push(entry);
    return () => {
      const index = this.#active.indexOf(entry);
      if (index !== -1) this.#active.splice(index, 1);
    };
  }

  /** Returns what is to go wrong with a request; every fault that it matches counts it. */
  strike(target: FaultTarget): FaultKind | undefined {
    let struck: FaultKind | undefined;
    for (const entry of this.#active) {
      if (!matches(entry.fault, target)) continue;
      entry.matched += 1;
      const { afterRequests = 0, times = Number.POSITIVE_INFINITY, fault } = entry.fault;
      if (entry.matched > afterRequests && entry.matched <= afterRequests + times) struck ??= fault;
    }
    return struck;
  }
}

function matches(fault: Fault, target: FaultTarget): boolean {
  if (fault.service !== target.service) return false;
  if (fault.operation !== undefined && fault.operation !== target.operation) return false;
  if (fault.region !== undefined && fault.region !== target.region) return false;
  if (fault.account !== undefined && fault.account !== target.account) return false;
  return fault.resourceId === undefined || names(target.input, fault.resourceId);
}

/** Some requests name a resource by its ARN, others by the last part of it. */
function names(input: unknown, resourceId: string): boolean {
  if (typeof input === 'string') {
    return input === resourceId || resourceId.endsWith(`/${input}`) || resourceId.endsWith(`:${input}`);
  }
  if (typeof input !== 'object' || input === null) return false;
  return Object.values(input).some((value) => names(value, resourceId));
}
