import { randomBytes } from 'node:crypto';

/** Who a request comes from, as sts:GetCallerIdentity tells it. */
export interface Caller {
  readonly account: string;
  readonly arn: string;
  readonly userId: string;
}

/** The access keys that the control plane knows and whom each stands for. Signatures are not verified. */
export class Callers {
  readonly #byAccessKey = new Map<string, Caller>();

  /** Returns a new access key that stands for `caller`. */
  admit(caller: Caller): string {
    const accessKeyId = `SANDBOX${randomBytes(7).toString('hex').toUpperCase()}`;
    this.#byAccessKey.set(accessKeyId, caller);
    return accessKeyId;
  }

  find(accessKeyId: string): Caller | undefined {
    return this.#byAccessKey.get(accessKeyId);
  }
}
