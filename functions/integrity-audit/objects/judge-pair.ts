import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import { countRows, isYoung, type RecordedKey, type RowTally } from './recorded-key.ts';

/** How rows and objects can be at odds. */
export type Fault = 'missing' | 'size' | 'checksum' | 'orphan';

/** What a key shows, on either side. */
export interface Judgement {
  /** Rows that the rule is about. */
  readonly rows: number;
  /** Of those: too young to be missed, or their object too young to be compared. */
  readonly rowsInFlight: number;
  /** Of those: with a size that was compared. */
  readonly sizesCompared: number;
  /** Of those: with an object, and without a recorded size to compare its with. */
  readonly withoutSize: number;
  readonly isObjectInFlight: boolean;
  /** Made to look like a folder: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-folders.html */
  readonly isFolder: boolean;
  readonly fault: Exclude<Fault, 'checksum'> | undefined;
  /** Rows at fault, or one object. */
  readonly count: number;
}

/** What of a rule decides how a pair is judged. */
export interface PairRules {
  readonly graceMinutes: number;
  /** Sizes are recorded. */
  readonly comparesSizes: boolean;
}

type Sides = {
  readonly rows: Pick<RecordedKey, 'tallies'> | undefined;
  readonly object: Pick<ListedObject, 'key' | 'sizeBytes' | 'modifiedAtMs'> | undefined;
};

/**
 * Returns what rows and object of one key show. Policy: a row has an object of the size that it records, and an object
 * has a row; what is younger than the grace is on its way, and is neither missed nor compared.
 */
export function judgePair({ rows, object }: Sides, rules: PairRules, now: Date): Judgement {
  const isObjectInFlight = object !== undefined && isYoung(object.modifiedAtMs, rules.graceMinutes, now);
  const tallies = rows?.tallies ?? [];
  const tested = countRows(tallies, ({ isTested }) => isTested);
  const none: Judgement = {
    rows: tested,
    rowsInFlight: 0,
    sizesCompared: 0,
    withoutSize: 0,
    isObjectInFlight,
    isFolder: false,
    fault: undefined,
    count: 0,
  };
  if (rows === undefined) {
    const isFolder = object !== undefined && object.sizeBytes === 0 && object.key.endsWith('/');
    if (object === undefined || isObjectInFlight) return none;
    return isFolder ? { ...none, isFolder } : { ...none, fault: 'orphan', count: 1 };
  }
  if (isObjectInFlight) return { ...none, rowsInFlight: tested };
  const judged = { ...none, rowsInFlight: countRows(tallies, (row) => row.isTested && row.isYoung) };
  if (object === undefined) return withFault(judged, 'missing', countRows(tallies, isMissed));
  if (!rules.comparesSizes) return judged;
  const compared = {
    ...judged,
    sizesCompared: countRows(tallies, (row) => isMissed(row) && row.sizeBytes !== undefined),
    withoutSize: countRows(tallies, (row) => isMissed(row) && row.sizeBytes === undefined),
  };
  return withFault(
    compared,
    'size',
    countRows(tallies, (row) => isMissed(row) && hasOtherSize(row, object)),
  );
}

/** Returns whether the rule is about a row, and the row old enough for its object to be there. */
export function isMissed({ isTested, isYoung }: Pick<RowTally, 'isTested' | 'isYoung'>): boolean {
  return isTested && !isYoung;
}

/** Returns whether a row records a size, and another one than the object has. */
export function hasOtherSize({ sizeBytes }: Pick<RowTally, 'sizeBytes'>, object: Pick<ListedObject, 'sizeBytes'>) {
  return sizeBytes !== undefined && sizeBytes !== object.sizeBytes;
}

function withFault(judgement: Judgement, fault: 'missing' | 'size', count: number): Judgement {
  return count === 0 ? judgement : { ...judgement, fault, count };
}
