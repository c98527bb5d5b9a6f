import { constants, type X509Certificate } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { type StartTls, StartTlsRefusedError, startTls } from './start-tls.ts';

/** One handshake to make. */
export interface ProbeTarget {
  /** IP address. */
  readonly address: string;
  readonly port: number;
  /** Sent as SNI unless it is an address. */
  readonly serverName: string;
  readonly startTls: StartTls | undefined;
}

/** Why an endpoint could not be looked at. */
export type ProbeFailureReason =
  | 'dns-failed'
  | 'connect-refused'
  | 'connect-timeout'
  | 'tls-alert'
  | 'starttls-refused'
  /** This machine is out of sockets or file descriptors: it says nothing about the endpoint. */
  | 'local-failure';

export type ProbeResult =
  | {
      readonly ok: true;
      /** In the order in which the server sent them, the leaf first. */
      readonly chain: readonly X509Certificate[];
      /** OpenSSL's verdict on the chain, such as `CERT_HAS_EXPIRED`; undefined when it verifies. */
      readonly verdict: string | undefined;
    }
  | {
      readonly ok: false;
      readonly reason: ProbeFailureReason;
      readonly detail: string;
      /** Whether trying again could give another result. */
      readonly mayPass: boolean;
      /**
       * What the server had shown by then: one that asks for a certificate of the client's ends the handshake when it gets
       * none, after it has shown its own.
       */
      readonly chain?: readonly X509Certificate[];
    };

const localFailures: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRNOTAVAIL']);

/** Deadlines of one handshake, in milliseconds. */
export interface ProbeDeadlines {
  readonly connectMs: number;
  /** From the TCP connection to the end of the TLS handshake, STARTTLS included. */
  readonly handshakeMs: number;
}

/**
 * Returns a context for reading certificates, whatever they are: old protocols and weak keys are let through, because a
 * certificate that cannot be read cannot be judged. Nothing secret is ever sent over these connections. Expensive (it
 * loads every root), so make it once.
 *
 * @param trustedCertificates PEM of roots to trust beside the public ones.
 */
export function readingContext(trustedCertificates: readonly string[]): SecureContext {
  return createSecureContext({
    ca: [...getCACertificates('default'), ...trustedCertificates],
    ciphers: 'DEFAULT@SECLEVEL=0',
    minVersion: 'TLSv1',
    secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT,
  });
}

/**
 * Makes one TLS handshake and returns what the server showed. Never rejects; destroys its socket in every case.
 *
 * @param track is given the socket, so that the caller can destroy it when the whole scan is out of time.
 */
export function probe(
  target: ProbeTarget,
  context: SecureContext,
  deadlines: ProbeDeadlines,
  track?: (socket: Socket) => void,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const tcp = connectTcp({ host: target.address, port: target.port, noDelay: true });
    track?.(tcp);
    let secure: TLSSocket | undefined;
    let phase: 'connect' | 'starttls' | 'handshake' = 'connect';

    const settle = (result: ProbeResult) => {
      clearTimeout(timer);
      secure?.destroy();
      tcp.destroy();
      resolve(result);
    };
    const fail = (reason: ProbeFailureReason, detail: string, mayPass: boolean) =>
      settle({ ok: false, reason, detail, mayPass });
    // A socket may report more than one error, also after all is settled: every one needs a listener.
    const onError = (error: NodeJS.ErrnoException) => {
      const said = error.code ?? error.message;
      if (phase === 'connect') {
        if (error.code === 'ETIMEDOUT') fail('connect-timeout', 'the TCP connection timed out (ETIMEDOUT)', true);
        else if (localFailures.has(error.code)) fail('local-failure', `this machine could not connect (${said})`, true);
        else fail('connect-refused', `the TCP connection was refused (${said})`, true);
      } else if (phase === 'starttls') {
        fail('starttls-refused', `the connection broke before TLS (${said})`, true);
      } else {
        // A server that resets may be overloaded; one that sends an alert has made up its mind.
        const chain = secure === undefined ? [] : shownBy(secure);
        const mayPass = error.code === 'ECONNRESET' && chain.length === 0;
        settle({ ok: false, reason: 'tls-alert', detail: `the TLS handshake failed (${said})`, mayPass, chain });
      }
    };
    const onClose = () => {
      if (phase === 'connect') fail('connect-refused', 'the connection was closed at once', true);
      else if (phase === 'starttls') fail('starttls-refused', 'the server hung up before TLS', true);
      else fail('tls-alert', 'the server hung up during the TLS handshake', true);
    };
    let timer = setTimeout(
      () => fail('connect-timeout', `no TCP connection within ${deadlines.connectMs} ms`, true),
      deadlines.connectMs,
    );

    const handshake = () => {
      phase = 'handshake';
      const tls = connectTls({
        socket: tcp,
        secureContext: context,
        rejectUnauthorized: false,
        // The name is compared separately, so that the chain's own verdict stays apart from it.
        checkServerIdentity: () => undefined,
        ...(isIP(target.serverName) === 0 ? { servername: target.serverName } : {}),
      });
      secure = tls;
      tls.once('secureConnect', () => {
        // Thrown in a listener, an error would end the process and every other handshake with it.
        try {
          const chain = shownBy(tls);
          const verdict = tls.authorizationError as unknown as string | Error | null;
          if (chain.length === 0) fail('tls-alert', 'the server showed no certificate', false);
          else settle({ ok: true, chain, verdict: verdict === null ? undefined : codeOf(verdict) });
        } catch (error) {
          fail('tls-alert', `what the server showed cannot be read (${(error as Error).message})`, false);
        }
      });
      tls.on('error', onError);
      tls.once('close', onClose);
    };

    tcp.on('error', onError);
    tcp.once('close', onClose);
    tcp.once('connect', () => {
      // On one machine the system may choose as source the very port that is called: where nobody listens, the connection then
      // meets itself (RFC 9293, 3.5, simultaneous open).
      if (tcp.localPort === tcp.remotePort && tcp.localAddress === tcp.remoteAddress) {
        fail('connect-refused', 'nobody listens there: the connection met itself', true);
        return;
      }
      clearTimeout(timer);
      timer = setTimeout(() => {
        const what = phase === 'starttls' ? 'STARTTLS' : 'the TLS handshake';
        fail('connect-timeout', `TCP connected, but ${what} did not finish within ${deadlines.handshakeMs} ms`, true);
      }, deadlines.handshakeMs);
      if (target.startTls === undefined) {
        handshake();
        return;
      }
      phase = 'starttls';
      startTls(tcp, target.startTls).then(handshake, (error: Error) =>
        fail('starttls-refused', error.message, !(error instanceof StartTlsRefusedError)),
      );
    });
  });
}

/**
 * Returns what the server has shown, the leaf first; nothing when it has not come to that. To be asked once for a connection:
 * node takes the leaf off the chain that OpenSSL holds.
 */
function shownBy(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined) {
    chain.push(certificate);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

function codeOf(verdict: string | Error): string {
  if (typeof verdict === 'string') return verdict;
  return 'code' in verdict && typeof verdict.code === 'string' ? verdict.code : verdict.message;
}
