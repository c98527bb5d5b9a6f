import { stripVTControlCharacters, styleText } from 'node:util';
import { displayWidth } from '../shared/text/display-width.ts';

/** How to write to a stream: its width, and whether colours are wanted there. */
export interface Terminal {
  /** Columns to fill with text, which nobody reads in longer lines; 80 where the stream is not a terminal. */
  readonly columns: number;
  /** Columns that there are, for tables. */
  readonly tableColumns: number;
  style(format: Parameters<typeof styleText>[0], text: string): string;
}

/** Returns the terminal of a stream. Colours follow NO_COLOR, FORCE_COLOR and whether the stream is a terminal. */
export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  const columns = Math.max(40, stream.columns ?? 80);
  return {
    columns: Math.min(columns, 110),
    tableColumns: columns,
    style: (format, text) => styleText(format, text, { stream }),
  };
}

/**
 * Returns `text` broken at spaces into lines of at most `columns`, the first after `firstIndent`, the others after `indent`. A
 * word longer than a line, such as an ARN, is left whole: it is there to be copied.
 */
export function wrap(text: string, columns: number, indent: string, firstIndent = indent): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    const width = displayWidth(stripVTControlCharacters(longer)) + (lines.length === 0 ? firstIndent : indent).length;
    if (line !== '' && width > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  lines.push(line);
  return firstIndent + lines.join(`\n${indent}`);
}
