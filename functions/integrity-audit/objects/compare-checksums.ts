import { checksumOf, readSha256 } from './checksums.ts';
import { type Confirmer, isAtFault } from './confirm.ts';
import { hasOtherSize, isMissed } from './judge-pair.ts';
import { type RowSource, readPage } from './list-rows.ts';
import type { Answer, ObjectAsker } from './object-asker.ts';
import { countRows, isYoung, type RecordedKey, type RowTally } from './recorded-key.ts';
import type { ChecksumTally } from './tally.ts';

/** Rows read at a time. */
const pageRows = 10_000;

/** Keys asked for before what was found is asked about again. */
const askedAtOnce = 500;

/** How checksums are compared. */
export interface ChecksumComparison {
  readonly source: RowSource;
  readonly asker: ObjectAsker;
  readonly confirmer: Confirmer;
  readonly tally: ChecksumTally;
  /** Objects to ask for. */
  readonly maximum: number;
  /** The last key that an earlier run has asked for. */
  readonly cursor: string | undefined;
  /** Is told the last key that was asked for, from time to time. */
  readonly remember: (cursor: string) => Promise<void>;
}

/**
 * Compares recorded checksums with those of the objects, which no listing has: one request each. Begins behind the
 * last key that was asked for, and goes round, so that each key has its turn before any has a second one.
 */
export async function compareChecksums(comparison: ChecksumComparison): Promise<void> {
  const { source, tally, confirmer, maximum, cursor, remember } = comparison;
  let after = cursor;
  // In the second part of the round, up to where it began.
  let upTo: string | undefined;
  let left = maximum;
  while (left > 0) {
    const range = { after, upTo, limit: Math.min(left, pageRows), withChecksum: true };
    const { keys, isLast } = await readPage(source, range);
    const wanted = keys.flatMap((recorded) => comparable(recorded, tally));
    for (let start = 0; start < wanted.length; start += askedAtOnce) {
      const part = wanted.slice(start, start + askedAtOnce);
      const isAnswered = await compareKeys(part, comparison);
      // Their turn is not over, and who refuses so many answers is not asked for more.
      if (!isAnswered) return confirmer.flush();
      // Before they are remembered: what a run whose time ends has not asked about again would have to wait for the next round.
      await confirmer.flush();
      // Not only behind the page: a run that never has the time for a whole one would ask for the same ones for ever.
      await remember(part.at(-1)?.key as string);
    }
    left -= wanted.length;
    const last = keys.at(-1)?.key;
    if (last !== undefined && last !== wanted.at(-1)?.key) await remember(last);
    if (!isLast) after = last;
    else if (upTo !== undefined || cursor === undefined) break;
    else {
      after = undefined;
      upTo = cursor;
    }
  }
  await confirmer.flush();
}

/** Returns the key with the rows whose objects must be there by now, and whose checksum is one. */
function comparable({ key, tallies }: RecordedKey, tally: ChecksumTally): RecordedKey[] {
  const missed = tallies.filter(isMissed);
  const readable = missed.filter(({ sha256 = '' }) => readSha256(sha256) !== undefined);
  tally.unreadable += countRows(missed, () => true) - countRows(readable, () => true);
  return readable.length === 0 ? [] : [{ key, tallies: readable }];
}

/** Asks for the objects of these keys. @returns whether any answer was given. */
async function compareKeys(
  keys: readonly RecordedKey[],
  { source, asker, tally, confirmer }: ChecksumComparison,
): Promise<boolean> {
  const answers = await asker.ask(
    keys.map(({ key }) => key),
    { checksum: true },
  );
  tally.asked += keys.length;
  for (const [index, { key, tallies }] of keys.entries()) {
    const answer = answers[index] as Answer;
    if (answer === 'refused') tally.refused += 1;
    // That an object is missing or of another size is told of as that.
    if (typeof answer === 'string' || isYoung(answer.modifiedAtMs, source.graceMinutes, source.now)) continue;
    const held = checksumOf(answer);
    if (held === undefined) {
      tally.without += 1;
      continue;
    }
    if (held.origin === 'metadata') tally.fromMetadata += 1;
    tally.compared += countRows(tallies, (row) => !hasOtherSize(row, answer));
    const differing = countRows(tallies, (row: RowTally) => isAtFault('checksum', row, answer));
    if (differing > 0) confirmer.add('checksum', { key, count: differing });
  }
  return answers.some((answer) => answer !== 'refused');
}
