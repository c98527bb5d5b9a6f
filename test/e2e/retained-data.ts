import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import * as z from 'zod';
import { withClient } from '../../sandbox/estate/integrity-databases.ts';
import {
  archivalPolicies,
  archiveBucket,
  awaitingApproval,
  purgePolicies,
} from '../../sandbox/estate/retention-policies.ts';
import { retentionTables } from '../../sandbox/estate/retention-tables.ts';
import { manifestName } from '../../shared/archive/archive-names.ts';
import { type Manifest, manifestSchema } from '../../shared/archive/manifest.ts';
import { DynamoControlStore } from '../../shared/control/dynamo-control-store.ts';
import { Ledger } from '../../shared/ledger/ledger.ts';
import type { LedgerEntry } from '../../shared/ledger/ledger-entry.ts';
import { S3LedgerStore } from '../../shared/ledger/s3-ledger-store.ts';
import { pause } from '../../shared/retention/pause.ts';
import { approvePlan, pendingPlan } from '../../shared/retention/plans.ts';
import { policyResource } from '../../shared/retention/policy-resource.ts';
import type { Outputs } from './deploy.ts';
import { credentials, region } from './ministack.ts';

/** What is past its retention in the database: SQL that counts it, by policy. */
const pastRetention: Readonly<Record<string, string>> = {
  listens: `select count(*) from history.listens where listened_at < now() - interval '13 months'`,
  'chat-messages': `select count(*) from history.chat_messages where sent_at < now() - interval '13 months'`,
  'every-type': `select count(*) from history.every_type where made_at < now() - interval '13 months'`,
  'ops-logs': `select count(*) from ops_logs.entries
    where logged_at < (now() at time zone 'America/New_York') - interval '30 days'`,
};

const templateSchema = z.object({
  Resources: z.record(
    z.string(),
    z.object({
      Properties: z
        .object({
          ObjectLockEnabled: z.boolean().optional(),
          ObjectLockConfiguration: z
            .object({
              ObjectLockEnabled: z.literal('Enabled'),
              Rule: z.object({
                DefaultRetention: z.object({ Mode: z.enum(['GOVERNANCE', 'COMPLIANCE']), Days: z.int() }),
              }),
            })
            .optional(),
        })
        .optional(),
    }),
  ),
});

/** Policies of the sample that the emulator has everything for. */
const archived = [awaitingApproval, 'every-type', 'chat-messages'];
const purged = ['ops-logs', 'sessions'];

/** How much is overdue before the first run is another rule's matter. */
const maximumBacklogHours = 1_000_000;

/** What the configuration says of the tasks that take data past its retention. */
export const retentionConfig = {
  'data-archival': {
    maximumBacklogHours,
    destination: { bucket: archiveBucket },
    policies: archivalPolicies.map(({ policy }) => policy).filter(({ id }) => archived.includes(id)),
  },
  'data-purge': {
    maximumBacklogHours,
    policies: purgePolicies
      .map(({ policy }) => policy)
      .filter(({ id }) => purged.includes(id))
      .map((policy) => (policy.id === 'sessions' ? { ...policy, guards: {} } : policy)),
  },
};

/** Resources with the one rule that each breaks in its first run. */
export const retentionFaults: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'data-archival': {
    [policyResource('data-archival', awaitingApproval).id]: 'approval-missing',
    [policyResource('data-archival', 'chat-messages').id]: 'paused',
  },
  'data-purge': { [policyResource('data-purge', 'sessions').id]: 'approval-missing' },
};

/** Makes the tables, whose owner is the superuser of `url`. */
export async function createRetainedTables(url: string, now: Date): Promise<void> {
  await withClient(url, (client) => client.query(retentionTables(now)));
}

/** Data past its retention, and what is left of it after the deployed tasks. Every check throws an AssertionError. */
export class RetainedData {
  readonly #url: string;
  readonly #outputs: Outputs;
  readonly #s3: S3Client;
  readonly #dynamodb: DynamoDBClient;
  readonly #control: DynamoControlStore;
  readonly #ledgers: S3LedgerStore;

  constructor(url: string, endpoint: string, outputs: Outputs) {
    const client = { endpoint, region, credentials };
    this.#url = url;
    this.#outputs = outputs;
    this.#s3 = new S3Client({ ...client, forcePathStyle: true });
    this.#dynamodb = new DynamoDBClient(client);
    this.#control = new DynamoControlStore(this.#dynamodb, outputs.StateTableName);
    this.#ledgers = new S3LedgerStore(this.#s3, outputs.LedgerBucketName);
  }

  /** MiniStack's CloudFormation makes a bucket without its lock: it is put there as the template in `directory` has it. */
  async lockLedger(directory: string, stackName: string): Promise<void> {
    const text = await readFile(join(directory, 'cdk.out', `${stackName}.template.json`), 'utf8');
    const { Resources } = templateSchema.parse(JSON.parse(text));
    const [ledger, another] = Object.values(Resources).filter(
      ({ Properties }) => Properties?.ObjectLockEnabled === true,
    );
    assert(ledger?.Properties !== undefined && another === undefined, 'one bucket of the template is under a lock');
    await this.#s3.send(
      new PutObjectLockConfigurationCommand({
        Bucket: this.#outputs.LedgerBucketName,
        ObjectLockConfiguration: ledger.Properties.ObjectLockConfiguration,
      }),
    );
  }

  /** Stops a policy before its first run. */
  async pause(): Promise<void> {
    const said = { by: 'ada', at: new Date().toISOString(), reason: 'a legal hold' };
    await pause(this.#control, { task: 'data-archival', policy: 'chat-messages' }, said);
  }

  /** A plan must wait for a second person, with nothing deleted; it is approved, and its hash returned. */
  async approve(): Promise<string> {
    assert(
      (await this.count(awaitingApproval)) > 0,
      'rows are gone although nobody has approved the plan to delete them',
    );
    const pending = await pendingPlan(this.#control, { task: 'data-archival', policy: awaitingApproval });
    assert(pending !== undefined, `no plan of ${awaitingApproval} waits for approval`);
    await approvePlan(this.#control, pending.hash, 'grace', new Date());
    return pending.hash;
  }

  /** Returns how many rows are past the retention of a policy. */
  async count(policy: string): Promise<number> {
    return withClient(this.#url, async (client) => {
      const { rows } = await client.query<{ count: string }>(pastRetention[policy] ?? '');
      return Number(rows[0]?.count);
    });
  }

  /** The paused policy must not have taken anything. */
  async checkPause(): Promise<number> {
    const rows = await this.count('chat-messages');
    assert(rows > 0, 'a policy that is paused has deleted rows');
    assert.deepEqual(await this.#manifests('chat-messages'), [], 'a policy that is paused has archived rows');
    return rows;
  }

  /** What is gone from the table must be in archives whose manifests follow each other. @returns how many rows. */
  async checkArchives(policy: string, expectedRows: number): Promise<{ archives: number; rows: number }> {
    assert.equal(await this.count(policy), 0, `${policy}: rows are left`);
    const manifests = await this.#manifests(policy);
    assert.deepEqual(
      manifests.map(({ sequence }) => sequence),
      manifests.map((_, index) => index + 1),
    );
    const rows = manifests.reduce((sum, { tables }) => sum + (tables[0]?.rows ?? 0), 0);
    assert.equal(rows, expectedRows, `${policy}: rows in archives`);
    return { archives: manifests.length, rows };
  }

  /** The chain must be whole, say what was done, and be under a lock. @returns the number of its entries. */
  async checkLedger(chain: string): Promise<number> {
    const ledger = await Ledger.open(this.#ledgers, chain, () => new Date());
    const entries: LedgerEntry[] = [];
    for await (const entry of ledger.entries()) entries.push(entry);
    assert(entries.length > 0, `the ledger ${chain} is empty`);
    for await (const { name, fault } of this.#ledgers.tampering(`${chain}/`)) assert.fail(`${name}: ${fault}`);
    await this.#checkLock(`${chain}/`);
    return entries.length;
  }

  /** The bucket's lock must be there for an object that a function has put into it. */
  async #checkLock(prefix: string): Promise<void> {
    const bucket = { Bucket: this.#outputs.LedgerBucketName };
    const { Versions = [] } = await this.#s3.send(new ListObjectVersionsCommand({ ...bucket, Prefix: prefix }));
    const [entry] = Versions;
    assert(entry?.Key !== undefined && entry.VersionId !== undefined, `no versions below ${prefix}`);
    const { Retention } = await this.#s3.send(new GetObjectRetentionCommand({ ...bucket, Key: entry.Key }));
    assert.equal(Retention?.Mode, 'GOVERNANCE');
    assert((Retention?.RetainUntilDate?.getTime() ?? 0) > Date.now() + 6 * 365 * 86_400_000);
    const deleting = this.#s3.send(new DeleteObjectCommand({ ...bucket, Key: entry.Key, VersionId: entry.VersionId }));
    await assert.rejects(deleting, { name: 'AccessDenied' });
  }

  close(): void {
    this.#s3.destroy();
    this.#dynamodb.destroy();
  }

  async #manifests(policy: string): Promise<Manifest[]> {
    const { Contents = [] } = await this.#s3.send(
      new ListObjectsV2Command({ Bucket: archiveBucket, Prefix: `archives/${policy}/` }),
    );
    const keys = Contents.flatMap(({ Key = '' }) => (Key.endsWith(`/${manifestName}`) ? [Key] : []));
    return Promise.all(
      keys.map(async (Key) => {
        const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: archiveBucket, Key }));
        return manifestSchema.parse(JSON.parse((await Body?.transformToString()) ?? ''));
      }),
    );
  }
}

/** Makes the bucket of archives in the emulator's S3. */
export async function createArchiveBucket(endpoint: string): Promise<void> {
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    await client.send(new CreateBucketCommand({ Bucket: archiveBucket }));
    await client.send(
      new PutBucketVersioningCommand({ Bucket: archiveBucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
  } finally {
    client.destroy();
  }
}
