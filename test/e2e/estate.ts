import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startControlPlane } from '../../sandbox/control-plane/control-plane.ts';
import { mergeEstates } from '../../sandbox/control-plane/merge-estates.ts';
import { awsCertificates, sampleAccount } from '../../sandbox/estate/aws-certificates.ts';
import { backupEstate } from '../../sandbox/estate/backup.ts';
import { retentionEstate } from '../../sandbox/estate/retention.ts';
import { startTlsFarm } from '../../sandbox/tls-farm/tls-farm.ts';
import { type AuditedDatabase, startAuditedDatabase } from './audited-database.ts';
import { objectConfig, objectFaults } from './objects.ts';
import { createRetainedTables, retentionConfig, retentionFaults } from './retained-data.ts';

/** The sandbox's estate, for functions that run in processes of their own. */
export interface Estate {
  /** Environment variables that lead the functions to it. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the configuration says of tasks that need to be told where to look; the others run with their defaults. */
  readonly tasks: Readonly<Record<string, object>>;
  /** A server with data to audit; its secret is still to be put where functions ask for it. */
  readonly database: AuditedDatabase;
  /** For some tasks, resources with the one rule that a report must say each breaks. */
  readonly faults: Readonly<Record<string, Readonly<Record<string, string>>>>;
  stop(): Promise<void>;
}

/** Starts the sandbox's control plane, for what MiniStack lacks or answers with fixed data, its TLS servers and its database. */
export async function startEstate(directory: string): Promise<Estate> {
  await using started = new AsyncDisposableStack();
  const now = new Date();
  const backup = backupEstate(sampleAccount, now);
  const controlPlane = await startControlPlane({
    estate: mergeEstates(awsCertificates(now).document, backup.document, retentionEstate(sampleAccount, now).document),
  });
  started.defer(() => controlPlane.stop());
  const farm = await startTlsFarm({ now });
  started.defer(() => farm.stop());
  const database = await startAuditedDatabase(now);
  started.defer(() => database.stop());
  await createRetainedTables(database.url, now);

  // These stay with MiniStack: S3 takes the reports, and both take what a test puts there.
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_SECRETS_MANAGER, ...leading } = controlPlane.environment;
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...environment } = leading;
  // MiniStack reserves the variables that hold keys, as Lambda does; to a profile they give way.
  const credentialsPath = join(directory, 'sandbox-credentials');
  await writeFile(
    credentialsPath,
    `[sandbox]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}\n`,
  );
  const running = started.move();
  return {
    environment: {
      ...environment,
      AWS_PROFILE: 'sandbox',
      AWS_SHARED_CREDENTIALS_FILE: credentialsPath,
    },
    tasks: {
      'backup-integrity': {
        ...objectConfig,
        policies: backup.config.policies?.filter(({ select }) => select.types?.every((type) => type.startsWith('rds'))),
        trustedAccounts: backup.config.trustedAccounts,
      },
      'certificate-expiry': { endpoints: farm.endpointConfigs, trustedCertificates: [farm.rootPem] },
      'integrity-audit': database.config,
      ...retentionConfig,
    },
    database,
    faults: { 'backup-integrity': objectFaults, 'integrity-audit': database.faults, ...retentionFaults },
    stop: () => running.disposeAsync(),
  };
}
