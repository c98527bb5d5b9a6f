import { manifestName, parseArchiveKey } from '../../../shared/archive/archive-names.ts';
import { type Destination, destinationSchema } from '../../../shared/retention/retention-config.ts';
import type { ArchivalConfig } from '../config.ts';

/** Which archive somebody means. */
export interface ArchiveReference {
  readonly destination: Destination;
  readonly policy: string;
  /** The latest unless given. */
  readonly sequence: number | undefined;
}

/**
 * Returns the archive that a text names: `s3://bucket/key` of a manifest, `<policy>/<sequence>`, or `<policy>` for its
 * latest one. An address need not be of a policy that is configured: archives outlive their policies.
 *
 * @throws SyntaxError that says what is wrong, in the words of a usage error.
 */
export function parseReference(text: string, config: ArchivalConfig): ArchiveReference {
  if (/^s3:\/\//i.test(text)) return byAddress(text, config);
  const [, policy, digits] = /^([^/]+)(?:\/(\d+))?$/.exec(text) ?? [];
  const known = config.policies.find(({ id }) => id === policy);
  const destination = known?.destination ?? config.destination;
  if (policy === undefined || known === undefined || destination === undefined) {
    const have = config.policies.map(({ id }) => id).join(', ') || 'none';
    throw new SyntaxError(
      `${text} is no archive: give <policy>, <policy>/<number> or s3://<bucket>/<key> of a manifest ` +
        `(policies: ${have})`,
    );
  }
  if (digits !== undefined && Number(digits) < 1) throw new SyntaxError('archives are numbered from 1 on');
  return { destination, policy, sequence: digits === undefined ? undefined : Number(digits) };
}

function byAddress(text: string, { destination, policies }: ArchivalConfig): ArchiveReference {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/is.exec(text) ?? [];
  const [, prefix = '', policy] = /^(.*\/)?([^/]+)\/\d{8}\/[^/]+$/s.exec(key ?? '') ?? [];
  const parts = policy === undefined ? undefined : parseArchiveKey(policy, (key as string).slice(prefix.length));
  if (bucket === undefined || policy === undefined || parts?.name !== manifestName) {
    throw new SyntaxError(
      `${text} is not the address of a manifest: s3://<bucket>/…/<policy>/<8 digits>/${manifestName}`,
    );
  }
  const configured = [...policies.map((one) => one.destination), destination].find(
    (one) => one?.bucket === bucket && one.prefix === prefix,
  );
  // Below a prefix of its own, or of a policy that is gone: with the account and region of its bucket, where these are
  // known.
  const sameBucket = [...policies.map((one) => one.destination), destination].find((one) => one?.bucket === bucket);
  return {
    destination: configured ?? destinationSchema.parse({ ...sameBucket, bucket, prefix }),
    policy,
    sequence: parts.sequence,
  };
}
