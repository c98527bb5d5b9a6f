import * as z from 'zod';
import { readReadable } from '../control/control-document.ts';
import type { ControlStore } from '../control/control-store.ts';

const pauseSchema = z.strictObject({
  by: z.string(),
  /** ISO 8601, UTC. */
  at: z.string(),
  reason: z.string(),
});

/** Work that a person has stopped, until somebody resumes it. */
export interface Pause extends z.output<typeof pauseSchema> {
  readonly task: string;
  /** Undefined: all of the task. */
  readonly policy: string | undefined;
}

/** A task, or one of its policies. */
export interface PauseScope {
  readonly task: string;
  readonly policy?: string | undefined;
}

/**
 * Returns the pause that keeps a policy from being carried out: its own, or else its task's; undefined when it may go on. It is asked
 * before each batch, so that nothing is begun after the answer has changed.
 */
export async function pausedBy(control: ControlStore, task: string, policy: string): Promise<Pause | undefined> {
  return (await readPause(control, { task, policy })) ?? (await readPause(control, { task }));
}

/** Returns the pause of just this task, or just this policy; undefined when there is none. */
export async function readPause(control: ControlStore, { task, policy }: PauseScope): Promise<Pause | undefined> {
  const value = await readReadable(control, keyOf({ task, policy }));
  if (value === undefined) return undefined;
  // Somebody has said something here. What cannot be read is no reason to go on.
  const said = pauseSchema.safeParse(value).data ?? { by: 'unknown', at: 'unknown', reason: 'it cannot be read' };
  return { task, policy, ...said };
}

/** Stops a task or a policy before its next batch. What was said of it before is replaced. */
export async function pause(
  control: ControlStore,
  scope: PauseScope,
  said: { readonly by: string; readonly at: string; readonly reason: string },
): Promise<void> {
  await control.write(keyOf(scope), pauseSchema.parse(said));
}

/** Lets a task or a policy go on, and returns the pause that has ended; undefined when there was none. */
export async function resume(control: ControlStore, scope: PauseScope): Promise<Pause | undefined> {
  const ended = await readPause(control, scope);
  if (ended !== undefined) await control.remove(keyOf(scope));
  return ended;
}

function keyOf({ task, policy }: PauseScope): string {
  return policy === undefined ? `pause/${task}` : `pause/${task}/${policy}`;
}
