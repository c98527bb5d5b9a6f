import { uncheckedReason } from '../aws/unchecked-reason.ts';
import { LedgerError } from '../ledger/ledger-error.ts';
import { postgresUncheckedReason } from '../postgres/unchecked-reason.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { BatchMismatch, ChildTooYoung, TableChanged } from './delete-batch.ts';
import { BatchUnsettled } from './delete-batch-transaction.ts';

/**
 * Why a batch was not deleted, by what is to be done about it:
 *
 * - `locked`: somebody holds a row of it; later, and with a smaller one.
 * - `slow`: it took longer than a statement may; with a smaller one.
 * - `conflict`: somebody has changed a row of it meanwhile, or waited for one while it was waited for them; again, as things are now.
 * - `constraint`: a row that is there refers to one of it; again, as that one may be a child that has come meanwhile.
 * - `mismatch`: the rows, or what a table consists of, are not those that were to be deleted; not again.
 * - `lost`: the connection is gone, and nothing was deleted; over another one.
 * - `unsettled`: the connection is gone, and it may be deleted; over another one, when that is known.
 * - `ledger-broken`: it cannot be written down; not again.
 * - `refused`: whatever else a server can say; not again.
 */
export type BatchFailureKind =
  | 'locked'
  | 'slow'
  | 'conflict'
  | 'constraint'
  | 'mismatch'
  | 'lost'
  | 'unsettled'
  | 'ledger-broken'
  | 'refused';

export interface BatchFailure {
  readonly kind: BatchFailureKind;
  /** Kebab-case code. */
  readonly reason: string;
  /** One sentence, in which there is nothing of what is in a row. */
  readonly detail: string;
}

/** Returns why a batch was not deleted; undefined for what is a bug. */
export function batchFailure(error: unknown): BatchFailure | undefined {
  if (error instanceof BatchMismatch) return failureOf('mismatch', `${error.message}; the batch was undone.`);
  if (error instanceof ChildTooYoung) {
    return { kind: 'mismatch', reason: 'younger-than-retention', detail: `${error.message}; the batch was undone.` };
  }
  if (error instanceof TableChanged) return failureOf('mismatch', error.message);
  if (error instanceof BatchUnsettled) {
    return { kind: 'unsettled', reason: 'unreachable', detail: `The server could not be heard: ${error.message}.` };
  }
  if (error instanceof LedgerError) return failureOf('ledger-broken', error.message);
  const state = sqlStateOf(error);
  if (state.startsWith('23')) {
    // What the server says of it holds the values.
    const { constraint = 'a constraint', table } = error as { constraint?: string; table?: string };
    const where = table === undefined ? '' : ` of ${table}`;
    return failureOf('constraint', `SQLSTATE ${state}: ${constraint}${where} forbids it.`);
  }
  const reason = reasonOf(error);
  if (reason === undefined) return undefined;
  return { kind: kindOf(state, reason.reason), ...reason };
}

/** Returns a failure whose kind says all. */
export function failureOf(kind: BatchFailureKind, detail: string): BatchFailure {
  return { kind, reason: kind, detail };
}

function reasonOf(error: unknown): { readonly reason: string; readonly detail: string } | undefined {
  if (error instanceof UncheckedError) return { reason: error.reason, detail: error.detail };
  return postgresUncheckedReason(error) ?? uncheckedReason(error);
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
function kindOf(state: string, reason: string): BatchFailureKind {
  if (state === '55P03') return 'locked';
  if (state === '57014') return 'slow';
  if (state === '40001' || state === '40P01') return 'conflict';
  // What came from the server has a state; without one the connection was given up here.
  if (reason === 'unreachable' || (state === '' && reason === 'timeout')) return 'lost';
  return 'refused';
}

function sqlStateOf(error: unknown): string {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return '';
  return String(error.code);
}
