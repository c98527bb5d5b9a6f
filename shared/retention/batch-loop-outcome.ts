import { uncheckedReason } from '../aws/unchecked-reason.ts';
import { LedgerError } from '../ledger/ledger-error.ts';
import { postgresUncheckedReason } from '../postgres/unchecked-reason.ts';
import { UncheckedError } from '../unchecked-error.ts';
import type { BatchLoopResult } from './batch-loop.ts';
import { type BatchFailure, failureOf } from './delete-batch-failure.ts';
import type { Pacer } from './pacer.ts';
import { PlanRefused } from './plans.ts';
import type { PolicyOutcome } from './policy-outcome.ts';

/** Failures after which it is not known how things are: nothing is wrong with what was to be deleted. */
const leavesUnchecked = new Set([
  'unreachable',
  'timeout',
  'not-reached',
  'lock-lost',
  'batch-unknown',
  'in-progress',
  'recovery-conflict',
  'database-busy',
  'throttled',
]);

/** Returns what a policy's outcome is after a step in which batches were deleted. */
export function outcomeOfBatches(
  outcome: PolicyOutcome,
  result: BatchLoopResult,
  pacer: Pick<Pacer, 'waitedMs' | 'workedMs' | 'reasons' | 'blindSpots'>,
): PolicyOutcome {
  const { failure } = result;
  // The time was up in the middle of a batch.
  const isLate = failure?.reason === 'not-reached';
  const state = isLate || result.state === 'out-of-time' ? 'working' : result.state;
  const told = failure === undefined || isLate ? outcome : withFailure(outcome, failure);
  return {
    ...told,
    state,
    deleted: outcome.deleted + result.deleted,
    kept: result.kept,
    batches: outcome.batches + result.batches,
    waitedMs: outcome.waitedMs + Math.round(pacer.waitedMs),
    workedMs: outcome.workedMs + Math.round(pacer.workedMs),
    waitedFor: [...new Set([...pacer.reasons, ...outcome.waitedFor])].slice(0, 10),
    unchecked: pacer.blindSpots.reduce((all, detail) => added(all, { reason: 'pace-unknown', detail }), told.unchecked),
  };
}

/** Returns an outcome with why it could not go on. */
export function withFailure(
  outcome: PolicyOutcome,
  { kind, reason, detail }: BatchFailure,
  subject = outcome.target,
): PolicyOutcome {
  if (leavesUnchecked.has(reason)) return { ...outcome, unchecked: added(outcome.unchecked, { reason, detail }) };
  const rule = kind === 'ledger-broken' ? 'ledger-broken' : 'deletion-failed';
  const fault = { rule, subject, detail, evidence: { reason } };
  return {
    ...outcome,
    faults: [...outcome.faults.filter((known) => known.detail !== detail || known.subject !== subject), fault],
  };
}

/**
 * Returns the outcome of a policy whose work could not be done, which is told of it and keeps no other policy's from being done.
 *
 * @throws what is a bug.
 */
export function refusedOutcome(outcome: PolicyOutcome, error: unknown): PolicyOutcome {
  const stopped: PolicyOutcome = { ...outcome, state: 'stopped' };
  if (error instanceof LedgerError) return withFailure(stopped, failureOf('ledger-broken', error.message));
  const reason = reasonOf(error);
  if (reason === undefined) throw error;
  return { ...stopped, unchecked: added(stopped.unchecked, { reason: reason.reason, detail: reason.detail }) };
}

function reasonOf(error: unknown): { readonly reason: string; readonly detail: string } | undefined {
  if (error instanceof UncheckedError) return error;
  if (error instanceof PlanRefused) return { reason: error.reason, detail: error.message };
  if (error instanceof SyntaxError) return { reason: 'bad-sql', detail: error.message };
  return postgresUncheckedReason(error) ?? uncheckedReason(error);
}

type Unchecked = PolicyOutcome['unchecked'];

function added(all: Unchecked, one: Unchecked[number]): Unchecked {
  return all.some(({ detail }) => detail === one.detail) ? all : [...all, one];
}
