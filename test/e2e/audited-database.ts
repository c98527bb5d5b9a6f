import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type * as z from 'zod';
import type { configSchema } from '../../functions/integrity-audit/config.ts';
import { sampleAccount } from '../../sandbox/estate/aws-certificates.ts';
import { integrityEstate } from '../../sandbox/estate/integrity.ts';
import { startMainDatabase } from '../../sandbox/estate/integrity-databases.ts';
import { nycmgData, trackAudio } from '../../sandbox/postgres/nycmg-data.ts';
import type { Database } from '../../shared/databases.ts';
import { credentials, region } from './ministack.ts';

/** A PostgreSQL server with the sample's data and faults, and what belongs to it in AWS. */
export interface AuditedDatabase {
  /** As under `databases` in a configuration. */
  readonly databases: Readonly<Record<string, Database>>;
  /** Connection string of its superuser. */
  readonly url: string;
  readonly config: z.input<typeof configSchema>;
  /** Ids of rules with the one rule of the task that each is found to break, and no other. */
  readonly faults: Readonly<Record<string, string>>;
  /** Puts the secret of the database, and the audio of some tracks, one of which is missing, into the emulator. */
  putInto(endpoint: string): Promise<void>;
  stop(): Promise<void>;
}

const bucket = 'e2e-tracks';
const tracks = 20;
const missingTrack = 7;
const objectRule = 'tracks-have-their-audio';

/** Starts it; the functions log in with a secret, over TLS. */
export async function startAuditedDatabase(now: Date): Promise<AuditedDatabase> {
  const sample = integrityEstate(sampleAccount, now, 'America/New_York');
  const { server, url, connection, writer, secrets } = await startMainDatabase(now, sample.main);
  const rules = sample.config.rules?.map((rule) =>
    rule.kind === 'objects' ? { ...rule, bucket, where: `id <= ${tracks}` } : rule,
  );
  const single = sample.expectations.filter(({ findings }) => findings.length === 1);
  const faults = single.map(({ resourceId, findings }) => [resourceId, findings[0]?.rule ?? ''] as const);
  return {
    databases: { main: { ...connection, writer } },
    url,
    config: { ...sample.config, databases: { main: sample.config.databases?.main ?? {} }, rules },
    faults: {
      // Nothing has been measured before.
      ...Object.fromEntries(faults.filter(([, rule]) => rule !== 'volume' && rule !== 'distribution')),
      [`postgres://main/rules/${objectRule}`]: 'object-missing',
    },
    putInto: (endpoint) => putInto(endpoint, now, secrets),
    stop: () => server.stop(),
  };
}

async function putInto(endpoint: string, now: Date, secrets: Readonly<Record<string, string>>): Promise<void> {
  const manager = new SecretsManagerClient({ endpoint, region, credentials });
  const s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    for (const [Name, SecretString] of Object.entries(secrets)) {
      await manager.send(new CreateSecretCommand({ Name, SecretString }));
    }
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    for (const { id, s3_key: key } of nycmgData(now).tracks.slice(0, tracks)) {
      if (id === missingTrack) continue;
      const Body = trackAudio(Number(id));
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: String(key), Body, ChecksumAlgorithm: 'SHA256' }));
    }
  } finally {
    manager.destroy();
    s3.destroy();
  }
}
