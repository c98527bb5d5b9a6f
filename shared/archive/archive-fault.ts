/** Rules that are broken by an archive which is not what it says. */
export type ArchiveRule = 'archive-corrupt' | 'manifest-tampered' | 'chain-broken';

/** An archive is not what its manifest, or the ledger, says: nothing that it is said to hold may be deleted. */
export class ArchiveFault extends Error {
  override readonly name = 'ArchiveFault';
  readonly rule: ArchiveRule;
  /** Key in S3 of what is wrong. */
  readonly subject: string;

  constructor(rule: ArchiveRule, subject: string, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.rule = rule;
    this.subject = subject;
  }
}
