import type { X509Certificate } from 'node:crypto';
import { ADDRCONFIG, type LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import pLimit from 'p-limit';
import pMap from 'p-map';
import type { CollectContext } from '../../shared/run-task.ts';
import type { ConfigOf } from '../../shared/task.ts';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';
import { collectGarbage } from './collect-garbage.ts';
import { endpointResource } from './endpoint-id.ts';
import { type ChainEnd, notVerified, type ServedEndpoint } from './items.ts';
import type { EndpointConfig, task } from './task.ts';
import { type ProbeFailureReason, type ProbeTarget, probe, readingContext } from './tls-probe.ts';
import { isIssuedBy, TrustAnchors } from './trust-anchors.ts';

/** A resolver that is down must not hold up the scan for longer than a dead host does. */
const resolveTimeoutMs = 5_000;

/** Lookups under way: `getaddrinfo` blocks one of libuv's four threads, and one more would wait while its deadline runs. */
const lookupConcurrency = 4;

/**
 * Returns what every endpoint showed, at every address of its host. An endpoint of which an address could not be looked at is
 * unchecked with the reason: unreachable after one retry, or not reached before the scan's deadline. One handshake is made for
 * each (address, port, server name, STARTTLS).
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

/** About 5 MB in OpenSSL's hands. */
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

/** What is kept of a handshake: facts, not OpenSSL's certificates, which would fill the memory of a large scan. */
type Shown = Pick<ServedEndpoint, 'chain' | 'verdict' | 'chainEnd' | 'nameMatches'>;

interface Failure {
  readonly reason: ProbeFailureReason | 'not-reached';
  readonly detail: string;
  readonly mayPass: boolean;
}

/** What came of one address of an endpoint; a handshake that fails late has shown a certificate all the same. */
interface Visit {
  readonly shown?: Shown | undefined;
  readonly failure?: Failure | undefined;
}

/** What came of an endpoint so far, by address; the empty address stands for a host that could not be resolved. */
type Visits = Map<string, Visit>;

class Scan {
  handshakes = 0;
  readonly #context: CollectContext<ConfigOf<typeof task>>;
  readonly #secureContext: SecureContext;
  readonly #addresses = new Map<string, Promise<readonly string[]>>();
  readonly #handshakes = new Map<string, Promise<Visit>>();
  /** Intermediates are the same for most of an estate: their facts are kept once. */
  readonly #facts = new Map<string, CertificateFacts>();
  readonly #openSockets = new Set<Socket>();
  readonly #anchors: TrustAnchors;
  readonly #limitLookups = pLimit(lookupConcurrency);
  #certificatesSeen = 0;

  constructor(context: CollectContext<ConfigOf<typeof task>>) {
    this.#context = context;
    this.#anchors = new TrustAnchors(context.config.trustedCertificates);
    this.#secureContext = readingContext(context.config.trustedCertificates);
  }

  async run(endpoints: readonly EndpointConfig[], deadline: AbortSignal): Promise<ServedEndpoint[]> {
    const { config, progress } = this.#context;
    const all = endpoints.map((endpoint) => ({ endpoint, visits: new Map() as Visits }));
    let done = 0;
    const stop = () => {
      for (const socket of this.#openSockets) socket.destroy();
    };
    deadline.addEventListener('abort', stop, { once: true });
    try {
      const limits = { concurrency: config.concurrency };
      await pMap(
        all,
        async ({ endpoint, visits }) => {
          await this.#visitAll(endpoint, visits, 0, deadline);
          if (!mayPass(visits)) progress(++done, all.length);
        },
        limits,
      );
      // Dead hosts wait for their second try until all others are done: what passes by then has passed, and nobody waits.
      await pMap(
        all.filter(({ visits }) => mayPass(visits)),
        async ({ endpoint, visits }) => {
          await this.#visitAll(endpoint, visits, 1, deadline);
          progress(++done, all.length);
        },
        limits,
      );
    } finally {
      deadline.removeEventListener('abort', stop);
    }
    return all.flatMap(({ endpoint, visits }) => this.#settle(endpoint, visits));
  }

  /** Visits every address of the endpoint; in round 1, the retry, those that failed. */
  async #visitAll(endpoint: EndpointConfig, visits: Visits, round: 0 | 1, deadline: AbortSignal): Promise<void> {
    if (deadline.aborted) {
      markLate(visits);
      return;
    }
    let addresses: readonly string[];
    try {
      addresses = await this.#resolve(endpoint.host, round, deadline);
      visits.delete(unresolved);
    } catch (error) {
      visits.set(unresolved, { failure: { reason: 'dns-failed', detail: (error as Error).message, mayPass: true } });
      if (deadline.aborted) markLate(visits);
      return;
    }
    await Promise.all(
      addresses.map(async (address) => {
        const before = visits.get(address)?.failure;
        if (visits.has(address) && before?.mayPass !== true) return;
        const visit = deadline.aborted ? {} : await this.#handshake(endpoint, address, round);
        // What the deadline cut off says nothing about the endpoint.
        const isCutOff = deadline.aborted && visit.shown === undefined;
        visits.set(address, isCutOff ? { failure: late(before) } : visit);
      }),
    );
  }

  /** Settles an endpoint in the coverage ledger and returns the different things that its addresses showed. */
  #settle(endpoint: EndpointConfig, visits: Visits): ServedEndpoint[] {
    const { coverage } = this.#context;
    const resource = endpointResource(endpoint);
    const failures: { address: string; failure: Failure }[] = [];
    const served: ServedEndpoint[] = [];
    const hasSeveral = visits.size > 1;
    for (const [address, { shown, failure }] of visits) {
      if (failure !== undefined) failures.push({ address, failure });
      if (shown === undefined || served.some((other) => isSame(other, shown))) continue;
      const { certificateArn } = endpoint;
      const place = { serverName: nameOf(endpoint), certificateArn, address: hasSeveral ? address : undefined };
      served.push({ kind: 'endpoint', resource, ...place, ...shown });
    }
    const [first] = failures;
    if (first === undefined || (failures.length < visits.size && isThisMachine(visits))) coverage.checked(resource);
    else {
      const details = failures.map(({ address, failure }) =>
        hasSeveral ? `${address}: ${failure.detail}` : failure.detail,
      );
      coverage.unchecked(resource, first.failure.reason, details.join('; '));
    }
    return served;
  }

  #resolve(host: string, round: 0 | 1, deadline: AbortSignal): Promise<readonly string[]> {
    if (isIP(host) !== 0) return Promise.resolve([host]);
    const key = `${round} ${host}`;
    const known = this.#addresses.get(key);
    if (known !== undefined) return known;
    // A name that did resolve is not asked for again.
    const first = this.#addresses.get(`0 ${host}`);
    const asked = first?.catch(() => this.#lookUp(host, deadline)) ?? this.#lookUp(host, deadline);
    this.#addresses.set(key, asked);
    return asked;
  }

  #lookUp(host: string, deadline: AbortSignal): Promise<readonly string[]> {
    return this.#limitLookups(() => lookUp(host, deadline));
  }

  #handshake(endpoint: EndpointConfig, address: string, round: 0 | 1): Promise<Visit> {
    const target: ProbeTarget = {
      address,
      port: endpoint.port,
      serverName: nameOf(endpoint),
      startTls: endpoint.startTls,
    };
    const key = [round, address, target.port, target.serverName.toLowerCase(), target.startTls ?? ''].join('|');
    const known = this.#handshakes.get(key);
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
    }).then((result): Visit => {
      if (result.ok) return { shown: this.#keep(result.chain, result.verdict, target.serverName) };
      const { reason, detail, mayPass: again, chain = [] } = result;
      const shown = chain.length > 0 ? this.#keep(chain, notVerified, target.serverName) : undefined;
      return { shown, failure: { reason, detail, mayPass: again } };
    });
    this.#handshakes.set(key, started);
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
      chain: [this.#factsOf(leaf), ...rest.map((certificate) => this.#factsOf(certificate))],
      verdict,
      chainEnd: this.#chainEnd(chain, verdict),
      nameMatches: coversName(leaf, serverName),
    };
  }

  #chainEnd(chain: readonly X509Certificate[], verdict: string | undefined): ChainEnd {
    if (verdict === undefined) return 'trusted-root';
    if (!noTrustedRoot.has(verdict) && this.#anchors.reachedBy(chain)) return 'trusted-root';
    const [leaf, ...rest] = chain as [X509Certificate, ...X509Certificate[]];
    if (this.#factsOf(leaf).selfSigned) return 'self-signed';
    return rest.some((certificate) => isIssuedBy(leaf, certificate)) ? 'untrusted-root' : 'incomplete';
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

/** @throws Error when there is no answer in time, or the scan ends first: hundreds of names may be waiting their turn by then. */
async function lookUp(host: string, deadline: AbortSignal): Promise<readonly string[]> {
  deadline.throwIfAborted();
  const signal = AbortSignal.any([deadline, AbortSignal.timeout(resolveTimeoutMs)]);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer from DNS within ${resolveTimeoutMs} ms`)), {
      once: true,
    });
  });
  const found = await Promise.race([lookUpConfigured(host), late]);
  return [...new Set(found.map(({ address }) => address))];
}

/**
 * Addresses of a family that this machine has no address of are left out, as it could not reach them. A machine that has
 * nothing but loopback gets all of them.
 */
async function lookUpConfigured(host: string): Promise<LookupAddress[]> {
  try {
    return await lookup(host, { all: true, hints: ADDRCONFIG });
  } catch {
    return lookup(host, { all: true });
  }
}

/** Stands for the address of a host that could not be resolved. */
const unresolved = '';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** A name of this machine is reached when one of its addresses answers: servers often listen at ::1 or 127.0.0.1 alone. */
function isThisMachine(visits: Visits): boolean {
  return [...visits.keys()].every((address) => loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));
}

function isSame(a: Shown, b: Shown): boolean {
  return (
    a.verdict === b.verdict &&
    a.chain.length === b.chain.length &&
    a.chain.every(({ fingerprint }, index) => fingerprint === b.chain[index]?.fingerprint)
  );
}

function late(before?: Failure): Failure {
  const first = before === undefined ? '' : ` The first try failed: ${before.detail}.`;
  return {
    reason: 'not-reached',
    detail: `The scan ended before this endpoint could be looked at.${first}`,
    mayPass: false,
  };
}

/** Marks what was still to be tried when the scan ended. */
function markLate(visits: Visits): void {
  if (visits.size === 0) visits.set(unresolved, { failure: late() });
  for (const [address, { failure }] of visits) {
    if (failure?.mayPass === true) visits.set(address, { failure: late(failure) });
  }
}

/** Whether a second try could give another result. */
function mayPass(visits: Visits): boolean {
  return [...visits.values()].some(({ failure }) => failure?.mayPass === true);
}

/** The name that the endpoint's certificate must cover; the root's dot of a full name is no part of it (RFC 6066, 3). */
function nameOf(endpoint: EndpointConfig): string {
  return (endpoint.serverName ?? endpoint.host).replace(/\.$/, '');
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
