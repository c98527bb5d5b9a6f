import { DatabaseError } from 'pg';

/** An error of PostgreSQL's by which something in a file cannot be as it should. */
export interface Corruption {
  readonly sqlState: string;
  /** Of files, pages and places, never of values. */
  readonly message: string;
}

const maxMessageCharacters = 300;

/**
 * Returns what an error says of files: `data_corrupted`, `index_corrupted`, and files that are missing or that the disk does not give.
 * Undefined for all other errors, which only mean that something was not looked at.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function corruptionIn(error: unknown): Corruption | undefined {
  if (!(error instanceof DatabaseError) || error.code === undefined) return undefined;
  const { code: sqlState, message } = error;
  const isCorruption = sqlState === 'XX001' || sqlState === 'XX002';
  // The same codes are those of libraries that cannot be loaded.
  const isLostFile = (sqlState === '58P01' || sqlState === '58030') && /"(base|global|pg_tblspc)\//.test(message);
  if (!isCorruption && !isLostFile) return undefined;
  return { sqlState, message: message.slice(0, maxMessageCharacters) };
}
