import type { Sample } from '../samples.ts';
import type { Fault } from './judge-pair.ts';

/** What is found at fault in one way. */
export interface FaultTally {
  /** Rows, or objects, that are at fault: they were read once more, and the object was asked for. */
  confirmed: number;
  /** What the first look shows and nobody asked about, because there were too many. */
  unconfirmed: number;
  /** What the first look shows, and no answer was given to whether it is so. */
  refused: number;
  /** At fault at first, and no more when asked about: written or deleted meanwhile. */
  changed: number;
  /** Bytes of the confirmed objects. */
  bytes: number;
  /** Keys asked about. */
  asked: number;
  /** No more are asked about: nothing is answered. */
  isClosed: boolean;
  readonly samples: Sample[];
}

/** What a comparison has come to so far. */
export interface Tally {
  rows: number;
  rowsInFlight: number;
  rowsWithoutKey: number;
  rowsWithoutSize: number;
  sizesCompared: number;
  objects: number;
  objectsInFlight: number;
  /** Objects that stand for folders, and belong to nothing. */
  folders: number;
  /**
   * Keys of rows that the rule is about; and of these, those that are not behind the last whose checksum was asked
   * for.
   */
  keys: number;
  keysBeforeCursor: number;
  readonly checksums: ChecksumTally;
  readonly faults: Readonly<Record<Fault, FaultTally>>;
  /** Everything was compared that was to be. */
  isComplete: boolean;
}

/** What asking for checksums has come to so far. */
export interface ChecksumTally {
  /** Keys of rows whose object was asked for. */
  asked: number;
  /** Rows whose checksum was compared with the object's. */
  compared: number;
  /** Objects whose checksum is what their writer said, not what S3 has computed. */
  fromMetadata: number;
  /** Objects without one. */
  without: number;
  /** Objects that could not be asked for. */
  refused: number;
  /** Rows whose recorded checksum is no SHA-256 in hexadecimal. */
  unreadable: number;
}

/** Returns the tally of nothing. */
export function emptyTally(): Tally {
  const none = (): FaultTally => ({
    confirmed: 0,
    unconfirmed: 0,
    refused: 0,
    changed: 0,
    bytes: 0,
    asked: 0,
    isClosed: false,
    samples: [],
  });
  return {
    rows: 0,
    rowsInFlight: 0,
    rowsWithoutKey: 0,
    rowsWithoutSize: 0,
    sizesCompared: 0,
    objects: 0,
    objectsInFlight: 0,
    folders: 0,
    keys: 0,
    keysBeforeCursor: 0,
    checksums: { asked: 0, compared: 0, fromMetadata: 0, without: 0, refused: 0, unreadable: 0 },
    faults: { missing: none(), size: none(), checksum: none(), orphan: none() },
    isComplete: false,
  };
}
