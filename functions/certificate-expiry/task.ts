import * as z from 'zod';
import { defineTask } from '../../shared/task.ts';
import { endpointId } from './endpoint-id.ts';

/** RFC 1123, with the underscores that DNS allows; at most 253 characters, a final dot beside them. */
const hostName =
  /^(?=.{1,254}$)(?!.*[^.]{64})[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i;

const host = z.union([z.ipv4(), z.ipv6(), z.string().regex(hostName)], { error: 'not a host name or an IP address' });

/** One or more certificates in PEM (RFC 7468). */
const pemBundle = /^(?:[^-]*-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/=\s]{64,}-----END CERTIFICATE-----\s*)+$/;

const endpoint = z.strictObject({
  host,
  port: z.int().min(1).max(65_535).default(443),
  /** Sent as SNI and compared with the certificate; the host unless given. */
  serverName: host.optional(),
  /** How to get to TLS on a port that begins in plain text. */
  startTls: z.enum(['postgres', 'smtp']).optional(),
  /**
   * The ACM certificate that this endpoint must serve. Without it, any certificate in ACM that is in use and covers the
   * name must be the one served; `none` says that the endpoint's certificate does not come from ACM.
   */
  certificateArn: z
    .union([z.literal('none'), z.string().regex(/^arn:aws[a-z-]*:acm:/, 'not the ARN of an ACM certificate')])
    .optional(),
});

export type EndpointConfig = z.output<typeof endpoint>;

const days = z.int().min(0).max(3650);

/** Faults that only show when fields are seen together; reported beside the faults of the fields themselves. */
function crossFieldFaults(config: unknown, context: z.core.$RefinementCtx): void {
  if (typeof config !== 'object' || config === null) return;
  const { warnDays, criticalDays, endpoints, sources } = config as Record<string, unknown>;
  if (typeof warnDays === 'number' && typeof criticalDays === 'number' && criticalDays > warnDays) {
    const message = `${criticalDays} is more than warnDays (${warnDays}): nothing would ever be a mere warning`;
    context.addIssue({ code: 'custom', path: ['criticalDays'], message });
  }
  const listed = Array.isArray(endpoints) ? endpoints : [];
  const usesAcm = !Array.isArray(sources) || sources.includes('acm');
  const firstIndexes = new Map<string, number>();
  for (const [index, candidate] of listed.entries()) {
    const parsed = endpoint.safeParse(candidate);
    if (!parsed.success) continue;
    const id = endpointId(parsed.data).toLowerCase();
    const first = firstIndexes.get(id);
    if (first === undefined) firstIndexes.set(id, index);
    else
      context.addIssue({
        code: 'custom',
        path: ['endpoints', index],
        message: `the same endpoint as endpoints[${first}]`,
      });
    if (!usesAcm && parsed.data.certificateArn?.startsWith('arn:')) {
      const message = 'cannot be compared while the source acm is switched off';
      context.addIssue({ code: 'custom', path: ['endpoints', index, 'certificateArn'], message });
    }
  }
  if (listed.length === 0 && Array.isArray(sources) && sources.length === 1 && sources[0] === 'endpoints') {
    context.addIssue({
      code: 'custom',
      path: ['endpoints'],
      message: 'endpoints is the only source, and none is listed',
    });
  }
}

export const task = defineTask({
  id: 'certificate-expiry',
  title: 'Certificate expiry scan',
  schedule: 'cron(0 6 * * ? *)',
  timeoutSeconds: 300,
  memoryMiB: 512,
  permissions: [
    {
      actions: ['acm:ListCertificates', 'iam:ListServerCertificates', 'rds:DescribeCertificates'],
      resources: ['*'],
      reason: 'The services accept no resource for listing calls.',
    },
    {
      actions: [
        'acm:DescribeCertificate',
        'iam:GetServerCertificate',
        'rds:DescribeDBInstances',
        'rds:DescribeDBClusters',
      ],
      resources: ['*'],
      reason: 'Every certificate and database of the account is looked at, so that none is missed when it is added.',
    },
  ],
  rules: [
    'expired',
    'expiring',
    'revoked',
    'not-yet-valid',
    'renewal-stuck',
    'validation-pending',
    'validation-failed',
    'renewal-ineligible',
    'unused',
    'hostname-mismatch',
    'chain-incomplete',
    'untrusted-root',
    'self-signed',
    'chain-invalid',
    'intermediate-expires-first',
    'weak-key',
    'weak-signature',
    'ca-expiring',
    'deployed-differs-from-store',
  ],
  config: z
    .strictObject({
      sources: z
        .array(z.enum(['acm', 'iam', 'rds', 'endpoints']))

        .min(1, 'at least one source')
        .refine((sources) => new Set(sources).size === sources.length, 'a source is named twice')
        .default(['acm', 'iam', 'rds', 'endpoints']),
      endpoints: z.array(endpoint).default([]),
      /** PEM of further roots to trust beside the public ones: an estate's private authority. */
      trustedCertificates: z
        .array(z.string().regex(pemBundle, 'not a certificate in PEM, from BEGIN to END'))
        .default([]),
      /** Warn when fewer days remain, even if renewal is not overdue yet. */
      warnDays: days.optional(),
      criticalDays: days.optional(),
      /** Fewer resources than this found in all means that the scan looked in the wrong place. */
      minimumResources: z.int().min(0).default(1),
      /** Endpoints scanned at a time; a Lambda function has 1,024 file descriptors. */
      concurrency: z.int().min(1).max(800).default(256),
      connectTimeoutSeconds: z.number().min(0.05).max(30).default(2),
      handshakeTimeoutSeconds: z.number().min(0.05).max(60).default(3),
      /** Less than the function's own time. After this the endpoints that are left are listed as unchecked. */
      scanTimeoutSeconds: z.number().min(0.1).max(270).default(240),
    })
    .superRefine(crossFieldFaults, { when: () => true }),
});
