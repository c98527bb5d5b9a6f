/** The command was called wrongly; shown as it is, with exit code 2, and nothing has been run. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
