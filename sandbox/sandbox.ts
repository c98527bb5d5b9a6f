import { Client } from 'pg';
import type { ConfigurationInput } from '../config/schema.ts';
import { endpointId } from '../functions/certificate-expiry/endpoint-id.ts';
import type * as registry from '../functions/index.ts';
import { type SandboxAws, startSandboxAws } from './aws/sandbox-aws.ts';
import { sampleAccount, sampleRegions } from './estate/aws-certificates.ts';
import { backupEstate } from './estate/backup.ts';
import { deployedCertificates, deploymentCases } from './estate/deployments.ts';
import type { PlantedFinding } from './estate/planted-case.ts';
import { loadNycmg } from './postgres/load-nycmg.ts';
import { nycmgData } from './postgres/nycmg-data.ts';
import { type PostgresServer, startPostgres } from './postgres/start-postgres.ts';
import { startTlsFarm, type TlsFarm } from './tls-farm/tls-farm.ts';

type TaskId = (typeof registry)[keyof typeof registry]['id'];

/** What a run over the sample estate must report of one resource: all of it, and nothing else. */
export interface Expectation {
  readonly resourceId: string;
  readonly why: string;
  readonly findings: readonly PlantedFinding[];
  /** The reason for which the resource must be unchecked. */
  readonly unchecked?: string;
}

/** An estate that runs inside this process. */
export interface Sandbox {
  /** For the AWS SDKs and the deployed functions; nothing in it leads out of the sandbox. */
  readonly environment: Readonly<Record<string, string>>;
  /** The sample estate, as its owner would have configured it. */
  readonly configuration: ConfigurationInput;
  /** For each task every resource of the sample estate that it looks at, healthy ones with no findings. */
  readonly expectations: Readonly<Record<TaskId, readonly Expectation[]>>;
  readonly aws: SandboxAws;
  readonly farm: TlsFarm;
  readonly postgres: PostgresServer;
  /** Ends every server and removes everything stored. */
  stop(): Promise<void>;
}

/** Who is told, in the sandbox as in the sample configuration. */
const alerts = { email: ['ops@nycmg.example'], sms: ['+12125550123'], runbookUrl: 'https://runbook.nycmg.example/' };

/**
 * Starts the sample estate NYCMG: TLS servers, AWS control planes, S3, SNS, SQS, DynamoDB and PostgreSQL, all on loopback.
 * Takes about two seconds.
 *
 * @param now what all dates of the estate are relative to; has to be the present, by which OpenSSL judges certificates.
 */
export async function startSandbox(now = new Date()): Promise<Sandbox> {
  await using started = new AsyncDisposableStack();
  const startingPostgres = startSampleDatabase(now);
  // Should the rest fail first, this is ended all the same; its own failure is seen where it is awaited.
  started.defer(async () => (await startingPostgres.catch(() => undefined))?.stop());
  const farm = await startTlsFarm({ now });
  started.defer(() => farm.stop());
  const deployed = await Promise.all(
    deploymentCases.map(async (deployment) => ({
      deployment,
      resource: await farm.serve(deployment.name, deployment.behaviour),
    })),
  );
  const acmCertificates = deployedCertificates(sampleAccount, now, (name) => farm.leafOf(name).serialNumber);
  const backup = backupEstate(sampleAccount, now);
  const aws = await startSandboxAws({
    now,
    email: alerts.email[0],
    sms: alerts.sms[0],
    acmCertificates,
    documents: [backup.document],
  });
  started.defer(() => aws.stop());
  const postgres = await startingPostgres;

  const running = started.move();
  return {
    environment: aws.environment,
    configuration: {
      estate: { name: 'nycmg', timeZone: 'America/New_York', regions: [...sampleRegions], accounts: [] },
      alerts,
      databases: { main: { url: postgres.url } },
      tasks: {
        'backup-integrity': backup.config,
        'certificate-expiry': {
          endpoints: [...farm.endpointConfigs, ...deployed.map(({ resource }) => resource)],
          trustedCertificates: [farm.rootPem],
          // On loopback nothing takes longer, and the estate has a server that never answers.
          connectTimeoutSeconds: 1,
          handshakeTimeoutSeconds: 1,
        },
      },
    },
    expectations: {
      'backup-integrity': backup.expectations,
      'certificate-expiry': [
        ...farm.cases,
        ...aws.certificates.cases,
        ...deployed.map(({ deployment, resource }) => ({ ...deployment, resourceId: endpointId(resource) })),
        ...acmCertificates.map(({ CertificateArn = '' }) => ({
          resourceId: CertificateArn,
          why: 'the certificate itself is good, whatever its listener serves',
          findings: [],
        })),
        ...backup.certified.map((resourceId) => ({
          resourceId,
          why: 'its certificate is good, whatever its backups are',
          findings: [],
        })),
      ],
    },
    aws,
    farm,
    postgres,
    stop: () => running.disposeAsync(),
  };
}

async function startSampleDatabase(now: Date): Promise<PostgresServer> {
  const server = await startPostgres();
  const client = new Client({ connectionString: server.url });
  try {
    await client.connect();
    await loadNycmg(client, nycmgData(now));
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  } finally {
    await client.end();
  }
}
