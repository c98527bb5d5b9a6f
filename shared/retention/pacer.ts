import { setTimeout as delay } from 'node:timers/promises';
import type { PaceSignals } from './pace-signals.ts';
import type { Pause } from './pause.ts';
import type { Pace } from './retention-config.ts';

/** What a pacer asks, and whom. */
export interface PacerOptions {
  readonly pace: Pick<Pace, 'checkEverySeconds' | 'workPercent'>;
  /** Undefined where nothing is to be looked at. */
  readonly signals: Pick<PaceSignals, 'read'> | undefined;
  /** Returns who has stopped the work, if somebody has. */
  readonly pausedBy: () => Promise<Pause | undefined>;
  /** Aborted when the time is up. */
  readonly signal: AbortSignal;
}

/** Timers are no more exact: shorter ones are taken together. */
const shortestRestMs = 2;

const longestRestMs = 60_000;

/** Says before each batch whether to go on, and waits for as long as the server is to be spared. */
export class Pacer {
  readonly #options: PacerOptions;
  readonly #reasons = new Map<string, number>();
  readonly #blindSpots = new Set<string>();
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #isFirst = true;
  /** Time that the server is to have for others, for the batches since it had it last. */
  #owedMs = 0;
  #pause: Pause | undefined;
  #waitedMs = 0;
  #workedMs = 0;
  #rows = 0;

  constructor(options: PacerOptions) {
    this.#options = options;
  }

  /** Milliseconds in which it was waited for the server, beside the rest between batches. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Milliseconds that the batches took. */
  get workedMs(): number {
    return this.#workedMs;
  }

  /** Rows of those batches. */
  get rows(): number {
    return this.#rows;
  }

  /** Why it was waited, those for which it was longest first, one sentence each as it was said last. */
  get reasons(): readonly string[] {
    return [...this.#reasons].sort(([, a], [, b]) => b - a).map(([reason]) => reason);
  }

  /** What of the server's state is not known, one sentence each. */
  get blindSpots(): readonly string[] {
    return [...this.#blindSpots];
  }

  /** Who has stopped the work, once {@link wait} has answered `paused`. */
  get pause(): Pause | undefined {
    return this.#pause;
  }

  /**
   * Resolves with `go` when the next batch may begin. A pause is seen before each batch, and while it is waited. That the time is up keeps
   * the first batch from nothing: however short the steps are, each comes forward.
   */
  async wait(): Promise<'go' | 'paused' | 'out-of-time'> {
    const { signal, pausedBy } = this.#options;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    await this.#leaveToOthers();
    while (true) {
      if (signal.aborted && !isFirst) return 'out-of-time';
      this.#pause = await pausedBy();
      if (this.#pause !== undefined) return 'paused';
      const exceeded = await this.#exceeded();
      if (exceeded.length === 0 && (isFirst || !signal.aborted)) return 'go';
      if (signal.aborted) return 'out-of-time';
      await this.#rest(exceeded);
    }
  }

  /** Is told of each batch. */
  note(batchMs: number, rows: number): void {
    this.#workedMs += batchMs;
    this.#owedMs += (batchMs * (100 - this.#options.pace.workPercent)) / this.#options.pace.workPercent;
    this.#rows += rows;
  }

  async #exceeded(): Promise<readonly string[]> {
    const { signals, pace } = this.#options;
    if (signals === undefined) return [];
    const now = performance.now();
    if (now - this.#checkedAtMs < pace.checkEverySeconds * 1000) return [];
    const { exceeded, blindSpots } = await signals.read();
    for (const sentence of blindSpots) this.#blindSpots.add(sentence);
    // As long as it is exceeded it is looked at anew before anything is done.
    if (exceeded.length === 0) this.#checkedAtMs = performance.now();
    return exceeded;
  }

  /** However long a batch took, a pause has to be seen soon. */
  async #leaveToOthers(): Promise<void> {
    if (this.#owedMs < shortestRestMs) return;
    const restMs = Math.min(this.#owedMs, longestRestMs);
    this.#owedMs = 0;
    await delay(restMs, undefined, { signal: this.#options.signal }).catch(() => {});
  }

  async #rest(exceeded: readonly string[]): Promise<void> {
    const { signal, pace } = this.#options;
    const startedAtMs = performance.now();
    await delay(pace.checkEverySeconds * 1000, undefined, { signal }).catch(() => {});
    const restedMs = performance.now() - startedAtMs;
    this.#waitedMs += restedMs;
    for (const sentence of exceeded) this.#addReason(sentence, restedMs);
  }

  /** The numbers in a sentence change from look to look; what is said is the same. */
  #addReason(sentence: string, ms: number): void {
    const kind = (text: string) => text.replace(/[\d.]+/g, '');
    const same = [...this.#reasons.keys()].find((known) => kind(known) === kind(sentence));
    const before = same === undefined ? 0 : (this.#reasons.get(same) ?? 0);
    if (same !== undefined) this.#reasons.delete(same);
    this.#reasons.set(sentence, before + ms);
  }
}
