import { escapeLiteral } from 'pg';
import { join } from 'sql-template-tag';
import { UncheckedError } from '../unchecked-error.ts';
import { applicationName, type Session } from './session.ts';
import { qualified, type TableName } from './sql.ts';

/** What a server can be asked for, depending on its version and machine. */
export interface ServerFeatures {
  readonly connectionCheck: boolean;
  readonly transactionTimeout: boolean;
}

/**
 * Whether tables are read rather than indexes; with `but-lookups`, indexes say where a row is, and never what is in it; with `never`,
 * where an index leads to the rows it is read, and in its order, however few the server believes that there are.
 */
export type FromHeap = boolean | 'but-lookups' | 'never';

/** What may differ from statement to statement. */
export interface StatementSettings {
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly fromHeap: FromHeap;
}

/** SQLSTATEs of a setting that the version does not have, that the machine has no means for, or that is not to be set. */
const isNotThere = new Set(['42704', '22023', '42501']);

/** Returns what this server can be asked for. */
export async function serverFeatures(session: Session, deadlineMs: number): Promise<ServerFeatures> {
  const takes = async (setting: string, value: string): Promise<boolean> => {
    try {
      await session.run('select pg_catalog.set_config($1, $2, true)', [setting, value], deadlineMs);
      return true;
    } catch (error) {
      // Any other error says nothing of what the server can do: one that has no time would be asked for too little.
      if (isNotThere.has(String((error as { code?: unknown }).code))) return false;
      throw error;
    }
  };
  return {
    connectionCheck: await takes('client_connection_check_interval', '2000'),
    transactionTimeout: await takes('transaction_timeout', '0'),
  };
}

/**
 * Returns the statements that begin a transaction which cannot write unless it is to, and which reads the same whatever
 * the settings of server, database and role are. All of it ends with the transaction: behind a pooler that lends its
 * connections for a transaction at a time, a setting of the session would become that of somebody else's.
 *
 * The search path ends with pg_temp, which is otherwise searched first. It names `public`, as written SQL does and
 * extensions are there: whoever may create functions in `public` is trusted, as by every session with PostgreSQL's own
 * search path. Up to PostgreSQL 14 that is everybody unless revoked.
 * https://wiki.postgresql.org/wiki/A_Guide_to_CVE-2018-1058
 */
export function transactionScript({
  isolation,
  access = 'read only',
  snapshot,
  holds = [],
  timeZone,
  features,
  settings,
}: {
  readonly isolation: 'read committed' | 'repeatable read';
  /** Reads only, unless somebody has asked for a change. */
  readonly access?: 'read only' | 'read write';
  /** What pg_export_snapshot returned. */
  readonly snapshot?: string;
  /**
   * Tables that are kept from being altered, as by a statement that writes rows, before the transaction sees anything:
   * it sees them as they are from then on. https://www.postgresql.org/docs/current/sql-lock.html
   */
  readonly holds?: readonly TableName[];
  readonly timeZone: string;
  readonly features: ServerFeatures;
  readonly settings: StatementSettings;
}): string[] {
  return [
    `begin transaction isolation level ${isolation} ${access}`,
    ...(snapshot === undefined ? [] : [`set transaction snapshot '${snapshotId(snapshot)}'`]),
    `set local application_name = '${applicationName}'`,
    'set local idle_in_transaction_session_timeout = 0',
    ...(features.transactionTimeout ? ['set local transaction_timeout = 0'] : []),
    // So the server notices that it works for nobody, where it cannot be told.
    ...(features.connectionCheck ? ['set local client_connection_check_interval = 2000'] : []),
    'set local standard_conforming_strings = on',
    "set local search_path = 'pg_catalog', 'public', 'pg_temp'",
    // A policy that hides rows would hide violations: better an error.
    'set local row_security = off',
    "set local datestyle = 'ISO, MDY'",
    "set local intervalstyle = 'postgres'",
    "set local bytea_output = 'hex'",
    'set local extra_float_digits = 1',
    "set local lc_monetary = 'C'",
    'set local xmlbinary = base64',
    // What is no document is read back too.
    'set local xmloption = content',
    // Cursors are read to their end.
    'set local cursor_tuple_fraction = 1',
    `set local timezone = ${escapeLiteral(timeZone)}`,
    ...settingsScript(settings),
    ...(holds.length === 0
      ? []
      : [`lock table only ${join(holds.map(qualified), ', only ').text} in row exclusive mode`]),
    'select pg_catalog.pg_backend_pid() as pid',
  ];
}

/** Returns the statements that set what may differ from statement to statement. */
export function settingsScript({ statementTimeoutMs, lockTimeoutMs, fromHeap }: StatementSettings): string[] {
  return [
    `set local statement_timeout = ${statementTimeoutMs}`,
    `set local lock_timeout = ${lockTimeoutMs}`,
    ...heapScript(fromHeap),
  ];
}

/**
 * Returns the statements that have the server read tables. That a role has kept it from doing so is undone too: of two
 * ways that are both off, it takes the cheaper.
 */
export function heapScript(fromHeap: FromHeap): string[] {
  if (fromHeap === false) return [];
  if (fromHeap === 'never') return ['seqscan', 'bitmapscan'].map((way) => `set local enable_${way} = off`);
  const off = fromHeap === 'but-lookups' ? ['indexonlyscan'] : ['indexonlyscan', 'indexscan', 'bitmapscan'];
  return ['set local enable_seqscan = on', ...off.map((way) => `set local enable_${way} = off`)];
}

/** Returns the statements that undo those of {@link heapScript} within the transaction. */
export function anyWayScript(): string[] {
  return ['seqscan', 'indexonlyscan', 'indexscan', 'bitmapscan'].map((way) => `set local enable_${way} to default`);
}

function snapshotId(text: string): string {
  if (!/^[0-9A-F-]+$/i.test(text)) throw new UncheckedError('database-error', 'The server names a snapshot strangely.');
  return text;
}
