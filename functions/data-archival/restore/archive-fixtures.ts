import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Client } from 'pg';
import sql, { join, raw } from 'sql-template-tag';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { type ObjectServer, startObjectServer } from '../../../sandbox/s3/object-server.ts';
import {
  completionKey,
  copyFileName,
  exclusionsKey,
  fileKey,
  manifestKey,
} from '../../../shared/archive/archive-names.ts';
import { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import type { Completion, Exclusions, Manifest } from '../../../shared/archive/manifest.ts';
import { manifestHash } from '../../../shared/archive/read-manifest.ts';
import { rowHashName } from '../../../shared/archive/row-hash.ts';
import { tableDdl } from '../../../shared/archive/table-ddl.ts';
import { writeCopyFile } from '../../../shared/archive/write-file.ts';
import type { AwsClients } from '../../../shared/aws/clients.ts';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import { MemoryLedgerStore } from '../../../shared/ledger/memory-ledger-store.ts';
import { type CopySession, openCopySession } from '../../../shared/postgres/copy-session.ts';
import { columnList, formatTableName, parseTableName, qualified } from '../../../shared/postgres/sql.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import { readTargetTables } from '../../../shared/retention/read-target-tables.ts';
import { destinationSchema } from '../../../shared/retention/retention-config.ts';
import { anyRun } from '../../../shared/run-fixtures.ts';
import { archivePolicy } from '../archive/archive-policy.ts';
import { type ArchivalPolicy, configSchema } from '../config.ts';
import { type RestoreContext, type RestoreRequest, restoreArchive } from './restore-archive.ts';
import type { RestoreResult } from './restore-result.ts';
import { digestOf } from './table-digest.ts';

const bucket = 'archives';

/** A database to take rows from and put them back into, and a bucket for archives. */
export interface RestoreServer extends AsyncDisposable {
  readonly postgres: PostgresServer;
  readonly objects: ObjectServer;
  /** As the superuser. */
  readonly client: Client;
  readonly s3: S3Client;
  /** Returns a desk with a bucket folder and a ledger of its own. */
  desk(): Desk;
  /** Changes an object behind everybody's back. */
  replace(key: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void>;
}

let desks = 0;

export async function startRestoreServer(): Promise<RestoreServer> {
  const [postgres, objects] = await Promise.all([startPostgres(), startObjectServer()]);
  objects.bucket(bucket);
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  const s3 = new S3Client({
    endpoint: objects.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  return {
    postgres,
    objects,
    client,
    s3,
    desk() {
      desks += 1;
      return new Desk(postgres, s3, `desk-${desks}/`);
    },
    async replace(Key, change) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: change(bytes) }));
    },
    async [Symbol.asyncDispose]() {
      s3.destroy();
      await client.end();
      await Promise.all([postgres.stop(), objects.stop()]);
    },
  };
}

/** A table of an archive, and how it is reached from the one before it. */
export interface FixtureTable {
  /** `schema.table`. */
  readonly table: string;
  readonly parent?: number;
  readonly referringColumns?: readonly string[];
  readonly referredColumns?: readonly string[];
}

export interface FixtureArchive {
  readonly policy?: string;
  readonly tables: readonly FixtureTable[];
  readonly key?: readonly string[];
  readonly ageColumn?: string;
  readonly isUnfinished?: boolean;
  readonly excludedKeys?: Exclusions['keys'];
  /** Applied before it is written, and named. */
  readonly change?: (manifest: Manifest) => Manifest;
  /** Whether the ledger tells of it; it does unless given. */
  readonly isInLedger?: boolean;
}

/** Where archives are made, of all rows of tables, and restored. */
export class Desk {
  readonly store: ArchiveStore;
  readonly ledgers = new MemoryLedgerStore();
  /** Behind `s3://archives/`. */
  readonly prefix: string;
  readonly #postgres: PostgresServer;
  readonly #s3: S3Client;
  readonly #sequences = new Map<string, { sequence: number; hash: string }>();

  constructor(postgres: PostgresServer, s3: S3Client, prefix: string) {
    this.#postgres = postgres;
    this.#s3 = s3;
    this.prefix = prefix;
    const destination = destinationSchema.parse({ bucket, prefix });
    this.store = new ArchiveStore(s3, destination, new AbortController().signal);
  }

  session(): Promise<CopySession> {
    return openCopySession({
      config: { connectionString: this.#postgres.url },
      statementTimeoutSeconds: 30,
      lockTimeoutSeconds: 1,
      timeZone: 'UTC',
      signal: new AbortController().signal,
    });
  }

  /** Writes an archive of all rows of these tables, and leaves them where they are. */
  async archive(fixture: FixtureArchive): Promise<{ manifest: Manifest; hash: string }> {
    const { policy = 'listens', key = ['id'], ageColumn = key[0] as string } = fixture;
    await using session = await this.session();
    await session.begin();
    const last = this.#sequences.get(policy);
    const sequence = (last?.sequence ?? 0) + 1;
    const names = fixture.tables.map(({ table }) => parseTableName(table));
    const facts = await readTargetTables(session, names);
    const tables: Manifest['tables'] = [];
    for (const [index, { table, parent, referringColumns = [], referredColumns = [] }] of fixture.tables.entries()) {
      const found = facts.get(table);
      if (found === undefined) throw new Error(`no table ${table}`);
      const { schema, name, columns, primaryKey } = found;
      const order = index === 0 ? key : primaryKey;
      const name_ = copyFileName(`attempt-${sequence}`, found);
      const source = await session.copyOut(
        sql`select ${columnList(columns.map((column) => column.name))} from ${qualified(found)} ${
          order.length === 0 ? raw('') : sql`order by ${columnList(order)}`
        }`,
      );
      const file = await writeCopyFile(source, this.store, fileKey(policy, sequence, name_));
      tables.push({
        schema,
        name,
        parent: parent ?? (index === 0 ? null : 0),
        referringColumns: [...referringColumns],
        referredColumns: [...referredColumns],
        columns: columns.map(({ isReadable: _, ...column }) => column),
        primaryKey: [...primaryKey],
        ddl: await tableDdl(session, found.oid),
        ...(await digestOf(session, columns, sql`${qualified(found)} t`)),
        file: { name: name_, ...file },
      });
    }
    const root = tables[0] as Manifest['tables'][number];
    const texts = join(
      [ageColumn, ...key].map((column) => sql`${columnList([column])}::text`),
      ', ',
    );
    const [end] = await session.query<{ up_to: string[] }>(
      sql`select array[${texts}] as up_to from ${qualified(root)} order by ${columnList(key)} desc limit 1`,
    );
    const upTo = end?.up_to ?? ['', ''];
    const written: Manifest = {
      formatVersion: 1,
      estate: 'nycmg',
      task: 'data-archival',
      policy,
      sequence,
      actor: 'ada',
      runId: 'a-run',
      planHash: 'a'.repeat(64),
      createdAt: '2026-11-20T12:00:00.000Z',
      codeVersion: 'test',
      policyDefinition: {},
      database: 'main',
      serverVersion: session.serverVersion,
      encoding: session.encoding,
      compression: 'zstd',
      rowHash: rowHashName,
      cutoff: '2026-01-01 00:00:00+00',
      ageColumn,
      key: [...key],
      range: { after: null, upTo },
      tables,
      segments: [{ upTo, digests: tables.map(({ rows, hash }) => ({ rows, hash })) }],
      parquet: [],
      previousManifest: last?.hash ?? null,
    };
    const manifest = fixture.change?.(written) ?? written;
    const text = JSON.stringify(manifest);
    const hash = manifestHash(text);
    await this.store.putNew(manifestKey(policy, sequence), text);
    await this.#complete(manifest, hash, fixture);
    this.#sequences.set(policy, { sequence, hash });
    return { manifest, hash };
  }

  /** Has a run archive what a policy says, of the database `main`, and take it away. */
  async archiveByRun(policy: object): Promise<PolicyOutcome> {
    const guards = { approval: 'never', maximumPercent: 100 };
    const config = configSchema.parse({
      destination: { bucket, prefix: this.prefix },
      policies: [{ mode: 'apply', guards, ...policy }],
    });
    const { url } = this.#postgres;
    const clients = { get: () => this.#s3 } as unknown as AwsClients;
    const progress = await archivePolicy(
      config.policies[0] as ArchivalPolicy,
      {
        ...anyRun(),
        mode: 'apply',
        ledgers: this.ledgers,
        config,
        estate: { name: 'nycmg', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] },
        databases: { main: { url, writer: { url } } },
        homeRegion: 'us-east-1',
        now: new Date(),
        clients,
        signal: AbortSignal.timeout(60_000),
      },
      undefined,
    );
    return policyOutcomeSchema.parse(progress.state);
  }

  /** Restores by a session of the superuser. */
  restore(request: Partial<RestoreRequest> = {}, changes: Partial<RestoreContext> = {}): Promise<RestoreResult> {
    return restoreArchive(
      { policy: 'listens', apply: false, allowsUnrecorded: false, ...request },
      {
        store: this.store,
        ledgers: this.ledgers,
        connect: async () => ({ connectionString: this.#postgres.url }),
        actor: 'ada',
        clock: () => new Date('2026-11-21T12:00:00.000Z'),
        signal: new AbortController().signal,
        ...changes,
      },
    );
  }

  /** Returns what the ledger of restores tells. */
  async restores(policy = 'listens') {
    const ledger = await Ledger.open(this.ledgers, `data-archival/${policy}.restores`, () => new Date());
    return Array.fromAsync(ledger.entries());
  }

  async #complete(
    manifest: Manifest,
    hash: string,
    { isUnfinished = false, excludedKeys, isInLedger = true }: FixtureArchive,
  ): Promise<void> {
    const { policy, sequence, tables } = manifest;
    const at = '2026-11-20T13:00:00.000Z';
    if (excludedKeys !== undefined) {
      const exclusions: Exclusions = { formatVersion: 1, manifest: hash, createdAt: at, keys: excludedKeys };
      await this.store.putNew(exclusionsKey(policy, sequence, 1), JSON.stringify(exclusions));
    }
    const rows = tables[0]?.rows ?? 0;
    if (!isUnfinished) {
      const keptRows = excludedKeys?.length ?? 0;
      const completion = {
        formatVersion: 1,
        manifest: hash,
        completedAt: at,
        deletedRows: rows - keptRows,
        keptRows,
      } satisfies Completion;
      await this.store.putNew(completionKey(policy, sequence), JSON.stringify(completion));
    }
    if (!isInLedger) return;
    const ledger = await Ledger.open(this.ledgers, `data-archival/${policy}`, () => new Date(at));
    await ledger.append({
      actor: 'ada',
      task: 'data-archival',
      subject: policy,
      target: 'main',
      action: 'archive',
      outcome: 'done',
      planHash: manifest.planHash,
      manifest: hash,
      keysHash: null,
      before: rows,
      after: rows,
      facts: { archive: sequence, table: formatTableName(tables[0] as { schema: string; name: string }) },
      settles: null,
      confirms: null,
    });
  }
}
