/** The ledger is not what was written into it; the message names the first entry that tells. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  /** Of the first entry that is not as it was written. */
  readonly sequence: number;

  constructor(sequence: number, fault: string, options?: ErrorOptions) {
    super(`The ledger is broken at entry ${sequence}: ${fault}.`, options);
    this.sequence = sequence;
  }
}
