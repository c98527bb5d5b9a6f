import type { UncheckedReason } from '../aws/unchecked-reason.ts';

/** Reasons by SQLSTATE, or by its class of two characters: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const reasonBySqlState: Readonly<Record<string, string>> = {
  '42501': 'access-denied',
  '42P01': 'missing-table',
  '3F000': 'missing-table',
  '42703': 'missing-column',
  '42883': 'missing-function',
  '42': 'bad-sql',
  '22': 'bad-sql',
  '21': 'bad-sql',
  '25006': 'write-refused',
  '25': 'write-refused',
  '57014': 'timeout',
  '55P03': 'lock-timeout',
  '40001': 'recovery-conflict',
  '40P01': 'recovery-conflict',
  '28': 'bad-credentials',
  '3D000': 'missing-database',
  '53': 'database-busy',
  '08': 'unreachable',
  '57P': 'unreachable',
  XX001: 'data-corrupted',
  XX002: 'data-corrupted',
};

/** SQLSTATEs whose messages speak of the statement and the schema; others may hold what is in a row. */
const tellsNoData = /^(42|28|3D|3F|53|55|57|40|25|0A|08|XX)/;

/**
 * Returns why a read of PostgreSQL failed, when that means that something could not be looked at; `undefined` for what is no error of
 * a server or of the way to it. What the server says of values in rows is left out: it may be personal.
 */
export function postgresUncheckedReason(error: unknown): UncheckedReason | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // Of a server's errors alone: those of sockets have a code too.
  if (/^[0-9A-Z]{5}$/.test(code) && 'severity' in error) {
    const reason = reasonBySqlState[code] ?? reasonBySqlState[code.slice(0, 3)] ?? reasonBySqlState[code.slice(0, 2)];
    const said = tellsNoData.test(code) ? error.message : 'the message is withheld, as it may hold data';
    return { reason: reason ?? 'database-error', detail: `SQLSTATE ${code}: ${said}` };
  }
  const isConnection =
    /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EPIPE|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/.test(code) ||
    /^(CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code) ||
    /Connection terminated|timeout expired|SSL connections|timeout exceeded when trying to connect/.test(error.message);
  if (isConnection) return { reason: 'unreachable', detail: error.message };
  return undefined;
}
