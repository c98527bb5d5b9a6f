import type { Plan } from '../shared/retention/plan.ts';
import { plannedAmount } from '../shared/retention/plans.ts';
import { formatInZone } from '../shared/schedule/time-zone.ts';
import { formatQuantity } from '../shared/text/format-quantity.ts';
import { printable } from '../shared/text/printable.ts';
import type { ApprovalResult } from './approve-command.ts';
import type { Desk } from './desk.ts';
import { type Terminal, wrap } from './terminal.ts';

/** Of the labels in front of each line. */
const labelWidth = 14;

/** Partitions of a plan that are named. */
const maxPartitionsShown = 20;

/** Returns a plan, and what came of its approval, for people to read in a terminal. */
export function renderApproval(
  result: ApprovalResult,
  { desk, timeZone }: { readonly desk: Pick<Desk, 'place' | 'sameOptions'>; readonly timeZone: string },
  terminal: Terminal,
): string {
  const { outcome, code, message, hash, plan, validUntil, approval } = result;
  const { columns, style } = terminal;
  const line = (label: string, text: string) =>
    wrap(printable(text), columns, ' '.repeat(labelWidth + 2), `  ${label.padEnd(labelWidth)}`);
  const time = (at: string) => formatInZone(new Date(at), timeZone);
  const verdict =
    outcome === 'refused'
      ? `${style(['bold', 'red'], 'REFUSED')} (${code}): ${printable(message)}`
      : style('bold', printable(message));
  const lines = [
    `${style('bold', `Plan ${hash}`)} · ${printable(desk.place)}`,
    '',
    ...(plan === null
      ? []
      : [
          line('policy', `${plan.policy} of ${plan.task}`),
          ...planLines(plan).map(([label, text]) => line(label, text)),
          line('made', `${time(plan.plannedAt)} by ${plan.plannedBy}`),
          ...(validUntil === null ? [] : [line('to begin by', time(validUntil))]),
          ...(approval === null ? [] : [line('approved', `${time(approval.at)} by ${approval.by}`)]),
          '',
        ]),
    wrap(verdict, columns, '  ', ''),
    ...nextLines(result, desk, columns),
  ];
  return `${lines.join('\n')}\n`;
}

function planLines(plan: Plan): [label: string, text: string][] {
  if (plan.kind === 'rows') {
    const verb = plan.action === 'archive' ? 'Archives and then deletes' : 'Deletes without an archive';
    return [
      ['does', `${verb} ${number(plan.rows)} of ${number(plan.tableRows)} rows of ${plan.database}/${plan.table}.`],
      ['older than', plan.cutoff],
      ['from, to', `${plan.oldest ?? '–'}, ${plan.youngest ?? '–'}`],
      ...plan.children.map(({ table, rows }): [string, string] => [
        'and with them',
        `${number(rows)} rows of ${table}`,
      ]),
    ];
  }
  if (plan.kind === 'objects') {
    const size = formatQuantity('sizeBytes', plan.bytes, 'UTC');
    return [
      ['does', `Deletes ${number(plan.objects)} of ${number(plan.listed)} listed (${plan.what}), ${size}.`],
      ['below', `s3://${plan.bucket}/${plan.prefix}`],
      ['older than', plan.cutoff],
    ];
  }
  const left = plan.partitions.length - maxPartitionsShown;
  return [
    ['does', `Takes ${number(plannedAmount(plan))} partitions of ${plan.database}/${plan.table}.`],
    ['older than', plan.cutoff],
    ...plan.partitions
      .slice(0, maxPartitionsShown)
      .map(({ step, name, rows, bytes }): [string, string] => [
        step,
        `${name}, ${number(rows)} rows, ${formatQuantity('sizeBytes', bytes, 'UTC')}`,
      ]),
    ...(left > 0 ? [['', `… and ${number(left)} more`] satisfies [string, string]] : []),
  ];
}

function nextLines(
  { outcome, code, hash, plan, isWaiting }: ApprovalResult,
  { place, sameOptions }: Pick<Desk, 'place' | 'sameOptions'>,
  columns: number,
): string[] {
  const line = (text: string) => [wrap(printable(text), columns, '  ', '')];
  const isHere = place === 'this machine';
  if (code === 'unknown-plan') {
    return line(
      isHere
        ? 'Plans of what is deployed are found with --stage <stage>; those of another user only where both share a folder (caretaker approve --help).'
        : 'Plans that were made on a machine are approved there, without --stage.',
    );
  }
  if (plan === null) return [];
  if (code === 'expired-plan') return line('The next run makes a new one, with a hash of its own.');
  if (code === 'own-plan' && isHere) {
    return line('Another user of the system does, where both share a folder (caretaker approve --help).');
  }
  if (outcome === 'refused') return [];
  if (!isWaiting) return line('It does not wait any more: it was begun before.');
  // In one piece: it is there to be copied.
  if (outcome === 'shown') return [`To approve just this: caretaker approve ${hash}${printable(sameOptions)}`];
  return line(
    isHere
      ? `Somebody else than who approved it begins it: caretaker run ${plan.task}${sameOptions} --apply`
      : `The next run of ${plan.task} begins it.`,
  );
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
