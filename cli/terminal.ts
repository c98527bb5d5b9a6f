import { stripVTControlCharacters, styleText } from 'node:util';

/** How to write to a stream: its width, and whether colours are wanted there. */
export interface Terminal {
  /** Columns to fill; 80 where the stream is not a terminal. */
  readonly columns: number;
  style(format: Parameters<typeof styleText>[0], text: string): string;
}

/** Returns the terminal of a stream. Colours follow NO_COLOR, FORCE_COLOR and whether the stream is a terminal. */
export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  return {
    columns: Math.max(40, Math.min(stream.columns ?? 80, 110)),
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
    const width = stripVTControlCharacters(longer).length + (lines.length === 0 ? firstIndent : indent).length;
    if (line !== '' && width > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  lines.push(line);
  return firstIndent + lines.join(`\n${indent}`);
}
