import type { WriteStream } from 'node:tty';

/** Shows how far a run is, on a terminal only; elsewhere it says nothing. */
export class Progress {
  readonly #stream: WriteStream;
  readonly #label: string;
  readonly #startedAt = performance.now();
  #drawnAt = 0;
  #isDrawn = false;

  constructor(stream: WriteStream, label: string) {
    this.#stream = stream;
    this.#label = label;
  }

  update(done: number, total: number): void {
    if (!this.#stream.isTTY || total === 0) return;
    const now = performance.now();
    // Ten pictures a second are enough for an eye, and cheap however fast the work is.
    if (now - this.#drawnAt < 100 && done < total) return;
    this.#drawnAt = now;
    const cells = 20;
    const filled = Math.round((done / total) * cells);
    const rate = Math.round(done / Math.max(0.001, (now - this.#startedAt) / 1000));
    const bar = `${'█'.repeat(filled)}${'░'.repeat(cells - filled)}`;
    this.#stream.write(`\r\u001b[K${this.#label} ${bar} ${done}/${total} ${rate}/s`);
    this.#isDrawn = true;
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#isDrawn) this.#stream.write('\r\u001b[K');
    this.#isDrawn = false;
  }
}
