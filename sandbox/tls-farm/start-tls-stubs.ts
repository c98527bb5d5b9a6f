import type { Socket } from 'node:net';

/** Called when the client may begin TLS on `socket`. */
export type Upgrade = (socket: Socket) => void;

/**
 * Speaks PostgreSQL up to TLS: answers the SSLRequest with `S` and hands over to `upgrade`, or with `N` when there is
 * none.
 * https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-SSL
 */
export function speakPostgres(socket: Socket, upgrade: Upgrade | undefined): void {
  const sslRequestCode = 80_877_103;
  let received = Buffer.alloc(0);
  const read = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 8) return;
    socket.off('data', read);
    if (received.length !== 8 || received.readInt32BE(4) !== sslRequestCode) socket.destroy();
    else if (upgrade === undefined) socket.write('N');
    else {
      socket.write('S');
      upgrade(socket);
    }
  };
  socket.on('data', read);
}

/**
 * Speaks SMTP up to TLS (RFC 3207): answers STARTTLS with 220 and hands over to `upgrade`, or with 454 when there is
 * none. The answer to EHLO has several lines and comes in two parts, as it may over a real network.
 */
export function speakSmtp(socket: Socket, serverName: string, upgrade: Upgrade | undefined): void {
  let unread = '';
  const command = (line: string) => {
    const verb = line.split(' ')[0]?.toUpperCase();
    if (verb === 'EHLO') {
      socket.write(`250-${serverName} greets you\r\n250-SIZE 10485760\r\n`);
      setImmediate(() => socket.write('250-8BITMIME\r\n250 STARTTLS\r\n'));
    } else if (verb === 'STARTTLS' && upgrade !== undefined) {
      socket.off('data', read);
      socket.write('220 2.0.0 Ready to start TLS\r\n');
      upgrade(socket);
    } else if (verb === 'STARTTLS') socket.write('454 4.7.0 TLS not available due to temporary reason\r\n');
    else if (verb === 'QUIT') socket.end('221 2.0.0 Bye\r\n');
    else socket.write('502 5.5.2 Command not recognized\r\n');
  };
  const read = (chunk: Buffer) => {
    unread += chunk.toString('latin1');
    for (let end = unread.indexOf('\r\n'); end !== -1; end = unread.indexOf('\r\n')) {
      const line = unread.slice(0, end);
      unread = unread.slice(end + 2);
      command(line);
    }
  };
  socket.on('data', read);
  socket.write(`220 ${serverName} ESMTP\r\n`);
}
