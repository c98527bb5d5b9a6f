import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployToSandbox, type SandboxDeployment } from '../sandbox/deploy.ts';
import { withClient } from '../sandbox/estate/integrity-databases.ts';
import { archiveBucket, awaitingApproval, userUploadsBucket } from '../sandbox/estate/retention-policies.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import { DynamoControlStore } from '../shared/control/dynamo-control-store.ts';
import { environmentNames } from '../shared/deployment.ts';
import type { Report } from '../shared/report.ts';
import { resume } from '../shared/retention/pause.ts';
import { approvePlan, pendingPlan } from '../shared/retention/plans.ts';

const tasks = ['data-archival', 'data-purge'] as const;

/** Tables that policies take rows from, with the condition for those that are past their retention. */
const tables = {
  'history.listens': `listened_at < now() - interval '13 months'`,
  'history.listen_devices': `listen_id in (select id from history.listens where listened_at < now() - interval '13 months')`,
  'history.every_type': `made_at < now() - interval '13 months'`,
  'history.chat_messages': `sent_at < now() - interval '13 months'`,
  'history.royalty_notes': `noted_at < now() - interval '13 months'`,
  'history.playback_errors': `occurred_at < now() - interval '13 months'`,
  'history.search_terms': `searched_at < now() - interval '13 months'`,
  'audit.events': `happened_at < now() - interval '365 days'`,
  'ops_logs.entries': `logged_at < (now() at time zone 'America/New_York') - interval '30 days'`,
  'accounts.sessions': `last_seen_at < now() - interval '90 days'
    and user_id in (select id from public.users where deactivated_at is not null)`,
} as const;

type Counts = Readonly<Record<keyof typeof tables, { readonly old: number; readonly others: number }>>;

let sandbox: Sandbox;
let deployment: SandboxDeployment;
let dynamodb: DynamoDBClient;
let control: DynamoControlStore;
let before: Counts;

beforeAll(async () => {
  sandbox = await startSandbox();
  deployment = await deployToSandbox(sandbox);
  dynamodb = new DynamoDBClient({});
  control = new DynamoControlStore(dynamodb, sandbox.environment[environmentNames.stateTable] as string);
  before = await countRows();
});
afterAll(async () => {
  dynamodb.destroy();
  await deployment.undo();
  await sandbox.stop();
});

async function countRows(): Promise<Counts> {
  return withClient(sandbox.postgres.url, async (client) => {
    const counts: [string, { old: number; others: number }][] = [];
    for (const [table, condition] of Object.entries(tables)) {
      const { rows } = await client.query<{ old: number; others: number }>(
        `select count(*) filter (where ${condition})::int as old, count(*) filter (where not (${condition}))::int as others from ${table}`,
      );
      counts.push([table, rows[0] as { old: number; others: number }]);
    }
    return Object.fromEntries(counts) as Counts;
  });
}

/** Every version that a bucket has, and every upload that was not completed. */
function versions(name: string): string[] {
  const bucket = sandbox.aws.objects.bucket(name);
  const objects = [...bucket.keysFrom()].flatMap((key) =>
    bucket.versionsOf(key).map(({ versionId }) => `${key} ${versionId}`),
  );
  return [...objects, ...bucket.uploads.keys()];
}

async function run(task: (typeof tasks)[number], event: object = {}): Promise<Report> {
  return deployment.readReport(await deployment.invoke(task, event));
}

const old = (counts: Counts) => Object.fromEntries(Object.entries(counts).map(([table, count]) => [table, count.old]));

// Each goes on from what those before it have left.
describe('data past its retention, through the real handlers', () => {
  it('is where it was after a dry run, in the database and in S3', async () => {
    const stored = [archiveBucket, userUploadsBucket].map(versions);
    for (const task of tasks) {
      const report = await run(task, { dryRun: true });
      expect(report.mode).toBe('dry-run');
      expect(report.changes.length).toBeGreaterThan(0);
      expect(new Set(report.changes.map(({ outcome }) => outcome))).toEqual(new Set(['planned']));
    }
    expect(await countRows()).toEqual(before);
    expect([archiveBucket, userUploadsBucket].map(versions)).toEqual(stored);
  });

  it('waits for somebody else than who has made the plan', async () => {
    const waiting = await pendingPlan(control, { task: 'data-archival', policy: awaitingApproval });
    expect(waiting?.plan).toMatchObject({ rows: before['history.listens'].old });
    const { hash = '', plan } = waiting ?? {};
    const approving = approvePlan(control, hash, plan?.plannedBy ?? '', new Date());
    await expect(approving).rejects.toMatchObject({ name: 'PlanRefused', reason: 'own-plan' });
    const { findings } = await run('data-archival');
    expect(findings.map(({ rule, resource }) => `${rule} ${resource.name}`)).toContain(
      `approval-missing ${awaitingApproval}`,
    );
    expect((await countRows())['history.listens']).toEqual(before['history.listens']);
    await approvePlan(control, hash, 'grace', new Date());
  });

  it('goes when nothing is in the way, and nothing younger goes with it', async () => {
    for (const task of tasks) await run(task);
    const after = await countRows();
    expect(old(after)).toEqual({
      ...old(before),
      'history.listens': 0,
      'history.listen_devices': 0,
      'history.every_type': 0,
      'audit.events': 0,
      'ops_logs.entries': 0,
      'accounts.sessions': 0,
    });
    for (const [table, { others }] of Object.entries(before)) {
      expect(after[table as keyof typeof tables].others, table).toBe(others);
    }
  });

  it('is taken once only, however often the tasks run', async () => {
    const archives = versions(archiveBucket);
    const counts = await countRows();
    const reports = [await run('data-archival'), await run('data-purge')];
    expect(reports.map(({ metrics }) => metrics.archivedCount)).toEqual([0, 0]);
    expect(versions(archiveBucket)).toEqual(archives);
    expect(old(await countRows())).toEqual(old(counts));
  });

  it('stays while its policy is paused, and goes when that is over', async () => {
    expect((await countRows())['history.chat_messages']).toEqual(before['history.chat_messages']);
    await resume(control, { task: 'data-archival', policy: 'chat-messages' });
    await run('data-archival', { scope: { only: 'chat-messages' } });
    expect((await countRows())['history.chat_messages']).toEqual({
      old: 0,
      others: before['history.chat_messages'].others,
    });
  });

  it('stays where an archive of an earlier run is not what it should be', async () => {
    expect((await countRows())['history.royalty_notes']).toEqual(before['history.royalty_notes']);
    const { findings } = await run('data-archival', { scope: { only: 'royalty-notes' } });
    expect(findings.map(({ rule }) => rule)).toContain('archive-corrupt');
  });
});
