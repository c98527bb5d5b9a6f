import * as z from 'zod';
import type { ControlStore } from '../../../shared/control/control-store.ts';

const cursorSchema = z.strictObject({
  planHash: z.string(),
  definitionHash: z.string(),
  /** Of the list: the part, and the entry in it, that come next. */
  part: z.int().min(1),
  from: z.int().min(0),
  /** Of the batch that comes next, from 1 on. */
  batch: z.int().min(1),
  /** Entries before that. */
  processed: z.int().min(0),
  /** SHA-256 of what was written of the batch before, which names the one before that. */
  outcomesHash: z.string().nullable(),
  deleted: z.int().min(0),
  gone: z.int().min(0),
  kept: z.int().min(0),
  failed: z.int().min(0),
  bytes: z.int().min(0),
});

/** Where a plan that was begun is gone on with. */
export type PurgeCursor = z.output<typeof cursorSchema>;

/** Returns where the plan of a policy that was begun is gone on with; undefined when none was, or it is at its end. */
export async function readCursor(control: ControlStore, policy: string): Promise<PurgeCursor | undefined> {
  return cursorSchema.safeParse(await control.read(keyOf(policy))).data;
}

export async function writeCursor(control: ControlStore, policy: string, cursor: PurgeCursor): Promise<void> {
  await control.write(keyOf(policy), cursor);
}

export async function removeCursor(control: ControlStore, policy: string): Promise<void> {
  await control.remove(keyOf(policy));
}

/** Returns where a plan begins. */
export function firstCursor(planHash: string, definitionHash: string): PurgeCursor {
  return {
    planHash,
    definitionHash,
    part: 1,
    from: 0,
    batch: 1,
    processed: 0,
    outcomesHash: null,
    deleted: 0,
    gone: 0,
    kept: 0,
    failed: 0,
    bytes: 0,
  };
}

function keyOf(policy: string): string {
  return `objects/data-purge/${policy}`;
}
