import { printable } from '../../../shared/text/printable.ts';

/** What walking a backup file to its end has shown. */
export interface Verdict {
  /** Such as `gzip > tar`, outermost first; `plain data` for what has no form of its own. */
  readonly container: string;
  /** What is in it, for people: `12 tables with data, 3 schemas`; undefined when there is nothing to say. */
  readonly contents: string | undefined;
  /** What is wrong with it, in words; undefined when it was read to its end and is whole. */
  readonly fault: string | undefined;
  /** When the backup was made, by what it says itself: the clock of whoever made it, in a time zone that it does not tell. */
  readonly madeAt: Date | undefined;
}

/** What was found inside the outermost layers. */
export type Contents = Pick<Verdict, 'contents' | 'madeAt'>;

/** The file is not whole: thrown by what walks it, and becomes a {@link Verdict}'s fault. */
export class ContainerFault extends Error {
  override readonly name = 'ContainerFault';
}

/** Longest piece of a file's own text that is repeated to people. */
const longestQuote = 60;

/** Returns text from a file as people may be shown it: on one line, and no longer than a name is. */
export function quoted(text: string): string {
  return printable(text, longestQuote);
}

/** Returns a count with its noun: `1 table`, `1,204 rows`. */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? singular : plural}`;
}
