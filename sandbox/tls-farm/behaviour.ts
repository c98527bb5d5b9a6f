import type { KeyKind, SignatureHash, TimeSpec } from './certificate-authority.ts';

/**
 * The farm's authorities. `root` alone is meant to be trusted; `root` and `untrusted-root` are self-signed, and the
 * farm's root with SHA-1, because trust in a root does not rest on its signature.
 */
export type AuthorityName =
  | 'root'
  | 'intermediate'
  | 'lower-intermediate'
  | 'rsa-intermediate'
  | 'expired-intermediate'
  | 'early-intermediate'
  | 'level-intermediate'
  | 'sha1-intermediate'
  | 'rsa1024-intermediate'
  | 'ec192-intermediate'
  | 'ec224-intermediate'
  | 'expired-cross-root'
  | 'untrusted-root'
  | 'untrusted-intermediate';

/** A server's certificate; each default is that of a healthy one. */
export interface LeafSpec {
  /** Days from the farm's `now`, 60 unless given; negative when it has ended. */
  readonly endsInDays?: number;
  /** 90 unless given. */
  readonly lifetimeDays?: number;
  /** Takes the place of the start that follows from the two above. */
  readonly notBefore?: TimeSpec;
  /** Takes the place of the end that follows from `endsInDays`. */
  readonly notAfter?: TimeSpec;
  /** Subject alternative names; the endpoint's server name unless given. */
  readonly names?: readonly string[];
  /** The endpoint's server name unless given; `null` leaves the subject without one. */
  readonly commonName?: string | null;
  readonly organization?: string;
  /** `ec-p256` unless given. */
  readonly key?: KeyKind;
  /** `intermediate` unless given; `self` signs it with its own key. */
  readonly issuer?: AuthorityName | 'self';
  /** `sha256` unless given. */
  readonly hash?: SignatureHash;
  readonly serialNumber?: bigint;
  /** `server` unless given. */
  readonly purpose?: 'server' | 'client';
}

/** Serves TLS and shows a chain. */
export interface ServesTls {
  readonly does: 'serve-tls';
  readonly leaf?: LeafSpec;
  /** What is sent after the leaf, in this order; the leaf's issuer alone unless given. */
  readonly sends?: readonly AuthorityName[];
  /** Shown instead to a client that asks for another name, or for none. */
  readonly leafForOtherNames?: LeafSpec;
  /** The plain-text protocol in which TLS is asked for. */
  readonly startTls?: 'postgres' | 'smtp';
  /** The only protocol version that is spoken; TLS 1.2 and 1.3 unless given. */
  readonly onlyVersion?: 'TLSv1';
}

/** Never gets as far as a certificate. */
export interface FailsBeforeTls {
  readonly does:
    | 'not-resolve'
    | 'refuse-connection'
    /** Accepts the connection and never says anything. */
    | 'stay-silent'
    /** Resets the connection when the ClientHello arrives. */
    | 'reset-connection'
    /** Answers the ClientHello with the fatal alert `unrecognized_name`. */
    | 'send-alert'
    | 'answer-plain-http';
}

/** Says no when TLS is asked for: PostgreSQL with `N`, SMTP with 454. */
export interface RefusesStartTls {
  readonly does: 'refuse-start-tls';
  readonly startTls: 'postgres' | 'smtp';
}

/** What the server behind an endpoint does. */
export type Behaviour = ServesTls | FailsBeforeTls | RefusesStartTls;
