import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import type { ConfigurationInput } from '../config/schema.ts';
import { endpointId } from '../functions/certificate-expiry/endpoint-id.ts';
import * as registry from '../functions/index.ts';
import type { ControlStore } from '../shared/control/control-store.ts';
import { DynamoControlStore } from '../shared/control/dynamo-control-store.ts';
import { environmentNames, statePrefix } from '../shared/deployment.ts';
import { S3StateStore } from '../shared/storage/s3-state-store.ts';
import type { StateStore } from '../shared/storage/state-store.ts';
import { type SandboxAws, startSandboxAws } from './aws/sandbox-aws.ts';
import { sampleAccount, sampleRegions } from './estate/aws-certificates.ts';
import { backupEstate } from './estate/backup.ts';
import { deployedCertificates, deploymentCases } from './estate/deployments.ts';
import { integrityEstate } from './estate/integrity.ts';
import { secretsDocument, startMainDatabase, startPlatformDatabase, withClient } from './estate/integrity-databases.ts';
import { physicalSettings } from './estate/integrity-physical.ts';
import type { PlantedFinding } from './estate/planted-case.ts';
import { retentionEstate } from './estate/retention.ts';
import { plantRetentionObjects } from './estate/retention-objects.ts';
import { retentionTables } from './estate/retention-tables.ts';
import type { PostgresServer } from './postgres/start-postgres.ts';
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
  /** Its URL is that of the superuser, for the database that is audited as `main`. */
  readonly postgres: PostgresServer;
  /** Writes what a task would remember of earlier runs. The deployed tasks' own stores have it already. */
  seedState(taskId: string, store: StateStore): Promise<void>;
  /** Writes what people have told a task before it runs. The deployed tasks' own store has it already. */
  seedControl(taskId: string, control: ControlStore): Promise<void>;
  /** Ends every server and removes everything stored. */
  stop(): Promise<void>;
}

/** Who is told, in the sandbox as in the sample configuration. */
const alerts = { email: ['ops@nycmg.example'], sms: ['+12125550123'], runbookUrl: 'https://runbook.nycmg.example/' };

const timeZone = 'America/New_York';

/**
 * Starts the sample estate NYCMG: TLS servers, AWS control planes, S3, SNS, SQS, DynamoDB and PostgreSQL, all on loopback.
 * Takes about three seconds.
 *
 * @param now what all dates of the estate are relative to; has to be the present, by which OpenSSL judges certificates.
 */
export async function startSandbox(now = new Date()): Promise<Sandbox> {
  await using started = new AsyncDisposableStack();
  const integrity = integrityEstate(sampleAccount, now, timeZone);
  const retention = retentionEstate(sampleAccount, now);
  const startingMain = startMainDatabase(now, integrity.main);
  const startingPlatform = startPlatformDatabase(now);
  for (const starting of [startingMain, startingPlatform]) {
    // Should the rest fail first, these are ended all the same; their own failure is seen where they are awaited.
    started.defer(async () => (await starting.catch(() => undefined))?.server.stop());
  }
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
  const plantingRetention = startingMain.then(async (main) => {
    await withClient(main.url, (client) => client.query(retentionTables(now)));
    return main;
  });
  // It is seen where it is awaited, unless the rest has failed before.
  plantingRetention.catch(() => {});
  const [main, platform] = await Promise.all([plantingRetention, startingPlatform]);
  const aws = await startSandboxAws({
    now,
    email: alerts.email[0],
    sms: alerts.sms[0],
    acmCertificates,
    documents: [
      backup.document,
      integrity.document,
      retention.document,
      secretsDocument(sampleAccount, sampleRegions[0], { ...main.secrets, ...platform.secrets }),
    ],
  });
  started.defer(() => aws.stop());
  plantRetentionObjects(aws.objects, now);
  const seedState = async (taskId: string, store: StateStore) => {
    if (taskId === 'integrity-audit') await integrity.seedState(store);
  };
  const { seedControl } = retention;
  await seedDeployed(aws.environment, { seedState, seedControl });

  const running = started.move();
  return {
    environment: aws.environment,
    configuration: {
      estate: { name: 'nycmg', timeZone, regions: [...sampleRegions], accounts: [] },
      alerts,
      databases: { main: { ...main.connection, writer: main.writer }, platform: platform.connection },
      tasks: {
        'backup-integrity': backup.config,
        'certificate-expiry': {
          endpoints: [...farm.endpointConfigs, ...deployed.map(({ resource }) => resource)],
          trustedCertificates: [farm.rootPem],
          // On loopback nothing takes longer, and the estate has a server that never answers.
          connectTimeoutSeconds: 1,
          handshakeTimeoutSeconds: 1,
        },
        'data-archival': retention.archival,
        'data-purge': retention.purge,
        'integrity-audit': {
          ...integrity.config,
          databases: { ...integrity.config.databases, platform: physicalSettings },
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
      'data-archival': retention.archivalCases,
      'data-purge': retention.purgeCases,
      'integrity-audit': [...integrity.expectations, ...platform.cases],
    },
    aws,
    farm,
    postgres: { ...main.server, url: main.url },
    seedState,
    seedControl,
    stop: () => running.disposeAsync(),
  };
}

/** Gives the deployed tasks a past: their stores are below the report bucket and in the state table. */
async function seedDeployed(
  environment: Readonly<Record<string, string>>,
  { seedState, seedControl }: Pick<Sandbox, 'seedState' | 'seedControl'>,
): Promise<void> {
  const client = {
    region: environment.AWS_REGION as string,
    credentials: {
      accessKeyId: environment.AWS_ACCESS_KEY_ID as string,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY as string,
    },
  };
  const s3 = new S3Client({
    ...client,
    endpoint: environment.AWS_ENDPOINT_URL_S3 as string,
    forcePathStyle: true,
  });
  const dynamodb = new DynamoDBClient({ ...client, endpoint: environment.AWS_ENDPOINT_URL_DYNAMODB as string });
  try {
    const bucket = environment[environmentNames.reportBucket] as string;
    const control = new DynamoControlStore(dynamodb, environment[environmentNames.stateTable] as string);
    for (const { id } of Object.values(registry)) {
      await seedState(id, new S3StateStore(s3, bucket, statePrefix(id)));
      await seedControl(id, control);
    }
  } finally {
    s3.destroy();
    dynamodb.destroy();
  }
}
