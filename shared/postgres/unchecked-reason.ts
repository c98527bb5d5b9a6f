import type { UncheckedReason } from '../aws/unchecked-reason.ts';

/**
 * Reasons by SQLSTATE, or by its first three or two characters:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const reasonBySqlState: Readonly<Record<string, string>> = {
  '08': 'unreachable',
  '0A': 'not-supported',
  '21': 'bad-sql',
  '22': 'bad-sql',
  '25001': 'write-refused',
  '25006': 'write-refused',
  '25P03': 'timeout',
  '25P04': 'timeout',
  '28': 'bad-credentials',
  '3D000': 'missing-database',
  '3F000': 'missing-table',
  '40': 'recovery-conflict',
  '42': 'bad-sql',
  '42501': 'access-denied',
  '42703': 'missing-column',
  '42883': 'missing-function',
  '42P01': 'missing-table',
  '53': 'database-busy',
  '54': 'bad-sql',
  '55000': 'not-supported',
  '55P03': 'lock-timeout',
  '57014': 'timeout',
  '57P': 'unreachable',
  '58030': 'data-corrupted',
  '58P01': 'data-corrupted',
  XX001: 'data-corrupted',
  XX002: 'data-corrupted',
};

/** SQLSTATEs whose messages speak of the statement, the schema and the server; others may hold what is in a row. */
const tellsNoData = /^(08|0A|25|28|3D|3F|40|42|53|54|55|57|58|XX)/;

/**
 * What is said in place of messages that hold values. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const conditionBySqlState: Readonly<Record<string, string>> = {
  '21000': 'a subquery returns more than one row',
  '22001': 'a text is too long for its type',
  '22003': 'a number is out of range',
  '22007': 'a text is no date or time',
  '22008': 'a date or time is out of range',
  '22012': 'division by zero',
  '2201B': 'a regular expression is not valid',
  '22P02': 'a text is no value of the type that it is made into',
  '22P05': 'a character cannot be translated',
  P0001: 'a function has raised an error of its own',
};

/** What sockets and TLS call their errors. */
const networkCode = new RegExp(
  '^(ECONNREFUSED|ECONNRESET|ECONNABORTED|ENOTFOUND|EAI_AGAIN|EPIPE|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|EADDRNOTAVAIL|' +
    'ETIMEDOUT|EPROTO)$',
);
const tlsCode =
  /^(CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)/;
const connectionMessage =
  /^(Connection terminated|timeout expired|The server does not support SSL|There was an error establishing an SSL)/;

/**
 * Returns why a read of PostgreSQL failed, when that means that something could not be looked at; `undefined` for what
 * is no error of a server or of the way to it. What the server says of values in rows is left out: it may be personal.
 */
export function postgresUncheckedReason(error: unknown): UncheckedReason | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // Of a server's errors alone: those of sockets have a code too.
  if (/^[0-9A-Z]{5}$/.test(code) && 'severity' in error) return fromServer(code, error.message);
  if (tlsCode.test(code)) return { reason: 'unreachable', detail: `The server is not trusted: ${error.message}.` };
  // A socket in the file system that is not there.
  const isNoSocket = code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect';
  if (isNoSocket || networkCode.test(code)) return { reason: 'unreachable', detail: socketMessage(error) };
  if (connectionMessage.test(error.message)) return { reason: 'unreachable', detail: `${error.message}.` };
  // What `pg` says of passwords, its own and the server's.
  if (/^SASL: .*client password must be/.test(error.message)) {
    const detail = 'The server asks for a password, and none is given (in the connection, PGPASSWORD or ~/.pgpass).';
    return { reason: 'bad-credentials', detail };
  }
  if (/^SASL: /.test(error.message)) return { reason: 'bad-credentials', detail: error.message };
  return undefined;
}

function fromServer(code: string, message: string): UncheckedReason {
  // A statement that somebody ends has taken as little time as it wanted.
  const isCanceled = code === '57014' && /user request/.test(message);
  // That there is no such operator is said of values that cannot be compared: nothing is missing that could be granted.
  const isIncomparable = code === '42883' && /^(operator|could not identify) /.test(message);
  const byCode =
    reasonBySqlState[code] ??
    reasonBySqlState[code.slice(0, 3)] ??
    reasonBySqlState[code.slice(0, 2)] ??
    'database-error';
  const reason = isCanceled ? 'canceled' : isIncomparable ? 'bad-sql' : byCode;
  const withheld = conditionBySqlState[code] ?? 'the message is withheld, as it may hold data';
  return { reason, detail: `SQLSTATE ${code}: ${tellsNoData.test(code) ? message : withheld}` };
}

/** A host with several addresses has an error for each, and none of its own. */
function socketMessage(error: Error): string {
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message;
  return error.errors.map(String).join('; ');
}
