/** Something was read, and the answer is of no use: thrown where the ledger looks, it leaves that resource unchecked. */
export class UncheckedError extends Error {
  override readonly name = 'UncheckedError';
  /** Kebab-case code. */
  readonly reason: string;
  /** What happened, for people. */
  readonly detail: string;

  constructor(reason: string, detail: string, options?: ErrorOptions) {
    super(`${reason}: ${detail}`, options);
    this.reason = reason;
    this.detail = detail;
  }
}
