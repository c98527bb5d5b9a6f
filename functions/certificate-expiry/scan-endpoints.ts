import type { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import pMap from 'p-map';
import type { CollectContext } from '../../shared/run-task.ts';
import type { ConfigOf } from '../../shared/task.ts';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';
import { collectGarbage } from './collect-garbage.ts';
import { endpointResource } from './endpoint-id.ts';
import type { ServedEndpoint } from './items.ts';
import type { EndpointConfig, task } from './task.ts';
import { type ProbeResult, type ProbeTarget, probe, readingContext } from './tls-probe.ts';
import { TrustAnchors } from './trust-anchors.ts';

/** A resolver that is down must not hold up the scan for longer than a dead host does. */
const resolveTimeoutMs = 5_000;

/**
 * Returns what every reachable endpoint showed. The others are unchecked with the reason: unreachable after one retry, or
 * not reached before the scan's deadline. One handshake is made for each (address, port, server name, STARTTLS).
 */
export async function scanEndpoints(context: CollectContext<ConfigOf<typeof task>>): Promise<ServedEndpoint[]> {
  const { config, coverage, signal } = context;
  const endpoints = config.endpoints.filter((endpoint) => coverage.selects(endpointResource(endpoint)));
  for (const endpoint of endpoints) coverage.expect(endpointResource(endpoint));
  const scan = new Scan(context);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(Math.round(config.scanTimeoutSeconds * 1000))]);
  const startedAt = performance.now();
  const served = await scan.run(endpoints, deadline);
  const seconds = (performance.now() - startedAt) / 1000;
  context.measure('endpointScanSeconds', seconds);
  context.measure('handshakes', scan.handshakes);
  return served;
}

/** About 20 MB in OpenSSL's hands. */
const certificatesPerCollection = 500;

/** OpenSSL's verdicts that say in themselves that no trusted root was reached (openssl-verification-options(1)). */
const noTrustedRoot: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
]);

type Failure = Extract<ProbeResult, { ok: false }>;

/** What is kept of a handshake: facts, not OpenSSL's certificates, which would fill the memory of a large scan. */
type Shown = { readonly ok: true } & Pick<ServedEndpoint, 'chain' | 'verdict' | 'reachesTrustedRoot' | 'nameMatches'>;

type Attempt = Shown | Failure | { readonly ok: false; readonly reason: 'not-reached'; readonly detail: string };

class Scan {
  handshakes = 0;
  readonly #context: CollectContext<ConfigOf<typeof task>>;
  readonly #secureContext: SecureContext;
  readonly #served: ServedEndpoint[] = [];
  readonly #addresses = new Map<string, Promise<readonly string[]>>();
  readonly #probes = new Map<string, Promise<Shown | Failure>>();
  /** Intermediates are the same for most of an estate: their facts are kept once. */
  readonly #facts = new Map<string, CertificateFacts>();
  readonly #openSockets = new Set<Socket>();
  readonly #anchors: TrustAnchors;
  #certificatesSeen = 0;

  constructor(context: CollectContext<ConfigOf<typeof task>>) {
    this.#context = context;
    this.#secureContext = readingContext(context.config.trustedCertificates);
    this.#anchors = new TrustAnchors(context.config.trustedCertificates);
  }

  async run(endpoints: readonly EndpointConfig[], deadline: AbortSignal): Promise<ServedEndpoint[]> {
    const { config, coverage, progress } = this.#context;
    const total = endpoints.length;
    let done = 0;
    // Dead hosts wait for their second try until all others are done: what passes by then has passed, and nobody waits.
    const again: { endpoint: EndpointConfig; detail: string }[] = [];
    const settle = (endpoint: EndpointConfig, attempt: Attempt) => {
      if (!attempt.ok) coverage.unchecked(endpointResource(endpoint), attempt.reason, attempt.detail);
      progress(++done, total);
    };
    const stop = () => {
      for (const socket of this.#openSockets) socket.destroy();
    };
    deadline.addEventListener('abort', stop, { once: true });
    try {
      const limits = { concurrency: config.concurrency };
      await pMap(
        endpoints,
        async (endpoint) => {
          const attempt = await this.#attempt(endpoint, 0, deadline);
          if (!attempt.ok && attempt.reason !== 'not-reached' && attempt.mayPass) {
            again.push({ endpoint, detail: attempt.detail });
          } else settle(endpoint, attempt);
        },
        limits,
      );
      await pMap(
        again,
        async ({ endpoint, detail }) => {
          const attempt = await this.#attempt(endpoint, 1, deadline);
          if (!attempt.ok && attempt.reason === 'not-reached') {
            settle(endpoint, { ...attempt, detail: `${attempt.detail} The first try failed: ${detail}.` });
          } else settle(endpoint, attempt);
        },
        limits,
      );
    } finally {
      deadline.removeEventListener('abort', stop);
    }
    return this.#served;
  }

  /** @param round 0, or 1 for the retry, which goes to the host's next address if it has several. */
  async #attempt(endpoint: EndpointConfig, round: 0 | 1, deadline: AbortSignal): Promise<Attempt> {
    const { config } = this.#context;
    const notReached: Attempt = {
      ok: false,
      reason: 'not-reached',
      detail: `The scan ended after ${config.scanTimeoutSeconds} s, before this endpoint could be looked at.`,
    };
    if (deadline.aborted) return notReached;
    let addresses: readonly string[];
    try {
      addresses = await this.#resolve(endpoint.host, round);
    } catch (error) {
      return { ok: false, reason: 'dns-failed', detail: (error as Error).message, mayPass: true };
    }
    if (deadline.aborted) return notReached;
    const target: ProbeTarget = {
      address: addresses[round % addresses.length] as string,
      port: endpoint.port,
      serverName: endpoint.serverName ?? endpoint.host,
      startTls: endpoint.startTls,
    };
    const result = await this.#probeOnce(target, round);
    if (!result.ok) return deadline.aborted ? notReached : result;
    const { ok: _, ...shown } = result;
    const resource = endpointResource(endpoint);
    const { certificateArn } = endpoint;
    this.#context.coverage.checked(resource);
    this.#served.push({ kind: 'endpoint', resource, serverName: target.serverName, certificateArn, ...shown });
    return result;
  }

  #resolve(host: string, round: 0 | 1): Promise<readonly string[]> {
    if (isIP(host) !== 0) return Promise.resolve([host]);
    const key = `${round === 0 ? '' : 'again:'}${host}`;
    const known = this.#addresses.get(key);
    // A name that did resolve is not asked for again.
    if (known === undefined) {
      const first = this.#addresses.get(host);
      const asked = first?.catch(() => lookUp(host)) ?? lookUp(host);
      this.#addresses.set(key, asked);
      return asked;
    }
    return known;
  }

  #probeOnce(target: ProbeTarget, round: 0 | 1): Promise<Shown | Failure> {
    const key = [round, target.address, target.port, target.serverName.toLowerCase(), target.startTls ?? ''].join('|');
    const known = this.#probes.get(key);
    if (known !== undefined) return known;
    this.handshakes += 1;
    const { config } = this.#context;
    const deadlines = {
      connectMs: config.connectTimeoutSeconds * 1000,
      handshakeMs: config.handshakeTimeoutSeconds * 1000,
    };
    const started = probe(target, this.#secureContext, deadlines, (socket) => {
      this.#openSockets.add(socket);
      socket.once('close', () => this.#openSockets.delete(socket));
    }).then((result) => (result.ok ? this.#keep(result.chain, result.verdict, target.serverName) : result));
    this.#probes.set(key, started);
    return started;
  }

  #keep(chain: readonly X509Certificate[], verdict: string | undefined, serverName: string): Shown {
    this.#certificatesSeen += chain.length;
    if (this.#certificatesSeen >= certificatesPerCollection) {
      this.#certificatesSeen = 0;
      collectGarbage();
    }
    const [leaf, ...rest] = chain as [X509Certificate, ...X509Certificate[]];
    return {
      ok: true,
      chain: [this.#factsOf(leaf), ...rest.map((certificate) => this.#factsOf(certificate))],
      verdict,
      reachesTrustedRoot: verdict === undefined || (!noTrustedRoot.has(verdict) && this.#anchors.reachedBy(chain)),
      nameMatches: coversName(leaf, serverName),
    };
  }

  #factsOf(certificate: X509Certificate): CertificateFacts {
    const key = certificate.fingerprint256;
    const known = this.#facts.get(key);
    if (known !== undefined) return known;
    const facts = certificateFacts(certificate);
    this.#facts.set(key, facts);
    return facts;
  }
}

async function lookUp(host: string): Promise<readonly string[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from DNS within ${resolveTimeoutMs} ms`)), resolveTimeoutMs);
  });
  try {
    const found = await Promise.race([lookup(host, { all: true }), late]);
    return found.map(({ address }) => address);
  } finally {
    clearTimeout(timer);
  }
}

/** RFC 6125: only the subject alternative names count, as in browsers; the common name does not. */
function coversName(leaf: X509Certificate, name: string): boolean {
  try {
    if (isIP(name) !== 0) return leaf.checkIP(name) !== undefined;
    return leaf.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined;
  } catch {
    return false;
  }
}
