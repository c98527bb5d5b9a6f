import type { Socket } from 'node:net';

/** How a server says, in plain text, that TLS may begin. */
export type StartTls = 'postgres' | 'smtp';

/** The server answered, and would not go over to TLS. */
export class StartTlsRefusedError extends Error {
  override readonly name = 'StartTlsRefusedError';
}

/** A server that sends more than this before TLS is not speaking the protocol. */
const maxPlainBytes = 16_384;

/**
 * Resolves when the server is ready for a TLS ClientHello on `socket`.
 *
 * @throws StartTlsRefusedError when it declines or speaks another protocol; Error when it hangs up or puts the client off,
 *   which may pass. Deadlines are the caller's, who destroys the socket.
 */
export async function startTls(socket: Socket, protocol: StartTls): Promise<void> {
  if (protocol === 'postgres') await startPostgres(socket);
  else await startSmtp(socket);
}

/** SSLRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST */
async function startPostgres(socket: Socket): Promise<void> {
  const sslRequest = Buffer.alloc(8);
  sslRequest.writeInt32BE(8, 0);
  sslRequest.writeInt32BE(80_877_103, 4);
  socket.write(sslRequest);
  const answer = await readUntil(socket, (received) => received.length >= 1);
  // More than one byte would be data injected before encryption (CVE-2021-23222).
  if (answer.length === 1 && answer[0] === 0x53) return;
  throw new StartTlsRefusedError(
    answer[0] === 0x4e ? 'the PostgreSQL server has TLS switched off' : 'the server does not speak PostgreSQL',
  );
}

/** RFC 3207. */
async function startSmtp(socket: Socket): Promise<void> {
  await expectReply(socket, '220', 'greeting');
  socket.write('EHLO caretaker.invalid\r\n');
  await expectReply(socket, '250', 'EHLO');
  socket.write('STARTTLS\r\n');
  await expectReply(socket, '220', 'STARTTLS');
}

async function expectReply(socket: Socket, code: string, what: string): Promise<void> {
  const lines = (await readUntil(socket, isWholeSmtpReply)).toString('latin1').trimEnd().split(/\r?\n/);
  const last = lines.pop() ?? '';
  // One reply and no more: what follows it in plain text would be taken for encrypted (CVE-2011-0411).
  const isOneReply = lines.every((line) => line.startsWith(`${code}-`)) && /^\d{3}( |$)/.test(last);
  if (isOneReply && last.startsWith(code)) return;
  const said = `the server answered the ${what} with ${JSON.stringify([...lines, last].join(' ').slice(0, 80))}`;
  // 4yz is a transient refusal (RFC 5321, 4.2.1).
  throw /^4/.test(last) ? new Error(said) : new StartTlsRefusedError(said);
}

/** A reply's last line has a space after its code, or nothing; the lines before it a hyphen (RFC 5321, 4.2.1). */
function isWholeSmtpReply(received: Buffer): boolean {
  const text = received.toString('latin1');
  if (!text.endsWith('\n')) return false;
  const lastLine = text.trimEnd().split('\n').at(-1) ?? '';
  return !/^\d{3}-/.test(lastLine);
}

function readUntil(socket: Socket, isEnough: (received: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const finish = (settle: () => void) => {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      settle();
    };
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (isEnough(received)) {
        // TLS takes the socket over next: nothing may flow past it meanwhile.
        socket.pause();
        finish(() => resolve(received));
      } else if (received.length > maxPlainBytes) {
        finish(() => reject(new StartTlsRefusedError('the server sent too much before TLS')));
      }
    };
    const onEnd = () => finish(() => reject(new Error('the server hung up before TLS')));
    socket.on('data', onData).on('end', onEnd).on('close', onEnd);
    socket.resume();
  });
}
