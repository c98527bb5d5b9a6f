import * as z from 'zod';
import { sha256Of } from '../../../shared/ledger/sha256.ts';
import { readJson, type StateStore, writeJson } from '../../../shared/storage/state-store.ts';

/** A plan holds for a day: what somebody has seen yesterday is not what they agree to today. */
const planHours = 24;

const planSchema = z.strictObject({
  schemaVersion: z.literal(1),
  rule: z.string(),
  database: z.string(),
  plannedAt: z.iso.datetime(),
  violations: z.int().min(1),
  /** Of the keys of the violating rows. */
  digest: z.string().nullable(),
  expectedRows: z.int().min(1),
  /** Of the rule and its statements. */
  definition: z.string(),
});

/** What somebody was shown, and what has to be so still when it is applied. */
export type CorrectionPlan = z.output<typeof planSchema>;

/** Returns a plan's name for people and for the ledger: enough of its SHA-256 to tell it from all others. */
export function planHash(plan: CorrectionPlan): string {
  return sha256Of(plan).slice(0, 16);
}

/** Returns until when a plan can be applied. */
export function planExpiry({ plannedAt }: CorrectionPlan): Date {
  return new Date(new Date(plannedAt).getTime() + planHours * 3_600_000);
}

/** Keeps the plan that was shown last of a rule. */
export async function writePlan(store: StateStore, plan: CorrectionPlan): Promise<void> {
  await writeJson(store, planName(plan.rule), plan);
}

/** Returns the plan that was shown last of a rule; undefined where there is none that can be read. */
export async function readPlan(store: StateStore, rule: string): Promise<CorrectionPlan | undefined> {
  return planSchema.safeParse(await readJson(store, planName(rule))).data;
}

function planName(rule: string): string {
  return `plans/${rule}`;
}
