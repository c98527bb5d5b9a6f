import { Ledger } from '../shared/ledger/ledger.ts';
import type { LedgerEntry } from '../shared/ledger/ledger-entry.ts';
import { LedgerError } from '../shared/ledger/ledger-error.ts';
import { isProven, type VerifiedChain, verifyLedgers } from '../shared/ledger/verify-ledgers.ts';
import { documentName } from '../shared/storage/document-name.ts';
import { printable } from '../shared/text/printable.ts';
import { atDesk, type Desk, type DeskOptions } from './desk.ts';
import { exitCodes } from './exit-code.ts';
import { Progress } from './progress.ts';
import { safeJson } from './safe-json.ts';
import { type Terminal, terminalOf, wrap } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** Options of `caretaker ledger show`, as commander gives them. */
export interface LedgerShowOptions extends DeskOptions {
  readonly last?: number;
}

/**
 * Proves what was written down of all that was changed: every entry as it was written, in its place, none missing.
 *
 * @param chain one ledger, such as `data-purge/sessions`; all unless given.
 * @returns the exit code: 1 also where there is nothing to prove.
 * @throws UsageError or ConfigError.
 */
export async function ledgerVerifyCommand(chain: string | undefined, options: DeskOptions): Promise<number> {
  requireChainName(chain);
  return atDesk(options, async ({ ledgers, place, sameOptions }) => {
    const progress = new Progress(process.stderr, 'ledger');
    let chains: VerifiedChain[];
    try {
      chains = await verifyLedgers(ledgers, {
        chain,
        now: new Date(),
        progress: (documents) => progress.count(documents),
      });
    } finally {
      progress.clear();
    }
    const isGood = chains.every(isProven) && chains.some(({ entries }) => entries > 0);
    process.stdout.write(
      options.json === true
        ? `${safeJson({ isProven: isGood, chains })}\n`
        : renderChains(chains, { place, sameOptions, isGood, chain }, terminalOf(process.stdout)),
    );
    return isGood ? exitCodes.good : exitCodes.incomplete;
  });
}

/**
 * Prints the entries of a ledger, oldest first, as far as they are proven.
 *
 * @returns the exit code: 1 where one is not as it was written, or there is none.
 * @throws UsageError or ConfigError.
 */
export async function ledgerShowCommand(chain: string, options: LedgerShowOptions): Promise<number> {
  requireChainName(chain);
  return atDesk(options, async ({ ledgers }: Desk) => {
    let isBroken = false;
    let shown = 0;
    const write = (entry: LedgerEntry) => {
      const before = options.json === true ? (shown === 0 ? '[\n' : ',\n') : '';
      process.stdout.write(before + (options.json === true ? safeJson(entry) : entryText(entry)));
      shown += 1;
    };
    try {
      const ledger = await Ledger.open(ledgers, chain, () => new Date());
      for (const entry of options.last === undefined ? [] : await lastEntries(ledger, options.last)) write(entry);
      if (options.last === undefined) for await (const entry of ledger.entries()) write(entry);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      process.stderr.write(`${printable(chain)}: ${printable(error.message)}\n`);
      isBroken = true;
    }
    if (options.json === true) process.stdout.write(shown === 0 ? '[]\n' : '\n]\n');
    if (shown === 0 && !isBroken) process.stderr.write(`${printable(chain)} has no entries.\n`);
    return isBroken || shown === 0 ? exitCodes.incomplete : exitCodes.good;
  });
}

async function lastEntries(ledger: Ledger, count: number): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for await (const entry of ledger.backwards()) {
    entries.unshift(entry);
    if (entries.length === count) break;
  }
  return entries;
}

function requireChainName(chain: string | undefined): void {
  try {
    if (chain !== undefined) documentName(chain);
  } catch {
    throw new UsageError(`${chain} is not the name of a ledger, such as data-purge/sessions`);
  }
}

function renderChains(
  chains: readonly VerifiedChain[],
  {
    place,
    sameOptions,
    isGood,
    chain,
  }: Pick<Desk, 'place' | 'sameOptions'> & { readonly isGood: boolean; readonly chain: string | undefined },
  { columns, style }: Terminal,
): string {
  const line = (text: string, indent = '    ') => wrap(printable(text), columns, `${indent}  `, indent);
  // One that is not there has nothing that would be proven.
  const lines = chains
    .filter(isThere)
    .flatMap((walked) => [
      `${style('bold', printable(walked.chain))}  ${isProven(walked) ? 'proven' : style(['bold', 'red'], 'NOT PROVEN')}`,
      ...(walked.entries === 0
        ? [line('no entries')]
        : [
            line(`${entriesText(walked.entries)} as written, from ${walked.firstAt} to ${walked.lastAt}`),
            line(`last hash ${walked.lastHash}`),
          ]),
      ...walked.faults.map(({ document, fault }) => line(`${fault} (${document})`)),
      ...walked.unsettled.map(({ sequence, at, action, target }) =>
        line(`Nothing tells what became of entry ${sequence}: ${action} of ${target} at ${at}.`),
      ),
      ...(walked.isUnderWay
        ? [line('Its last entry is an intention: a run is at work, or the next one tells its end.')]
        : []),
    ]);
  const entries = chains.reduce((total, chain) => total + chain.entries, 0);
  const ledgersText = chains.length === 1 ? '1 ledger' : `${chains.length} ledgers`;
  const verdict = isGood
    ? `Proven: ${entriesText(entries)} in ${ledgersText} on ${place}, each as it was written and behind the one before.`
    : unprovenText(chains, { place, sameOptions, chain });
  return `${[...lines, ...(lines.length > 0 ? [''] : []), wrap(style('bold', printable(verdict)), columns, '  ', '')].join('\n')}\n`;
}

function unprovenText(
  chains: readonly VerifiedChain[],
  { place, sameOptions, chain }: Pick<Desk, 'place' | 'sameOptions'> & { readonly chain: string | undefined },
): string {
  if (chains.some(({ faults }) => faults.length > 0)) {
    return `NOT PROVEN: a ledger on ${place} is not as it was written. What to do: docs/runbook.md#ledger-broken`;
  }
  if (chains.some(isThere)) return `NOT PROVEN: of entries on ${place}, nothing tells what became.`;
  if (chain === undefined) return `NOT PROVEN: there is no ledger on ${place}.`;
  return `NOT PROVEN: there is no ledger ${chain} on ${place}. Those that there are: caretaker ledger verify${sameOptions}`;
}

function isThere({ entries, faults }: VerifiedChain): boolean {
  return entries > 0 || faults.length > 0;
}

function entriesText(entries: number): string {
  return entries === 1 ? '1 entry' : `${entries.toLocaleString('en-US')} entries`;
}

/** An entry in a few lines: what tells it apart, then all that is known of it. */
function entryText(entry: LedgerEntry): string {
  const { sequence, at, actor, action, outcome, subject, target, before, after } = entry;
  const counts = before === null && after === null ? '' : `, ${before ?? '–'} before, ${after ?? '–'} after`;
  const facts = Object.entries(entry.facts).map(([key, value]) => `${key}=${value}`);
  const hashes = (['planHash', 'manifest', 'keysHash', 'settles', 'confirms', 'hash'] as const).flatMap((key) =>
    entry[key] === null ? [] : [`${key}=${entry[key]}`],
  );
  const { columns } = terminalOf(process.stdout);
  return [
    wrap(printable(`${sequence}  ${at}  ${actor}`), columns, '    ', ''),
    wrap(printable(`${outcome}: ${action} ${subject} in ${target}${counts}`), columns, '      ', '    '),
    wrap(printable([...facts, ...hashes].join(' ')), columns, '      ', '    '),
    '',
  ].join('\n');
}
