import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { UncheckedError } from '../unchecked-error.ts';
import type { ControlStore } from './control-store.ts';

const heldSchema = z.strictObject({
  /** Of this hold, and no other one. */
  token: z.string(),
  /** Run that has it. */
  runId: z.string(),
  by: z.string(),
  until: z.iso.datetime(),
});

type Held = z.output<typeof heldSchema>;

/** Longer than any function runs: whoever is not heard of for so long is gone. */
const validMs = 20 * 60_000;

/** It is said so often, at most, that somebody is still there. */
const renewMs = 30_000;

export interface HoldOptions {
  readonly runId: string;
  readonly actor: string;
  readonly clock: () => Date;
}

/**
 * Keeps other runs out while one works on something that knows no lock of its own. It ends by itself when nobody is heard of for 20
 * minutes, and the run that has it may take it again at once: its own next attempt, after a step that was killed.
 */
export class Hold implements AsyncDisposable {
  readonly #control: ControlStore;
  readonly #key: string;
  readonly #clock: () => Date;
  #held: Held;
  #renewedMs: number;

  private constructor(control: ControlStore, key: string, clock: () => Date, held: Held) {
    this.#control = control;
    this.#key = key;
    this.#clock = clock;
    this.#held = held;
    this.#renewedMs = clock().getTime();
  }

  /**
   * @param subject what it is about: `<task>/<policy>`.
   * @throws UncheckedError `busy` while another run has it.
   */
  static async take(control: ControlStore, subject: string, { runId, actor, clock }: HoldOptions): Promise<Hold> {
    const key = `hold/${subject}`;
    const held: Held = { token: randomUUID(), runId, by: actor, until: untilOf(clock) };
    const before = await control.read(key);
    if (before === undefined) await control.create(key, held);
    else if (isFree(before, runId, clock())) await control.replace(key, before, held);
    // Whoever was first is there now, also when only the answer to this one was lost.
    const now = heldSchema.safeParse(await control.read(key)).data;
    if (now?.token !== held.token) throw busy(subject, now);
    return new Hold(control, key, clock, held);
  }

  /** Says that somebody is still there. @throws UncheckedError `busy` when it was taken away, as nobody was heard of for too long. */
  async keep(): Promise<void> {
    const nowMs = this.#clock().getTime();
    if (nowMs - this.#renewedMs < renewMs) return;
    const renewed: Held = { ...this.#held, until: untilOf(this.#clock) };
    const isReplaced = await this.#control.replace(this.#key, this.#held, renewed);
    const now = isReplaced ? renewed : heldSchema.safeParse(await this.#control.read(this.#key)).data;
    if (now?.token !== this.#held.token) throw busy(this.#key, now);
    this.#held = now;
    this.#renewedMs = nowMs;
  }

  /** Lets others in. Where that cannot be said, they wait until it ends by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Long ago by whatever clock.
    const ended: Held = { ...this.#held, until: new Date(0).toISOString() };
    await this.#control.replace(this.#key, this.#held, ended).catch(() => {});
  }
}

function isFree(before: unknown, runId: string, now: Date): boolean {
  const held = heldSchema.safeParse(before).data;
  // What nobody can read keeps nobody out.
  return held === undefined || held.runId === runId || Date.parse(held.until) <= now.getTime();
}

function untilOf(clock: () => Date): string {
  return new Date(clock().getTime() + validMs).toISOString();
}

function busy(subject: string, held: Held | undefined): UncheckedError {
  const who = held === undefined ? 'Another run' : `The run ${held.runId} of ${held.by}`;
  const until = held === undefined ? '' : ` Should it be gone, others may after ${held.until}.`;
  return new UncheckedError('busy', `${who} works on ${subject.replace(/^hold\//, '')}: one does at a time.${until}`);
}
