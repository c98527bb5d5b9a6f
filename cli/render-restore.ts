import type { RestoredArchive, RestoreResult } from '../functions/data-archival/restore/restore-result.ts';
import type { Estate } from '../shared/estate.ts';
import { formatInZone } from '../shared/schedule/time-zone.ts';
import { printable } from '../shared/text/printable.ts';
import { type Terminal, wrap } from './terminal.ts';

/** Of the labels in front of each line. */
const labelWidth = 10;

const headings: Readonly<Record<RestoreResult['outcome'], string>> = {
  verified: 'Verified',
  restored: 'Restored',
  refused: 'REFUSED',
  failed: 'FAILED',
  unknown: 'UNKNOWN',
};

const settledTexts: Readonly<Record<string, string>> = {
  done: 'was made: the server says that its rows are there',
  'rolled-back': 'was not made: the server says that it was undone',
  unknown: 'may have been made or not: the server does not know it any more, or is another one now; look at the data',
};

/** How the rows were asked for. */
export interface RestoreAsked {
  readonly estate: Pick<Estate, 'name' | 'timeZone'>;
  /** What to type to go on, without what is to be done. */
  readonly command: string;
  readonly into: string | undefined;
}

/** Returns what came of a restore for people to read in a terminal. */
export function renderRestore(result: RestoreResult, asked: RestoreAsked, terminal: Terminal): string {
  const { outcome, code, message, archive, loaded, settled, ledgerEntry } = result;
  const { estate } = asked;
  const isBad = outcome !== 'verified' && outcome !== 'restored';
  const heading = terminal.style(isBad ? ['bold', 'red'] : 'bold', headings[outcome]);
  const what = archive === null ? '' : ` of ${archive.policy}/${archive.sequence}`;
  const text = (sentence: string, indent = '') => wrap(printable(sentence), terminal.columns, `${indent}  `, indent);
  const lines = [
    `${terminal.style('bold', `Restore${printable(what)}`)} · ${printable(estate.name)}`,
    '',
    ...(settled === null
      ? []
      : [
          text(
            `An earlier restore of this policy was cut off: it ${settledTexts[settled.outcome]} ` +
              `(asked on ${formatInZone(new Date(settled.at), estate.timeZone)}).`,
          ),
          '',
        ]),
    ...(archive === null ? [] : [...archiveLines(archive, estate.timeZone, terminal), '']),
    wrap(
      `${heading}${code === null ? '' : ` (${printable(code)})`}: ${printable(message)}`,
      terminal.columns,
      '  ',
      '',
    ),
    ...loaded.map(({ table, rows, hash, excludedRows }) =>
      text(
        `${table}: ${rowsText(rows)}, hash ${hash}${excludedRows === 0 ? '' : `; ${excludedText(excludedRows)}`}`,
        '  ',
      ),
    ),
    ...(ledgerEntry === null ? [] : [`Entry ${ledgerEntry} of the ledger of restores.`]),
    ...nextSteps(result, asked).flatMap((step) => {
      const [sentence = '', command] = step.split('\n');
      // A command is there to be copied: in one line, however long.
      return ['', text(sentence), ...(command === undefined ? [] : [`  ${printable(command)}`])];
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function archiveLines(archive: RestoredArchive, timeZone: string, terminal: Terminal): string[] {
  const { manifest, manifestHash, createdAt, database, state, isInLedger, excludedRows, tables } = archive;
  const line = (label: string, text: string) =>
    wrap(printable(text), terminal.columns, ' '.repeat(labelWidth + 2), `  ${label.padEnd(labelWidth)}`);
  const ledger = isInLedger ? 'the ledger tells of it' : 'the ledger here does not know it';
  return [
    line('manifest', manifest),
    line('SHA-256', manifestHash),
    line('proven', `every file and every row; the chain holds; ${ledger}`),
    line('archived', `${formatInZone(new Date(createdAt), timeZone)}, from database ${database}`),
    ...tables.map(({ table, rows, hash }, index) =>
      line(index === 0 ? 'rows' : '', `${table}: ${rowsText(rows)}, hash ${hash}`),
    ),
    ...(excludedRows === 0 ? [] : [line('left out', excludedText(excludedRows))]),
    ...(state === 'completed' ? [] : [line('state', 'unfinished: not all of its rows have been taken away yet')]),
  ];
}

function nextSteps({ outcome, archive, loaded }: RestoreResult, { command, into }: RestoreAsked): string[] {
  if (archive === null) return [];
  const { policy, database, isInLedger, tables } = archive;
  const where = tables.map(({ table }) => table).join(', ');
  if (outcome === 'verified') {
    const more = isInLedger ? '' : ' --unrecorded';
    return [
      ...(isInLedger
        ? []
        : ['Whoever can write into the bucket may have made it: load it only when you know where it comes from.']),
      `To look at them in a schema of their own, in database ${database}:\n${command} --into <schema>${more}`,
      `To put them back into ${where}:\n${command} --apply${more}`,
    ];
  }
  if (outcome !== 'restored') return [];
  if (into !== undefined)
    return [`They are in database ${database}, in ${loaded.map(({ table }) => table).join(', ')}.`];
  return [
    `They are past their retention: the next run of the policy archives them again. To keep it from that:\n` +
      `caretaker pause data-archival --policy ${policy} --reason "…"`,
  ];
}

function rowsText(rows: number): string {
  return `${rows.toLocaleString('en-US')} ${rows === 1 ? 'row' : 'rows'}`;
}

function excludedText(rows: number): string {
  return `${rowsText(rows)} left out, which had changed and so ${rows === 1 ? 'was' : 'were'} never taken away`;
}
