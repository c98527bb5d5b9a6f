import * as z from 'zod';
import type { ChainedArchive } from '../../../shared/archive/chain.ts';
import { readJson, type StateStore, writeJson } from '../../../shared/storage/state-store.ts';

const memorySchema = z.strictObject({
  /** When an archive was seen first: before that there was nothing to restore. */
  since: z.iso.datetime(),
  lastGoodAt: z.iso.datetime().nullable(),
  /** Archives that were restored, in the order of their last time. */
  drilled: z.array(z.strictObject({ sequence: z.int().min(1), at: z.iso.datetime() })),
  /** The archive that could not be restored as it was, and has not been since. */
  failed: z.int().min(1).nullable().default(null),
});

/** What is remembered of a policy's drills. */
export type DrillMemory = z.output<typeof memorySchema>;

/** Of archives drilled; those before count as never drilled. */
const maximumRemembered = 1_000;

const dayMs = 24 * 3600 * 1000;

/** Returns what is remembered; undefined before the first archive was seen, and for what nobody can read any more. */
export async function readDrillMemory(store: StateStore, policy: string): Promise<DrillMemory | undefined> {
  try {
    return memorySchema.safeParse(await readJson(store, nameOf(policy))).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export async function writeDrillMemory(store: StateStore, policy: string, memory: DrillMemory): Promise<void> {
  await writeJson(store, nameOf(policy), { ...memory, drilled: memory.drilled.slice(-maximumRemembered) });
}

/** Returns what is remembered after a good drill. */
export function afterDrill(memory: DrillMemory, sequence: number, at: string): DrillMemory {
  const others = memory.drilled.filter((one) => one.sequence !== sequence);
  const failed = memory.failed === sequence ? null : memory.failed;
  return { ...memory, lastGoodAt: at, drilled: [...others, { sequence, at }], failed };
}

/** Returns whether it is time for a drill: a run that is a little early does not leave it to the next one. */
export function isDue(memory: DrillMemory | undefined, everyDays: number, now: Date): boolean {
  if (memory === undefined || memory.lastGoodAt === null) return true;
  return now.getTime() - Date.parse(memory.lastGoodAt) > (everyDays - 0.5) * dayMs;
}

/** Returns whether no drill was good for twice as long as from one to the next. */
export function isOverdue(memory: DrillMemory | undefined, everyDays: number, now: Date): boolean {
  if (memory === undefined) return false;
  return now.getTime() - Date.parse(memory.lastGoodAt ?? memory.since) > 2 * everyDays * dayMs;
}

/**
 * Returns the archive whose turn it is: the one that could not be restored the last time, so that another one's success
 * does not hide it; the newest of those that were never restored; or else the one that was longest ago. Those of which not all has been taken away yet are left to the runs that do; undefined when there is no other,
 * or all have more rows.
 */
export function whoseTurn(
  archives: readonly ChainedArchive[],
  memory: DrillMemory | undefined,
  maximumRows: number,
): ChainedArchive | undefined {
  const turns = new Map(memory?.drilled.map(({ sequence }, index) => [sequence, index]));
  const fitting = archives.filter(({ state, rows }) => state === 'completed' && rows <= maximumRows);
  const failed = fitting.find(({ sequence }) => sequence === memory?.failed);
  if (failed !== undefined) return failed;
  const never = fitting.findLast(({ sequence }) => !turns.has(sequence));
  return never ?? fitting.toSorted((a, b) => Number(turns.get(a.sequence)) - Number(turns.get(b.sequence)))[0];
}

function nameOf(policy: string): string {
  return `drill/${policy}`;
}
