/** A correction was not made, because something was not as it had to be; nothing has been changed. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  /** Kebab-case. */
  readonly code: string;
  /** Violations that there are now, where they were counted. */
  readonly violations: number | null;

  constructor(code: string, message: string, violations: number | null = null) {
    super(message);
    this.code = code;
    this.violations = violations;
  }
}
