import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from '@aws-sdk/types';

/** Where a client works: a region, and credentials other than the process's own when another account is looked at. */
export interface ClientTarget {
  readonly region: string;
  /** Tells cached clients apart; any text that names the credentials, such as an account id. */
  readonly credentialsKey?: string;
  readonly credentials?: AwsCredentialIdentity | AwsCredentialIdentityProvider | undefined;
}

/** A call that a client sent, for metrics and for the proof that a task declares the permissions it uses. */
export interface SentCommand {
  /** Signing name of the service, which is also its IAM prefix: `acm`, `rds`. */
  readonly service: string;
  /** Operation as the SDK names it, without `Command`: `ListCertificates`. */
  readonly operation: string;
  readonly region: string;
}

interface SdkClient {
  readonly config: unknown;
  readonly middlewareStack: { add(middleware: unknown, options: { step: 'initialize'; name: string }): void };
  destroy(): void;
}

type SdkClientConstructor<Client> = new (configuration: {
  region: string;
  credentials?: AwsCredentialIdentity | AwsCredentialIdentityProvider;
  retryMode: string;
  maxAttempts: number;
  requestHandler: { connectionTimeout: number; requestTimeout: number; throwOnRequestTimeout: boolean };
}) => Client;

/** Deadlines of a single request, in milliseconds, and attempts per call. */
const connectionTimeoutMs = 3_000;
const requestTimeoutMs = 20_000;
const maxAttempts = 5;

/**
 * Makes and keeps SDK clients, one per service, region and credentials, all with the SDK's standard retries and a deadline
 * on every request. {@link destroy} closes their sockets.
 */
export class AwsClients {
  readonly #clients = new Map<unknown, Map<string, SdkClient>>();
  readonly #observe: (command: SentCommand) => void;

  /** @param observe is told of every command before it is sent, once however often it is retried. */
  constructor(observe: (command: SentCommand) => void = () => {}) {
    this.#observe = observe;
  }

  /** Returns the client of this class for this target. */
  get<Client extends object>(Constructor: SdkClientConstructor<Client>, target: ClientTarget): Client {
    let byTarget = this.#clients.get(Constructor);
    if (byTarget === undefined) {
      byTarget = new Map();
      this.#clients.set(Constructor, byTarget);
    }
    const key = `${target.region}/${target.credentialsKey ?? ''}`;
    const known = byTarget.get(key);
    if (known !== undefined) return known as unknown as Client;
    const client = new Constructor({
      region: target.region,
      ...(target.credentials === undefined ? {} : { credentials: target.credentials }),
      retryMode: 'standard',
      maxAttempts,
      requestHandler: {
        connectionTimeout: connectionTimeoutMs,
        requestTimeout: requestTimeoutMs,
        throwOnRequestTimeout: true,
      },
    });
    const sdkClient = client as unknown as SdkClient;
    this.#watch(sdkClient, target.region);
    byTarget.set(key, sdkClient);
    return client;
  }

  /** Closes every client's connections. */
  destroy(): void {
    for (const byTarget of this.#clients.values()) for (const client of byTarget.values()) client.destroy();
    this.#clients.clear();
  }

  #watch(client: SdkClient, region: string): void {
    const { defaultSigningName, signingName } = client.config as { defaultSigningName?: string; signingName?: string };
    const service = signingName ?? defaultSigningName ?? '';
    const middleware =
      (next: (input: unknown) => Promise<unknown>, context: { commandName?: string }) => (input: unknown) => {
        this.#observe({ service, operation: (context.commandName ?? '').replace(/Command$/, ''), region });
        return next(input);
      };
    client.middlewareStack.add(middleware, { step: 'initialize', name: 'caretakerObserve' });
  }
}
