import {
  type Approval,
  approvalOf,
  approvePlan,
  isWaiting,
  PlanRefused,
  pendingPlan,
  readPlan,
  type StoredPlan,
} from '../shared/retention/plans.ts';
import { allPolicies, atDesk, type Desk, type DeskOptions } from './desk.ts';
import { exitCodes } from './exit-code.ts';
import { renderApproval } from './render-approval.ts';
import { safeJson } from './safe-json.ts';
import { terminalOf } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** Options of `caretaker approve`, as commander gives them. */
export interface ApproveCommandOptions extends DeskOptions {
  /** Only show the plan. */
  readonly show?: boolean;
}

/** What `caretaker approve` has done or not done. Its JSON form is a public interface. */
export interface ApprovalResult {
  readonly outcome: 'approved' | 'already-approved' | 'shown' | 'refused';
  /** Of a refusal: kebab-case. */
  readonly code: PlanRefused['reason'] | null;
  /** Sentences for people. */
  readonly message: string;
  /** Of the plan, or what was given where there is no such plan. */
  readonly hash: string;
  readonly plan: StoredPlan['plan'] | null;
  /** It can still be begun; otherwise it was, or there is none. */
  readonly isWaiting: boolean;
  /** ISO 8601, UTC. */
  readonly validUntil: string | null;
  readonly approval: Approval | null;
}

/** Digits from which on two plans that wait at the same time do not share a beginning. */
const minimumDigits = 12;

/**
 * Shows a plan and lets it begin, in the name of whoever calls; what came of it is written to standard output.
 *
 * @param given the plan's hash, or the first 12 digits of it or more where the plan waits for a policy in the configuration.
 * @returns the exit code.
 * @throws UsageError or ConfigError when nothing has been done.
 */
export async function approveCommand(given: string, options: ApproveCommandOptions): Promise<number> {
  const digits = given.toLowerCase();
  if (!/^[0-9a-f]{12,64}$/.test(digits)) {
    throw new UsageError(`a plan is named by its hash: 64 hexadecimal digits, or the first ${minimumDigits} or more`);
  }
  return atDesk(options, async (desk) => {
    const result = await approve(digits, options.show === true, desk);
    // Of a stage, the configuration may not be here.
    const timeZone = (await desk.knownConfiguration())?.estate.timeZone ?? 'UTC';
    process.stdout.write(
      options.json === true
        ? `${safeJson(result)}\n`
        : renderApproval(result, { desk, timeZone }, terminalOf(process.stdout)),
    );
    return result.outcome === 'refused' ? exitCodes.incomplete : exitCodes.good;
  });
}

async function approve(digits: string, isOnlyShown: boolean, desk: Desk): Promise<ApprovalResult> {
  const { control } = desk;
  let hash = digits;
  let stored: StoredPlan | undefined;
  try {
    hash = await wholeHash(digits, desk);
    stored = await readPlan(control, hash);
    const found = {
      hash,
      plan: stored.plan,
      isWaiting: await isWaiting(control, hash, stored.plan),
      validUntil: stored.validUntil.toISOString(),
      code: null,
    };
    const before = await approvalOf(control, hash);
    if (isOnlyShown) {
      const message = before === undefined ? 'Nobody has approved it.' : `It was approved by ${before.by}.`;
      return { ...found, outcome: 'shown', message, approval: before ?? null };
    }
    const { approval } = await approvePlan(control, hash, await desk.actor(), new Date());
    if (before !== undefined) {
      const message = `It was approved by ${approval.by} before.`;
      return { ...found, outcome: 'already-approved', message, approval };
    }
    return { ...found, outcome: 'approved', message: `Approved by ${approval.by}.`, approval };
  } catch (error) {
    if (!(error instanceof PlanRefused)) throw error;
    return {
      outcome: 'refused',
      code: error.reason,
      message: error.message,
      hash,
      plan: stored?.plan ?? null,
      isWaiting:
        error.reason !== 'not-waiting' && stored !== undefined && (await isWaiting(control, hash, stored.plan)),
      validUntil: stored?.validUntil.toISOString() ?? null,
      approval: null,
    };
  }
}

/** Completes a hash from the plans that wait for the policies that are configured. */
async function wholeHash(digits: string, { control, configuration }: Desk): Promise<string> {
  if (digits.length === 64) return digits;
  const hashes = new Set<string>();
  for (const owner of allPolicies(await configuration())) {
    const hash = await pendingHash(control, owner);
    if (hash?.startsWith(digits)) hashes.add(hash);
  }
  const [first, ...others] = hashes;
  if (others.length > 0) throw new UsageError(`more than one plan that waits begins with ${digits}: give all of it`);
  if (first !== undefined) return first;
  throw new PlanRefused(
    'unknown-plan',
    `No plan that waits for one of the configured policies begins with ${digits}. Give the whole hash of any other.`,
  );
}

/** One that cannot be read hides no other one. */
async function pendingHash(
  control: Desk['control'],
  owner: Parameters<typeof pendingPlan>[1],
): Promise<string | undefined> {
  try {
    return (await pendingPlan(control, owner))?.hash;
  } catch (error) {
    if (error instanceof PlanRefused) return undefined;
    throw error;
  }
}
