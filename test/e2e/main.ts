import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as registry from '../../functions/index.ts';
import type { TaskDefinition } from '../../shared/task.ts';
import { deploy } from './deploy.ts';
import { DeployedStateMachine } from './deployed-state-machine.ts';
import { DeployedTask } from './deployed-task.ts';
import { startEstate } from './estate.ts';
import { region, startMinistack } from './ministack.ts';
import { NotificationQueue } from './notification-queue.ts';
import { putObjects } from './objects.ts';
import { Processes } from './processes.ts';
import { MissingToolError, pythonEnvironment } from './python.ts';
import { createArchiveBucket, RetainedData } from './retained-data.ts';
import { waitFor } from './wait-for.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const stage = 'e2e';
const tasks: readonly TaskDefinition[] = Object.values(registry);

/** The first minute counts from the creation of the schedule; MiniStack looks every 10 seconds, and then the task runs. */
const firstRunTimeoutSeconds = 180;

const startedAt = performance.now();

function say(text: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** Deploys every task to MiniStack and lets its schedule run it; throws at the first thing that is not as it should be. */
async function testDeployment(directory: string, signal: AbortSignal, cleanUp: AsyncDisposableStack): Promise<void> {
  const processes = new Processes(signal);
  cleanUp.defer(() => processes.stopAll());

  const python = await pythonEnvironment(join(root, 'out', 'e2e', 'venv'), processes);
  say('Python environment ready');
  const estate = await startEstate(directory);
  cleanUp.defer(() => estate.stop());
  const endpoint = await startMinistack({ python, directory, processes, signal });
  say(`MiniStack answers at ${endpoint}`);
  await putObjects(endpoint);
  await estate.database.putInto(endpoint);
  await createArchiveBucket(endpoint);

  const outputs = await deploy({
    stage,
    endpoint,
    configuration: {
      estate: { name: 'e2e', timeZone: 'America/New_York', regions: [region] },
      alerts: { email: ['ops@nycmg.example'], sms: ['+12125550123'] },
      databases: estate.database.databases,
      tasks: Object.fromEntries(tasks.map(({ id }) => [id, { ...estate.tasks[id], schedule: 'rate(1 minute)' }])),
    },
    environment: { AWS_ENDPOINT_URL: endpoint, ...estate.environment },
    directory,
    processes,
  });
  const queue = await NotificationQueue.subscribe(endpoint, [outputs.PageTopicArn, outputs.NoticeTopicArn]);
  cleanUp.defer(() => queue.close());
  const retained = new RetainedData(estate.database.url, endpoint, outputs);
  cleanUp.defer(() => retained.close());
  await retained.lockLedger(directory, `caretaker-${stage}`);
  await retained.pause();
  const before = { listens: await retained.count('listens'), everyType: await retained.count('every-type') };
  say(`deployed ${tasks.map(({ id }) => id).join(', ')}; waiting for the schedule, which delivers every run twice`);

  for (const { id, resumable } of tasks) {
    const task = new DeployedTask(id, stage, endpoint, outputs);
    cleanUp.defer(() => task.close());
    const stateMachine = resumable === true ? new DeployedStateMachine(id, stage, endpoint, signal) : undefined;
    cleanUp.defer(() => stateMachine?.close());
    const faults = estate.faults[id] ?? {};
    await testTask({ task, stateMachine, queue, pageTopicArn: outputs.PageTopicArn, faults, signal });
  }
  await testRetention(retained, before, new DeployedStateMachine('data-archival', stage, endpoint, signal), signal);
}

/** What is past its retention must go when a second person has allowed it, into archives that the ledger tells of. */
async function testRetention(
  retained: RetainedData,
  before: { readonly listens: number; readonly everyType: number },
  stateMachine: DeployedStateMachine,
  signal: AbortSignal,
): Promise<void> {
  try {
    const planHash = await retained.approve();
    say(`data-archival: plan ${planHash.slice(0, 12)} of ${before.listens} listens approved by a second person`);
    // A run of the schedule may be at it already; then the one by hand finds it busy, or nothing left.
    await waitFor('the listens to be archived', { timeoutSeconds: 120, everyMs: 2_000, signal }, async () => {
      await stateMachine.run();
      return (await retained.count('listens')) === 0 ? true : undefined;
    });
    const listens = await retained.checkArchives('listens', before.listens);
    const everyType = await retained.checkArchives('every-type', before.everyType);
    say(
      `data-archival: ${listens.rows} listens in ${listens.archives} archives and ${everyType.rows} rows of every type ` +
        'are verified and gone from their tables',
    );
    say(`data-archival: ${await retained.checkPause()} rows of the paused policy are where they were`);
    const entries = await retained.checkLedger('data-archival/listens');
    assert.equal(await retained.count('ops-logs'), 0, 'operational logs are left');
    const ofLogs = await retained.checkLedger('data-purge/ops-logs');
    say(`ledgers: ${entries} and ${ofLogs} entries, chained and under a lock that keeps them`);
  } finally {
    stateMachine.close();
  }
}

async function testTask({
  task,
  stateMachine,
  queue,
  pageTopicArn,
  faults,
  signal,
}: {
  readonly task: DeployedTask;
  /** Performs the runs of a task in steps. */
  readonly stateMachine: DeployedStateMachine | undefined;
  readonly queue: NotificationQueue;
  readonly pageTopicArn: string;
  /** Resources with the one rule that each breaks. */
  readonly faults: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}): Promise<void> {
  const scheduled = () =>
    queue.received.filter(({ message }) => message.task === task.id && message.trigger === 'schedule');
  const what = `a notification of ${task.id}`;
  const first = await waitFor(what, { timeoutSeconds: firstRunTimeoutSeconds, signal }, async () => {
    await queue.receive(signal);
    return scheduled()[0];
  });
  const { message } = first;
  const topic = first.topicArn === pageTopicArn ? 'page' : 'notice';
  say(`${task.id}: ${topic} notification: ${first.subject}`);

  const report = await task.report(message.reportUrl);
  assert.equal(report.runId, message.runId);
  assert.equal(report.trigger, 'schedule');
  for (const [resourceId, rule] of Object.entries(faults)) {
    const broken = report.findings.filter(({ resource }) => resource.id === resourceId).map((finding) => finding.rule);
    assert.deepEqual(broken, [rule], `what ${resourceId} breaks`);
  }
  const { expected, checked } = report.coverage;
  say(
    `${task.id}: stored report: ${report.status}, ${checked} of ${expected} checked, ${report.findings.length} findings`,
  );

  // The lease is marked as done after the notification has been sent.
  const run = await waitFor(
    'a completed run',
    { timeoutSeconds: 10, signal },
    async () => (await task.completedRuns())[0],
  );
  if (stateMachine !== undefined) {
    const { parts, skipped } = await stateMachine.checkRun(report.runId, message.reportUrl);
    say(
      `${task.id}: performed in steps, ${parts} parts of work; executions of the same run that were skipped: ${skipped}`,
    );
    await stateMachine.checkRedelivery(run);
  }
  await task.checkRedelivery(run);
  await queue.receive(signal);
  const runs = await task.completedRuns();
  assert(
    scheduled().length <= runs.length,
    `${scheduled().length} notifications for ${runs.length} runs: a duplicate delivery was not noticed`,
  );
  say(`${task.id}: one notification for the run of ${run.scheduledTime}, delivered three times`);

  const byHand = await task.checkRunByHand();
  say(`${task.id}: run by hand: ${byHand.status}, ${byHand.findings.length} findings`);
  say(`${task.id}: event {"nope":1}: ${(await task.checkBadEvent()).replaceAll(/\s+/g, ' ')}`);
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
}
const directory = await mkdtemp(join(tmpdir(), 'caretaker-e2e-'));
try {
  await using cleanUp = new AsyncDisposableStack();
  await testDeployment(directory, stop.signal, cleanUp);
  say('everything was as it should be');
} catch (error) {
  process.exitCode = 1;
  if (error instanceof MissingToolError || stop.signal.aborted) {
    process.stderr.write(`${stop.signal.aborted ? (stop.signal.reason as Error).message : (error as Error).message}\n`);
  } else {
    const log = await readFile(join(directory, 'ministack.log'), 'utf8').catch(() => '');
    process.stderr.write(`${log.split('\n').slice(-60).join('\n')}\n`);
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
