import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { LedgerError } from '../../../shared/ledger/ledger-error.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

/** Why a correction could not be made: a kebab-case code and a sentence. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** Returns why something failed that was to be corrected; undefined for what is a bug. Nothing of what is in a row is in it. */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof UncheckedError) return { code: error.reason, message: error.detail };
  if (error instanceof LedgerError) {
    return {
      code: 'ledger-broken',
      message: `${error.message} Nothing is done on top of a record that cannot be trusted.`,
    };
  }
  const state = sqlStateOf(error);
  if (state === '40001' || state === '40P01') {
    return {
      code: 'conflict',
      message: 'Somebody else has changed the same rows at the same time. Show the plan again.',
    };
  }
  if (state.startsWith('23')) {
    const { constraint = 'a constraint', table = '' } = error as { constraint?: string; table?: string };
    const where = table === '' ? '' : ` of ${table}`;
    return { code: 'constraint', message: `SQLSTATE ${state}: it would break ${constraint}${where}.` };
  }
  const reason = uncheckedReason(error) ?? postgresUncheckedReason(error);
  return reason === undefined ? undefined : { code: reason.reason, message: sentence(reason.detail) };
}

/** Returns whether the server has said that a transaction is undone; when the connection breaks, nobody has. */
export function isServersRefusal(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR';
}

function sqlStateOf(error: unknown): string {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return '';
  return String(error.code);
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
