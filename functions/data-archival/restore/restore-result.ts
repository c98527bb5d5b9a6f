import type { LoadedTable } from './load-rows.ts';

/** A table of an archive, as it was proven. */
export interface VerifiedTable {
  readonly table: string;
  readonly rows: number;
  readonly hash: string;
}

/** What is known of the archive that was to be restored. */
export interface RestoredArchive {
  /** `s3://…/manifest.json`. */
  readonly manifest: string;
  readonly manifestHash: string;
  readonly policy: string;
  readonly sequence: number;
  readonly createdAt: string;
  readonly database: string;
  readonly state: 'unfinished' | 'completed';
  readonly isInLedger: boolean;
  /** Of the root's rows, which were in the table all the time. */
  readonly excludedRows: number;
  readonly tables: readonly VerifiedTable[];
}

/**
 * What came of a restore. `verified`: everything is as it was written, and nothing was loaded, as nothing was asked
 * for. `unknown`: the connection broke while the rows were made final; the next restore of the policy finds out.
 */
export interface RestoreResult {
  readonly outcome: 'verified' | 'restored' | 'refused' | 'failed' | 'unknown';
  /** Why it was refused or has failed, in kebab-case. */
  readonly code: string | null;
  readonly message: string;
  /** Null when it could not be found, was not to be looked at, or is not what it was. */
  readonly archive: RestoredArchive | null;
  /** Where the rows are now. */
  readonly loaded: readonly LoadedTable[];
  /** Number of the entry in the ledger of restores; null where nothing was done. */
  readonly ledgerEntry: number | null;
  /** What became of an earlier restore whose end nobody had seen. */
  readonly settled: { readonly at: string; readonly outcome: string } | null;
}
