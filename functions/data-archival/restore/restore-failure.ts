import { ArchiveFault } from '../../../shared/archive/archive-fault.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { LedgerError } from '../../../shared/ledger/ledger-error.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { LoadTarget } from './load-rows.ts';
import { RestoreRefusal } from './restore-refusal.ts';

/** Why rows were not restored: a kebab-case code and a sentence. Nothing of what is in a row is in it but keys. */
export interface RestoreFailure {
  readonly code: string;
  readonly message: string;
  /**
   * `refused`: what is there does not allow it. `corrupt`: it is not what was written. `failed`: it could not be tried
   * to its end.
   */
  readonly kind: 'refused' | 'corrupt' | 'failed';
}

/**
 * Returns why something failed that was to be restored; undefined for what is a bug.
 *
 * @param target where it was to be restored: what to do instead depends on it.
 */
export function restoreFailure(error: unknown, target: LoadTarget['kind']): RestoreFailure | undefined {
  if (error instanceof RestoreRefusal) return { kind: 'refused', code: error.code, message: error.message };
  if (error instanceof ArchiveFault) {
    return { kind: 'corrupt', code: error.rule, message: `${error.subject}: ${error.message}` };
  }
  if (error instanceof LedgerError) return { kind: 'corrupt', code: 'ledger-broken', message: error.message };
  if (error instanceof UncheckedError) return { kind: 'failed', code: error.reason, message: error.detail };
  const state = sqlState(error);
  if (state.startsWith('23')) return { kind: 'refused', ...constraintFailure(state, error as ServerError, target) };
  const reason = uncheckedReason(error) ?? postgresUncheckedReason(error);
  return reason === undefined ? undefined : { kind: 'failed', code: reason.reason, message: sentence(reason.detail) };
}

/** Returns whether the server has said that a transaction is undone; when the connection breaks, nobody has. */
export function isServersRefusal(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR';
}

interface ServerError {
  readonly constraint?: string;
  readonly table?: string;
  readonly schema?: string;
}

/**
 * https://www.postgresql.org/docs/current/errcodes-appendix.html: class 23. What the server says of it names values.
 */
function constraintFailure(
  state: string,
  { constraint, table, schema }: ServerError,
  target: LoadTarget['kind'],
): Omit<RestoreFailure, 'kind'> {
  const where = table === undefined ? '' : ` of ${schema === undefined ? '' : `${schema}.`}${table}`;
  const advice =
    target === 'original'
      ? 'Restore into a schema of its own instead: --into <schema>.'
      : 'The table is made as it was when these rows were in it, so a function or a type that it uses is another one ' +
        'now: put that back, or restore into a database that has it as it was.';
  if (constraint === undefined) {
    const message = `SQLSTATE ${state}: a row does not fit into a partition, or a constraint${where}. ${advice}`;
    return { code: 'constraint', message };
  }
  return { code: 'constraint', message: `SQLSTATE ${state}: rows would break ${constraint}${where}. ${advice}` };
}

function sqlState(error: unknown): string {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return '';
  return String(error.code);
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
