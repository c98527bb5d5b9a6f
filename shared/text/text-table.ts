import type { ReportTable } from '../report.ts';
import { cellValue, isNumberColumn } from '../report-table.ts';
import { breakAtWidth, displayWidth } from './display-width.ts';
import { formatQuantity } from './format-quantity.ts';
import { printable } from './printable.ts';

/** Where a table is to be shown. */
export interface TextTableOptions {
  /** Columns of a terminal, or characters of a mail's line, that no line may exceed. */
  readonly width: number;
  /** IANA name of the zone that times are shown in. */
  readonly timeZone: string;
}

/** In UTF-16 code units, so that no cell of a table can take up a page. */
const maxCellLength = 200;
/** In columns. Longer words, such as ARNs, are broken before the table is. */
const maxWordWidth = 32;
const indent = '  ';
const gap = '  ';

/** A text in pieces between which a space is or the line ends. */
type Pieces = readonly string[];

interface Cell {
  readonly text: string;
  /** Of the text in one line. */
  readonly width: number;
  /** Where its lines may end unless there is no other way, */
  readonly pieces: Pieces;
  /** and where then. */
  readonly smallPieces: Pieces;
}

interface Column {
  readonly header: Cell;
  readonly cells: readonly Cell[];
  readonly isRightAligned: boolean;
}

/**
 * Returns a table as aligned columns, one line or a few for each row; `undefined` when that does not fit into the width, or only by
 * breaking cells into more lines than can be read. Numbers stay whole and are aligned right, headings and texts are broken at spaces.
 * Every string is made {@link printable}.
 */
export function alignedTable(table: ReportTable, options: TextTableOptions): string[] | undefined {
  const columns = columnsOf(table, options.timeZone);
  const room = options.width - indent.length - gap.length * (columns.length - 1);
  const widths = fittingWidths(columns, room);
  if (widths === undefined) return undefined;
  const render = (cells: readonly Cell[]) => renderRow(cells, columns, widths);
  return [
    ...render(columns.map(({ header }) => header)),
    `${indent}${widths.map((width) => '-'.repeat(width)).join(gap)}`,
    ...table.rows.flatMap((_, row) => render(columns.map(({ cells }) => cells[row] as Cell))),
  ];
}

/**
 * Returns a table as one block for each row, for widths from 20 on: a line for the first column, then the others, as many to a line as
 * have room, each as `title: value`. Every string is made {@link printable}.
 */
export function blockTable(table: ReportTable, options: TextTableOptions): string[] {
  const columns = columnsOf(table, options.timeZone);
  return table.rows.flatMap((_, row) => {
    const [first = [], ...others] = columns.map(({ header, cells }) => pairLines(header, cells[row] as Cell, options));
    const lines = [...(row === 0 ? [] : ['']), ...first.map((line) => indent + line)];
    let mayGoOn = false;
    for (const pair of others) {
      const longer = `${lines.at(-1)} · ${pair[0]}`;
      // What takes several lines shares none.
      if (mayGoOn && pair.length === 1 && displayWidth(longer) <= options.width) lines[lines.length - 1] = longer;
      else lines.push(...pair.map((line) => indent + indent + line));
      mayGoOn = pair.length === 1;
    }
    return lines;
  });
}

/** Returns the lines of `title: value`, the second and the others of them indented. */
function pairLines(header: Cell, { pieces }: Cell, { width }: TextTableOptions): string[] {
  const title = [...header.pieces.slice(0, -1), `${header.pieces.at(-1)}:`];
  const [line = '', ...rest] = fold([...title, ...pieces], width - 3 * indent.length);
  return [line, ...rest.map((part) => indent + part)];
}

function columnsOf(table: ReportTable, timeZone: string): Column[] {
  return table.columns.map(({ key, title }) => {
    return {
      header: cellOf(printable(title, maxCellLength)),
      cells: table.rows.map((row) => {
        const value = cellValue(row, key);
        const text = printable(formatQuantity(key, value, timeZone), maxCellLength);
        if (typeof value === 'number') return cellOf(text, [text]);
        // A time is broken last, and then only behind the date.
        const time = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2} [+-]\d{2}:\d{2})$/u.exec(text);
        return time === null ? cellOf(text) : cellOf(text, [text], time.slice(1));
      }),
      isRightAligned: isNumberColumn(table, key),
    };
  });
}

function cellOf(text: string, pieces: Pieces = text.split(' '), smallPieces = pieces): Cell {
  return { text, width: displayWidth(text), pieces, smallPieces };
}

/** Returns widths of the columns that add up to no more than `room`, the least harmful to read; `undefined` when there are none. */
function fittingWidths(columns: readonly Column[], room: number): number[] | undefined {
  const widths = columns.map(({ header, cells }) => Math.max(header.width, widest(cells)));
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  for (const leastOf of [headingsBroken, textsBroken, timesBroken]) {
    const least = columns.map(leastOf);
    while (excess > 0) {
      const index = widestAbove(widths, least);
      if (index === undefined) break;
      widths[index] = (widths[index] as number) - 1;
      excess -= 1;
    }
  }
  return excess > 0 ? undefined : widths;
}

function headingsBroken({ header, cells }: Column): number {
  return Math.max(widestWord([header.pieces]), widest(cells));
}

function textsBroken(column: Column): number {
  return leastWidth(column, ({ pieces }) => pieces);
}

function timesBroken(column: Column): number {
  return leastWidth(column, ({ smallPieces }) => smallPieces);
}

/** A third of the longest text must fit into a line: a column of single words is not read. */
function leastWidth({ header, cells }: Column, piecesOf: (cell: Cell) => Pieces): number {
  const third = Math.ceil(widest(cells) / 3);
  return Math.max(widestWord([header.pieces]), third, widestWord(cells.map(piecesOf)));
}

function widestAbove(widths: readonly number[], least: readonly number[]): number | undefined {
  let found: number | undefined;
  for (const [index, width] of widths.entries()) {
    if (width > (least[index] ?? 0) && (found === undefined || width > (widths[found] as number))) found = index;
  }
  return found;
}

function renderRow(cells: readonly Cell[], columns: readonly Column[], widths: readonly number[]): string[] {
  const folded = cells.map((cell, index) => {
    const { text, pieces, smallPieces } = cell;
    const width = widths[index] as number;
    if (cell.width <= width) return [text];
    return fold(widestWord([pieces]) <= width ? pieces : smallPieces, width);
  });
  const height = Math.max(...folded.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) => {
    const parts = folded.map((lines, index) => {
      const text = lines[line] ?? '';
      const padding = ' '.repeat((widths[index] as number) - displayWidth(text));
      return columns[index]?.isRightAligned ? padding + text : text + padding;
    });
    return (indent + parts.join(gap)).trimEnd();
  });
}

/** Returns lines of at most `width` made of the pieces in their order; a piece that is longer than a line is broken. */
function fold(pieces: Pieces, width: number): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  for (const piece of pieces) {
    const longer = line === undefined ? piece : `${line} ${piece}`;
    if (displayWidth(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== undefined) lines.push(line);
    const parts = breakAtWidth(piece, width);
    lines.push(...parts.slice(0, -1));
    line = parts.at(-1) ?? '';
  }
  return [...lines, line ?? ''];
}

function widestWord(texts: readonly Pieces[]): number {
  let width = 0;
  for (const pieces of texts) {
    for (const piece of pieces) width = Math.max(width, displayWidth(piece));
  }
  return Math.min(width, maxWordWidth);
}

function widest(cells: readonly Cell[]): number {
  let width = 0;
  for (const cell of cells) width = Math.max(width, cell.width);
  return width;
}
