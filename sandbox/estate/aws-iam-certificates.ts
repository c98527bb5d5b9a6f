import { createHash } from 'node:crypto';
import type { ServerCertificate } from '@aws-sdk/client-iam';
import type { task } from '../../functions/certificate-expiry/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { PemGenerator, PemSpec } from './aws-pem.ts';
import type { PlantedCase, PlantedFinding } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;
type IamCase = PlantedCase<ServerCertificate, RuleId>;

const dayMs = 86_400_000;
const hour = 1 / 24;

interface CertificateSpec extends Pick<PemSpec, 'key' | 'hash'> {
  /** Days from now to the end. */
  readonly daysLeft: number;
  readonly lifetimeDays?: number;
  readonly path?: string;
}

/**
 * Returns the IAM server certificates of the sample estate's account as they stand at `now`.
 *
 * @param pem makes their bodies, which are all that tells how long they have lived.
 */
export function iamCases(account: string, now: Date, pem: PemGenerator): IamCase[] {
  const inDays = (days: number) => new Date(now.getTime() + days * dayMs);

  function uploaded(name: string, spec: CertificateSpec): ServerCertificate {
    const { daysLeft, lifetimeDays = 365, path = '/', key, hash } = spec;
    const notBefore = inDays(daysLeft - lifetimeDays);
    const notAfter = inDays(daysLeft);
    const { body, chain } = pem({ commonName: `${name}.legacy.nycmg.example`, notBefore, notAfter, key, hash });
    return {
      ServerCertificateMetadata: {
        Path: path,
        ServerCertificateName: name,
        ServerCertificateId: `ASCA${createHash('sha256').update(name).digest('hex').slice(0, 17).toUpperCase()}`,
        Arn: `arn:aws:iam::${account}:server-certificate${path}${name}`,
        UploadDate: notBefore,
        Expiration: notAfter,
      },
      CertificateBody: body,
      CertificateChain: chain,
    };
  }

  return [
    planted('half its life ahead', uploaded('catalogue', { daysLeft: 200 })),
    planted(
      'a 90-day certificate before its renewal is overdue',
      uploaded('lyrics', { daysLeft: 25, lifetimeDays: 90 }),
    ),
    planted('an hour before its renewal is overdue', uploaded('sheet-music', { daysLeft: 23 + hour })),
    planted('a week overdue', uploaded('record-store', { daysLeft: 20 }), { rule: 'expiring', severity: 'medium' }),
    planted('days from its end, under a path', uploaded('box-office', { daysLeft: 5, path: '/cloudfront/' }), {
      rule: 'expiring',
      severity: 'critical',
    }),
    planted('expired last month', uploaded('fan-club', { daysLeft: -30 }), { rule: 'expired', severity: 'critical' }),
    planted('uploaded a day before it becomes valid', uploaded('world-tour', { daysLeft: 366 }), {
      rule: 'not-yet-valid',
      severity: 'high',
    }),
    planted(
      'a 1,024-bit RSA key; IAM does not tell whether anything uses it',
      uploaded('phonograph', { daysLeft: 200, key: 'rsa-1024' }),
      { rule: 'weak-key', severity: 'high' },
    ),
    planted('signed with SHA-1', uploaded('gramophone', { daysLeft: 200, hash: 'sha1' }), {
      rule: 'weak-signature',
      severity: 'high',
    }),
  ];
}

function planted(why: string, resource: ServerCertificate, ...findings: PlantedFinding<RuleId>[]): IamCase {
  return { resource, resourceId: resource.ServerCertificateMetadata?.Arn as string, why, findings };
}
