import type { WriteStream } from 'node:tty';
import { breakAtWidth, displayWidth } from '../shared/text/display-width.ts';
import { printable } from '../shared/text/printable.ts';

/** Ten pictures a second are enough for an eye, and cheap however fast the work is. */
const drawEveryMs = 100;

/** The rate is of so much time: how fast the work is now, and not how fast it once was. */
const rateWindowMs = 15_000;

const cells = 20;

interface Sample {
  readonly atMs: number;
  readonly done: number;
}

/** One of the things that go on side by side. */
interface Subject {
  done: number;
  total: number;
  /** Within the window of the rate, oldest first. */
  readonly samples: Sample[];
}

/** Shows how far a run is, how fast, and how long it still takes, on a terminal only; elsewhere it says nothing. */
export class Progress {
  readonly #stream: WriteStream;
  readonly #label: string;
  readonly #nowMs: () => number;
  readonly #subjects = new Map<string, Subject>();
  #drawnAt = Number.NEGATIVE_INFINITY;
  #isDrawn = false;

  constructor(stream: WriteStream, label: string, nowMs = () => performance.now()) {
    this.#stream = stream;
    this.#label = label;
    this.#nowMs = nowMs;
  }

  /** @param name of the part of the run that this is about, where it has several. */
  update(done: number, total: number, name = ''): void {
    if (!this.#stream.isTTY || total === 0) return;
    const now = this.#nowMs();
    const subject = this.#subjectOf(name);
    subject.done = done;
    subject.total = total;
    // As seldom as it is drawn, so that there are never many.
    const last = subject.samples.at(-1);
    if (last === undefined || now - last.atMs >= drawEveryMs) subject.samples.push({ atMs: now, done });
    while ((subject.samples[1]?.atMs ?? now) < now - rateWindowMs) subject.samples.shift();
    if (now - this.#drawnAt < drawEveryMs && done < total) return;
    this.#drawnAt = now;
    this.#draw(now);
  }

  /** Of things whose number is not known before they have all been seen. */
  count(done: number): void {
    const now = this.#nowMs();
    if (!this.#stream.isTTY || now - this.#drawnAt < drawEveryMs) return;
    this.#drawnAt = now;
    this.#write(`${printable(this.#label)} ${done.toLocaleString('en-US')}`);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#isDrawn) this.#stream.write('\r\u001b[K');
    this.#isDrawn = false;
  }

  #subjectOf(name: string): Subject {
    const known = this.#subjects.get(name);
    if (known !== undefined) return known;
    const subject: Subject = { done: 0, total: 0, samples: [] };
    this.#subjects.set(name, subject);
    return subject;
  }

  /** Of what goes on side by side the one that was begun first, and how many others: two bars in one line could not be read. */
  #draw(now: number): void {
    const unfinished = [...this.#subjects].filter(([, { done, total }]) => done < total);
    const [name, subject] = unfinished[0] ?? [...this.#subjects].at(-1) ?? [];
    if (name === undefined || subject === undefined) return;
    const others = unfinished.length > 1 ? ` (+${unfinished.length - 1})` : '';
    const label = printable([this.#label, name].filter((text) => text !== '').join(' '));
    const columns = this.#columns;
    const numbers = numbersText(subject, now);
    const room = columns - displayWidth(`${label}${others}  ${numbers}`) - 1;
    const bar = room >= 5 ? `${barText(subject, Math.min(cells, room))} ` : '';
    this.#write(`${label}${others} ${bar}${numbers}`);
  }

  get #columns(): number {
    return (this.#stream.columns ?? 80) - 1;
  }

  #write(line: string): void {
    // A line that does not fit would go on in the next one, where nothing takes it away.
    const shown = displayWidth(line) <= this.#columns ? line : (breakAtWidth(line, this.#columns)[0] ?? '');
    this.#stream.write(`\r\u001b[K${shown}`);
    this.#isDrawn = true;
  }
}

function barText({ done, total }: Subject, width: number): string {
  const filled = Math.min(width, Math.max(0, Math.floor((done / total) * width)));
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
}

function numbersText({ done, total, samples }: Subject, nowMs: number): string {
  const shown = `${done.toLocaleString('en-US')}/${total.toLocaleString('en-US')}`;
  const first = samples[0];
  const elapsedSeconds = first === undefined ? 0 : (nowMs - first.atMs) / 1000;
  if (first === undefined || elapsedSeconds < 0.5) return shown;
  const rate = (done - first.done) / elapsedSeconds;
  const rateText = rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en-US');
  if (rate <= 0 || done >= total) return `${shown} ${rateText}/s`;
  return `${shown} ${rateText}/s ${remainingText((total - done) / rate)} left`;
}

/** Rounded up: what still takes a second is not over. */
function remainingText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 100 ? `${hours} h ${minutes % 60} min` : `${Math.ceil(hours / 24)} d`;
}
