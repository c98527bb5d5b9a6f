import type { S3Client } from '@aws-sdk/client-s3';
import type { Client } from 'pg';
import type { AwsClients } from '../../../shared/aws/clients.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import type { FakeObject } from '../../../shared/objects/fake-s3.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import type { Coverage } from '../../../shared/report.ts';
import { configSchema, type RuleOfKind } from '../config.ts';
import type { Context } from '../context.ts';
import { contextFor, openAuditedDatabase, parseRules } from '../context-fixtures.ts';
import type { Violations } from '../outcome.ts';
import { auditObjects, type Pace } from './audit-objects.ts';

/** When the tests' runs begin. */
export const now = new Date('2026-11-22T12:00:00Z');

/** Returns a moment before that. */
export const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);

/** Far older than any grace. */
export const longAgo = minutesAgo(10_000);

/** A row of the tests' table; what is not given is what its object has. */
export interface FileRow {
  readonly key: string | null;
  readonly size?: number | null;
  readonly sha256?: string | null;
  readonly createdAt?: Date | string | null;
  readonly isReleased?: boolean | null;
}

/** A table whose name and columns have to be quoted. */
export const filesTable = `
  create table "audio files" (
    id integer primary key generated always as identity,
    "s3 key" text,
    size_bytes bigint,
    sha256 text,
    created_at timestamptz,
    is_released boolean,
    email text not null default 'ana@example.com'
  )`;

/** Returns an object of the tests' bucket, below its prefix, old and of 100 bytes. */
export function audio(key: string, details: Partial<FakeObject> = {}): FakeObject {
  return { key: `audio/${key}`, sizeBytes: 100, modifiedAt: longAgo, ...details };
}

/** Replaces the rows of the tests' table. */
export async function fill(client: Client, rows: readonly FileRow[]): Promise<void> {
  await client.query('truncate "audio files" restart identity');
  const values = rows.map(({ key, size = 100, sha256 = null, createdAt = longAgo, isReleased = true }) => ({
    's3 key': key,
    size_bytes: size,
    sha256,
    created_at: createdAt,
    is_released: isReleased,
  }));
  await client.query(
    `insert into "audio files" ("s3 key", size_bytes, sha256, created_at, is_released)
     select "s3 key", size_bytes, sha256, created_at, is_released
     from json_to_recordset($1::json)
       as r ("s3 key" text, size_bytes bigint, sha256 text, created_at timestamptz, is_released boolean)`,
    [JSON.stringify(values)],
  );
}

/** Returns the rule on that table. */
export function filesRule(details: object = {}): RuleOfKind<'objects'> {
  const [rule] = parseRules({
    kind: 'objects',
    id: 'audio',
    severity: 'high',
    table: 'audio files',
    keyColumn: 's3 key',
    bucket: 'nycmg-audio',
    prefix: 'audio/',
    sizeColumn: 'size_bytes',
    createdColumn: 'created_at',
    ...details,
  });
  return rule as RuleOfKind<'objects'>;
}

/** How a rule is audited. */
export interface AuditOptions {
  readonly rule?: object;
  readonly settings?: unknown;
  readonly limits?: object;
  readonly context?: Partial<Context>;
  readonly pace?: Pace;
}

/** What an audit has shown. */
export interface Audited {
  readonly outcomes: readonly Violations[];
  /** Violations by rule. */
  readonly counts: Readonly<Record<string, number>>;
  readonly unchecked: Coverage['unchecked'];
  readonly metrics: Readonly<Record<string, number>>;
}

/** Audits the rule on the tests' table. */
export async function audit(
  url: string,
  client: S3Client,
  { rule = {}, settings, limits = {}, context = {}, pace }: AuditOptions = {},
): Promise<Audited> {
  const given = filesRule(rule);
  const metrics: Record<string, number> = {};
  const within = contextFor({
    now,
    config: configSchema.parse({ limits }),
    clients: { get: () => client } as unknown as AwsClients,
    coverage: new CoverageLedger({ classify: (error) => uncheckedReason(error) ?? postgresUncheckedReason(error) }),
    measure: (name, value) => {
      metrics[name] = value;
    },
    ...context,
  });
  const reader = context.signal === undefined ? {} : { signal: context.signal };
  await using database = await openAuditedDatabase(url, { settings, reader });
  const outcomes = (await auditObjects(given, database, within, pace)) as Violations[];
  const { unchecked, expected, checked } = within.coverage.summary();
  if (expected !== checked + unchecked.length) throw new Error('the ledger was not settled');
  return {
    outcomes,
    counts: Object.fromEntries(outcomes.map(({ breaks, count }) => [breaks, count])),
    unchecked,
    metrics,
  };
}
