/** Why rows are not restored, as a kebab-case code. */
export type RefusalCode =
  | 'bad-schema'
  | 'conflicts'
  | 'constraint'
  | 'not-equal'
  | 'other-encoding'
  | 'same-name'
  | 'shape-differs'
  | 'statement-unknown'
  | 'table-exists'
  | 'table-missing'
  | 'type-differs'
  | 'unrecorded';

/**
 * Something is not as it has to be for rows to be restored; nothing was. The message holds nothing of a row but keys.
 */
export class RestoreRefusal extends Error {
  override readonly name = 'RestoreRefusal';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
