import { ArchiveFault } from '../../../shared/archive/archive-fault.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { LedgerError } from '../../../shared/ledger/ledger-error.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import { PlanRefused } from '../../../shared/retention/plans.ts';
import type { PolicyOutcome } from '../../../shared/retention/policy-outcome.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Differences } from './finish-archive.ts';

type Fault = PolicyOutcome['faults'][number];

/** Returns an outcome with something that went otherwise than planned; told once, however often it happens. */
export function withFault(outcome: PolicyOutcome, fault: Omit<Fault, 'evidence'> & Partial<Fault>): PolicyOutcome {
  const others = outcome.faults.filter(({ rule, subject }) => rule !== fault.rule || subject !== fault.subject);
  return { ...outcome, faults: [...others, { evidence: {}, ...fault }] };
}

/** Returns an outcome that says which rows of an archive are otherwise in the database. Keys are told, and never values. */
export function withDifferences(
  outcome: PolicyOutcome,
  subject: string,
  { keys, rows, altered }: Differences,
  isLeftAlone: boolean,
): PolicyOutcome {
  const what = `${rows} ${rows === 1 ? 'row' : 'rows'}${isLeftAlone ? ' or more' : ''}`;
  const then = isLeftAlone
    ? 'Nothing of the archive was deleted; the next run leaves them out and goes on.'
    : 'They were left where they are; the rest of the archive goes on.';
  const why =
    altered.length > 0
      ? `A table was altered after the archive was copied, and each of its rows is another one now. ${altered.join(' ')}`
      : `${what} changed, came or went in the range of the archive after it was copied.`;
  const evidence = { rows, keys: [...keys], ...(altered.length > 0 ? { altered: [...altered] } : {}) };
  return withFault(outcome, { rule: 'row-changed', subject, detail: `${why} ${then}`, evidence });
}

/**
 * Returns an outcome that says why the policy's work could not go on.
 *
 * @throws `error` itself when it is a bug.
 */
export function withError(outcome: PolicyOutcome, error: unknown): PolicyOutcome {
  const stopped: PolicyOutcome = { ...outcome, state: 'stopped' };
  if (error instanceof ArchiveFault) {
    return withFault(stopped, { rule: error.rule, subject: error.subject, detail: error.message });
  }
  if (error instanceof LedgerError) {
    return withFault(stopped, { rule: 'ledger-broken', subject: outcome.target, detail: error.message });
  }
  const reason = reasonOf(error);
  if (reason === undefined) throw error;
  const others = stopped.unchecked.filter(({ detail }) => detail !== reason.detail);
  return { ...stopped, unchecked: [...others, { reason: reason.reason, detail: reason.detail }] };
}

function reasonOf(error: unknown): { readonly reason: string; readonly detail: string } | undefined {
  if (error instanceof UncheckedError) return error;
  if (error instanceof PlanRefused) return { reason: error.reason, detail: error.message };
  if (error instanceof SyntaxError) return { reason: 'bad-sql', detail: error.message };
  return postgresUncheckedReason(error) ?? uncheckedReason(error);
}
