import type { Hold } from '../../../shared/control/hold.ts';
import { s3Url } from '../../../shared/objects/object-store.ts';
import { formatTableName, parseTableName } from '../../../shared/postgres/sql.ts';
import type { TrippedGuard } from '../../../shared/retention/guard.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import type { ObjectsPolicy, OrphansPolicy } from '../config.ts';
import type { PurgeContext } from '../context.ts';
import type { SourceScope } from './current-source.ts';
import type { ObjectSource } from './object-source.ts';

export type ObjectPolicy = ObjectsPolicy | OrphansPolicy;

/** A policy being carried out. */
export interface ObjectWork {
  readonly policy: ObjectPolicy;
  readonly context: PurgeContext;
  readonly client: SourceScope['client'];
  /** Something is to be deleted. */
  readonly applies: boolean;
  /** What the policy takes its objects from, when those from before `cutoffMs` are past their retention. */
  readonly sourceAt: (cutoffMs: number) => ObjectSource;
  /** Returns the guards of what the policy depends on beside the bucket. */
  readonly guards: () => Promise<readonly TrippedGuard[]>;
  /** The run's clock, going on. */
  readonly clock: () => Date;
}

/** One that no other run carries out at the same time. */
export interface HeldWork extends ObjectWork {
  readonly hold: Pick<Hold, 'keep'>;
}

export const purgeTask = 'data-purge';

/** Returns what of a bucket a policy takes. */
export function whatOf(policy: ObjectPolicy): 'current' | 'noncurrent' | 'uploads' | 'orphans' {
  return policy.kind === 'orphans' ? 'orphans' : policy.what;
}

/** Returns what people call what a policy takes from. */
function targetOf(policy: ObjectPolicy): string {
  const what = whatOf(policy);
  const where = s3Url(policy);
  if (policy.kind === 'orphans') return `${where} (not in ${formatTableName(parseTableName(policy.table))})`;
  return what === 'current' ? where : `${where} (${what})`;
}

/** Returns what is known of a policy before anything was looked at. */
export function emptyOutcome({ policy, applies }: Pick<ObjectWork, 'policy' | 'applies'>): PolicyOutcome {
  return policyOutcomeSchema.parse({
    policy: policy.id,
    target: targetOf(policy),
    mode: applies ? 'apply' : 'dry-run',
    state: 'working',
    planHash: null,
    planned: 0,
  });
}

const sampledKeys = 10;

/** Counts something that went otherwise than planned, under one fault for all of its kind, with some of the keys. */
export function countFault(
  outcome: PolicyOutcome,
  { rule, subject, detail }: { readonly rule: string; readonly subject: string; readonly detail: string },
  keys: readonly string[],
): void {
  if (keys.length === 0) return;
  const known = outcome.faults.find((fault) => fault.rule === rule && fault.subject === subject);
  const count = Number(known?.evidence.count ?? 0) + keys.length;
  const samples = [...((known?.evidence.samples as string[] | undefined) ?? []), ...keys].slice(0, sampledKeys);
  const fault = { rule, subject, detail: `${count.toLocaleString('en-US')} ${detail}`, evidence: { count, samples } };
  if (known === undefined) outcome.faults.push(fault);
  else Object.assign(known, fault);
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Returns the moment before which what is there is past its retention. */
export function cutoffOf({ olderThanDays }: Pick<ObjectPolicy, 'olderThanDays'>, now: Date): Date {
  return new Date(now.getTime() - olderThanDays * dayMs);
}

/** Returns for how many hours something is past its retention. @param since ISO 8601; undefined for nothing. */
export function backlogHours(policy: ObjectPolicy, now: Date, since: string | undefined): number {
  if (since === undefined) return 0;
  return Math.max(0, (cutoffOf(policy, now).getTime() - Date.parse(since)) / hourMs);
}
