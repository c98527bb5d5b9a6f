import type { CorrectionResult, ShownPlan } from '../functions/integrity-audit/corrections/correction-result.ts';
import type { Settled } from '../functions/integrity-audit/corrections/settle-intents.ts';
import type { Estate } from '../shared/estate.ts';
import { formatInZone } from '../shared/schedule/time-zone.ts';
import { printable, printableLines } from '../shared/text/printable.ts';
import { type Terminal, wrap } from './terminal.ts';

/** Of the labels in front of each line. */
const labelWidth = 14;

const headings: Readonly<Record<CorrectionResult['outcome'], string>> = {
  planned: 'Plan',
  attend: 'For a person',
  'nothing-to-correct': 'Nothing to correct',
  applied: 'Applied',
  attended: 'Attended',
  refused: 'REFUSED',
  failed: 'FAILED',
  unknown: 'UNKNOWN',
};

const settledTexts: Readonly<Record<Settled['outcome'], string>> = {
  done: 'was made: the server says that it is final',
  'rolled-back': 'was not made: the server says that it was undone',
  unknown: 'may have been made or not: the server does not know it any more, or is another one now; look at the data',
  'in-progress': 'is still under way on the server',
};

/**
 * Returns what came of a correction for people to read in a terminal.
 *
 * @param command what to type to go on, without what it is to do; undefined where nobody has to.
 */
export function renderCorrection(
  result: CorrectionResult,
  { estate, command }: { readonly estate: Pick<Estate, 'name' | 'timeZone'>; readonly command: string | undefined },
  terminal: Terminal,
): string {
  const { name, timeZone } = estate;
  const { outcome, message, plan, violations, remaining, samples, settled, ledgerEntry, code } = result;
  const isBad = ['refused', 'failed', 'unknown'].includes(outcome);
  const heading = terminal.style(isBad ? ['bold', 'red'] : 'bold', headings[outcome]);
  const line = (label: string, text: string) => labelled(label, text, terminal);
  const lines = [
    `${terminal.style('bold', `Correction of ${printable(result.rule)}`)} · ${printable(name)}`,
    '',
    ...settled.flatMap((entry) => [settledText(entry, timeZone, terminal), '']),
    line(
      'rule',
      `${result.severity}${result.table === null ? '' : `, on ${result.table}`}, database ${result.database}`,
    ),
    ...(result.owner === null ? [] : [line('owner', result.owner)]),
    ...(violations === null ? [] : [line('violations', countText(violations, remaining))]),
    ...samples.map((sample) => line('', sample)),
    ...(samples.length > 0 && violations !== null && violations > samples.length
      ? [line('', `… and ${(violations - samples.length).toLocaleString('en-US')} more`)]
      : []),
    line('correction', result.correction),
    ...(plan === null ? [] : planLines(plan, timeZone, terminal)),
    '',
    wrap(
      `${heading}${code === null ? '' : ` (${printable(code)})`}: ${printable(message)}`,
      terminal.columns,
      '  ',
      '',
    ),
    ...(ledgerEntry === null ? [] : [`Entry ${ledgerEntry} of the ledger.`]),
    ...(plan === null || command === undefined ? [] : ['', howToApply(result, plan, command, terminal)]),
    ...(outcome === 'attend' && command !== undefined ? ['', howToAttend(command, terminal)] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function planLines(
  { hash, plannedAt, expiresAt, expectedRows, statements }: ShownPlan,
  timeZone: string,
  terminal: Terminal,
) {
  const line = (label: string, text: string) => labelled(label, text, terminal);
  return [
    line('expects', expectedRows === 1 ? '1 row' : `${expectedRows.toLocaleString('en-US')} rows`),
    line('plan', `${hash} of ${formatInZone(new Date(plannedAt), timeZone)}`),
    line('holds until', formatInZone(new Date(expiresAt), timeZone)),
    '',
    ...statements.flatMap(({ text, parameters }, index) => [
      terminal.style('bold', statements.length === 1 ? 'Statement' : `Statement ${index + 1} of ${statements.length}`),
      // As it is written: somebody has to read it, not a paragraph of it.
      ...printableLines(text)
        .split('\n')
        .map((written) => `  ${written}`),
      ...parameters.map(
        (value, position) => `    $${position + 1} = ${printable(JSON.stringify(value) ?? String(value))}`,
      ),
    ]),
  ];
}

function labelled(label: string, text: string, { columns }: Terminal): string {
  return wrap(printable(text), columns, ' '.repeat(labelWidth + 2), `  ${label.padEnd(labelWidth)}`);
}

function countText(violations: number, remaining: number | null): string {
  const before = violations.toLocaleString('en-US');
  return remaining === null ? before : `${before} before, ${remaining.toLocaleString('en-US')} now`;
}

function settledText({ sequence, at, rule, outcome }: Settled, timeZone: string, { columns }: Terminal): string {
  const when = formatInZone(new Date(at), timeZone);
  const text = `A correction of ${rule} on ${when} (entry ${sequence} of the ledger) was cut off: it ${settledTexts[outcome]}.`;
  return wrap(printable(text), columns, '  ', '');
}

function howToApply(
  { database }: CorrectionResult,
  { lacksWriter }: ShownPlan,
  command: string,
  { columns }: Terminal,
): string {
  if (lacksWriter) {
    const text = `It cannot be applied: databases.${database} has no writer, a connection of a role that may change data.`;
    return wrap(printable(text), columns, '  ', '');
  }
  return `To apply just this: ${printable(command)} --apply`;
}

function howToAttend(command: string, { columns }: Terminal): string {
  return wrap(`When it is done: ${printable(command)} --done "<what was done>"`, columns, '  ', '');
}
