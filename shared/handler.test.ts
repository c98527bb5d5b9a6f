import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Context } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { type SandboxAws, startSandboxAws } from '../sandbox/aws/sandbox-aws.ts';
import { DynamoControlStore } from './control/dynamo-control-store.ts';
import {
  type DeployedConfig,
  deployedConfigFileName,
  environmentNames,
  runStatePrefix,
  workWindowSeconds,
} from './deployment.ts';
import { createHandler, type InvocationResult } from './handler.ts';
import { Ledger } from './ledger/ledger.ts';
import { ledgerRecord } from './ledger/ledger-fixtures.ts';
import { S3LedgerStore } from './ledger/s3-ledger-store.ts';
import { type Report, reportSchema } from './report.ts';
import type { TaskSteps, WorkItem, WorkProgress } from './run-task.ts';
import { RunState } from './storage/run-state.ts';
import { S3StateStore } from './storage/s3-state-store.ts';
import { defineTask } from './task.ts';

const task = defineTask({
  id: 'counting',
  title: 'Counting',
  schedule: 'rate(1 day)',
  timeoutSeconds: 900,
  memoryMiB: 128,
  resumable: true,
  permissions: [],
  rules: ['too-many'],
  config: z.strictObject({ parts: z.array(z.string()).default(['audio', 'video/stems']), limit: z.int().default(2) }),
});

type Config = z.output<typeof task.config>;

/** Every part takes three steps; `fault` is called where a step could be killed. */
function countingSteps(fault: (where: string) => void): TaskSteps<Config, Map<string, number>, 'too-many'> {
  return {
    async plan({ config }) {
      fault('plan');
      return config.parts.map((id) => ({ id }));
    },
    async work(item: WorkItem, progress: WorkProgress | undefined) {
      const counted = ((progress?.state as number | undefined) ?? 0) + 1;
      fault(`work ${item.id} ${counted}`);
      return { isDone: counted === 3, state: counted };
    },
    async collect({ work, coverage }) {
      const counts = new Map<string, number>();
      for (const { item, progress } of work) {
        const resource = { type: 'part', id: item.id, name: item.id };
        if (progress?.isDone !== true) coverage.expect(resource);
        else {
          coverage.checked(resource);
          counts.set(item.id, progress.state as number);
        }
      }
      fault('collect');
      return counts;
    },
    evaluate: (counts, { limit }) => ({
      findings: [...counts]
        .filter(([, count]) => count > limit)
        .map(([id, count]) => ({
          rule: 'too-many',
          severity: 'medium',
          resource: { type: 'part', id, name: id },
          summary: `${count} were counted.`,
          evidence: { count },
          remedy: 'Count less.',
        })),
      unchecked: [],
    }),
  };
}

let aws: SandboxAws;
let s3: S3Client;
let directory: string;
let environment: NodeJS.ProcessEnv;
let fault: (where: string) => void;
let handler: ReturnType<typeof createHandler>;

beforeAll(async () => {
  aws = await startSandboxAws({ now: new Date() });
  directory = await mkdtemp(join(tmpdir(), 'caretaker-handler-'));
  const deployed: DeployedConfig = { estate: { name: 'nycmg', timeZone: 'America/New_York' }, config: {} };
  await writeFile(join(directory, deployedConfigFileName), JSON.stringify(deployed));
  environment = { ...process.env };
  Object.assign(process.env, aws.environment, {
    LAMBDA_TASK_ROOT: directory,
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    POWERTOOLS_TRACE_ENABLED: 'false',
  });
  s3 = new S3Client({});
  handler = createHandler(
    task,
    countingSteps((where) => fault(where)),
  );
});
afterAll(async () => {
  process.env = environment;
  s3.destroy();
  await rm(directory, { recursive: true });
  await aws.stop();
});
beforeEach(() => {
  fault = () => {};
});
afterEach(() => {
  vi.useRealTimers();
});

let requests = 0;

async function invoke(event: unknown, entry: typeof handler = handler): Promise<InvocationResult> {
  const context = {
    awsRequestId: `request-${requests++}`,
    functionName: 'caretaker-sandbox-counting',
    functionVersion: '7',
    getRemainingTimeInMillis: () => 900_000,
  };
  return entry(event, context as unknown as Context);
}

type Ask = (step: Record<string, string>, input?: object) => Promise<InvocationResult>;

/** Does what the state machine does, and returns what its last step answered. */
async function execute(runId: string, input: object = {}, ask: Ask = once): Promise<InvocationResult> {
  const planned = await ask({ kind: 'plan', runId }, input);
  if (planned.status === 'skipped') return planned;
  for (const item of planned.items ?? []) {
    try {
      while ((await ask({ kind: 'work', runId, item })).status === 'unfinished');
    } catch {
      // The state machine gives the item up, and goes on.
    }
  }
  return ask({ kind: 'finish', runId });
}

const once: Ask = (step, input = {}) => invoke({ ...input, step });

async function reportOf({ reportUrl }: InvocationResult): Promise<Report> {
  const { hostname, pathname } = new URL(reportUrl ?? '');
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: hostname, Key: pathname.slice(1) }));
  return reportSchema.parse(JSON.parse((await Body?.transformToString()) ?? ''));
}

const scheduled = (minute: number) => ({
  schedule: { arn: 'arn:schedule', scheduledTime: `2026-11-22T03:${String(minute).padStart(2, '0')}:00Z` },
});

/** What a report says, without what every run has of its own. */
function substance({ runId, startedAt, finishedAt, metrics, trigger, ...rest }: Report) {
  return rest;
}

describe('a run in steps', () => {
  it('ends with the report that one invocation would have made', async () => {
    const whole = await reportOf(await invoke({}));
    const before = aws.deliveries().length;
    const result = await execute('execution-1', scheduled(1));
    expect(result).toMatchObject({ task: 'counting', status: 'findings', runId: 'execution-1', findings: 2 });
    const report = await reportOf(result);
    expect(substance(report)).toEqual(substance(whole));
    expect(report).toMatchObject({ runId: 'execution-1', trigger: 'schedule' });
    expect(aws.deliveries().length - before).toBe(1);
  });

  it('is started by hand without a schedule, and narrowed as its plan was', async () => {
    const result = await execute('execution-2', { scope: { only: 'audio' }, config: { limit: 1 } });
    const report = await reportOf(result);
    expect(report).toMatchObject({ trigger: 'manual', scope: { only: 'audio' } });
    expect(report.findings.map(({ resource }) => resource.name)).toEqual(['audio']);
  });

  it('keeps what its steps tell each other where the lifecycle rule of the bucket removes it', async () => {
    await execute('execution-3');
    const { Body } = await s3.send(
      new GetObjectCommand({
        Bucket: aws.environment.CARETAKER_REPORT_BUCKET,
        Key: `${runStatePrefix('counting')}execution-3/progress/video/stems`,
      }),
    );
    expect(await Body?.transformToString()).toBe('{"progress":{"isDone":true,"state":3}}');
  });

  it('comes to the same result when every step is killed once and every answer is lost once', async () => {
    const killed = new Set<string>();
    fault = (where) => {
      if (killed.has(where)) return;
      killed.add(where);
      throw new Error(`killed in ${where}`);
    };
    const retrying: Ask = async (step, input) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await once(step, input);
          return await once(step, input);
        } catch (error) {
          if (attempt === 5) throw error;
        }
      }
    };
    const before = aws.deliveries().length;
    // The last answer is the second to finish, which finds the run done.
    expect(await execute('execution-4', scheduled(4), retrying)).toMatchObject({ status: 'skipped' });
    expect([...killed].sort()).toEqual(
      ['collect', 'plan', ...['audio', 'video/stems'].flatMap((id) => [1, 2, 3].map((n) => `work ${id} ${n}`))].sort(),
    );
    expect(aws.deliveries().length - before).toBe(1);
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    const reportUrl = `s3://${aws.environment.CARETAKER_REPORT_BUCKET}/reports/counting/${day}/execution-4.json`;
    expect(await reportOf({ task: 'counting', status: 'done', reportUrl })).toMatchObject({ status: 'findings' });
  });

  it('keeps to its first plan, whatever the estate has become when it is asked again', async () => {
    const step = { kind: 'plan', runId: 'execution-5' };
    const first = await once(step, { config: { parts: ['a', 'b'] } });
    expect(first).toEqual({ task: 'counting', status: 'planned', runId: 'execution-5', items: ['a', 'b'] });
    expect(await once(step, { config: { parts: ['c'] } })).toEqual(first);
  });

  it('reports a part that failed for good as unchecked, and everything else', async () => {
    fault = (where) => {
      if (where === 'work audio 2') throw new Error('never works');
    };
    const report = await reportOf(await execute('execution-6', scheduled(6)));
    expect(report.status).toBe('incomplete');
    expect(
      report.coverage.unchecked.map(({ resource, reason, detail }) => `${resource.id} ${reason}: ${detail}`),
    ).toEqual([
      'work/audio step-failed: Error: never works',
      'audio not-reached: The run ended before it came to this.',
    ]);
    expect(report.findings.map(({ resource }) => resource.name)).toEqual(['video/stems']);
  });

  it('stops working when its time is up, and reports what is left as unchecked', async () => {
    const runId = 'execution-7';
    await once({ kind: 'plan', runId }, scheduled(7));
    expect(await once({ kind: 'work', runId, item: 'audio' })).toMatchObject({ status: 'unfinished' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + (workWindowSeconds + 1) * 1000 });
    expect(await once({ kind: 'work', runId, item: 'audio' })).toMatchObject({ status: 'out-of-time' });
    const result = await once({ kind: 'finish', runId });
    expect(result.status).toBe('failed');
    const { unchecked } = (await reportOf(result)).coverage;
    expect(unchecked.map(({ resource }) => resource.id)).toContain('work/audio');
  });

  it('forgets that a step failed once a later one has come further', async () => {
    const runId = 'execution-9';
    await once({ kind: 'plan', runId });
    fault = () => {
      throw new Error('not yet');
    };
    await expect(once({ kind: 'work', runId, item: 'audio' })).rejects.toThrow('not yet');
    fault = () => {};
    await once({ kind: 'work', runId, item: 'audio' });
    const { unchecked } = (await reportOf(await once({ kind: 'finish', runId }))).coverage;
    expect(unchecked.map(({ reason }) => reason)).not.toContain('step-failed');
  });

  it('fails with the error of its step, and logs that this could not be written down', async () => {
    const runId = 'execution-10';
    await once({ kind: 'plan', runId });
    fault = () => {
      throw new Error('not yet');
    };
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    const write = vi.spyOn(RunState.prototype, 'writePart').mockRejectedValueOnce(new Error('no room'));
    try {
      await expect(once({ kind: 'work', runId, item: 'audio' })).rejects.toThrow('not yet');
      expect(warn.mock.lastCall?.[1]).toMatchObject({
        item: 'audio',
        failure: 'Error: not yet',
        error: { message: 'no room' },
      });
    } finally {
      warn.mockRestore();
      write.mockRestore();
    }
  });

  it('does nothing more for a part that is done', async () => {
    const runId = 'execution-8';
    await execute(runId);
    fault = (where) => {
      throw new Error(where);
    };
    expect(await once({ kind: 'work', runId, item: 'audio' })).toMatchObject({ status: 'done' });
  });
});

describe('a scheduled run that is delivered twice', () => {
  it('is left to the execution that came first, whichever step that is at', async () => {
    const first = { kind: 'plan', runId: 'first-a' };
    const second = { kind: 'plan', runId: 'second-a' };
    expect((await once(first, scheduled(20))).status).toBe('planned');
    expect(await once(second, scheduled(20))).toEqual({ task: 'counting', status: 'skipped' });
    await once({ kind: 'work', runId: 'first-a', item: 'audio' });
    expect((await once(second, scheduled(20))).status).toBe('skipped');
    expect((await once({ kind: 'finish', runId: 'first-a' })).reportUrl).toContain('first-a');
    const before = aws.deliveries().length;
    expect((await once(second, scheduled(20))).status).toBe('skipped');
    expect((await invoke(scheduled(20))).status).toBe('skipped');
    expect(aws.deliveries().length).toBe(before);
  });

  it('is performed by the second execution when the first could not plan', async () => {
    fault = (where) => {
      if (where === 'plan') throw new Error('no plan');
    };
    await expect(once({ kind: 'plan', runId: 'first-b' }, scheduled(21))).rejects.toThrow('no plan');
    fault = () => {};
    expect((await execute('second-b', scheduled(21))).status).toBe('findings');
  });

  it('is not reported by an execution that another has taken over from', async () => {
    await once({ kind: 'plan', runId: 'first-c' }, scheduled(22));
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 13 * 3_600_000 });
    expect((await once({ kind: 'plan', runId: 'second-c' }, scheduled(22))).status).toBe('planned');
    const before = aws.deliveries().length;
    await expect(once({ kind: 'finish', runId: 'first-c' })).rejects.toThrow(/performed by another/);
    expect(aws.deliveries().length).toBe(before);
  });

  it('is tried again when its report could not be told', async () => {
    const runId = 'first-d';
    await once({ kind: 'plan', runId }, scheduled(23));
    const topic = process.env.CARETAKER_PAGE_TOPIC_ARN;
    process.env.CARETAKER_PAGE_TOPIC_ARN = `${topic}-gone`;
    try {
      await expect(once({ kind: 'finish', runId })).rejects.toThrow();
    } finally {
      process.env.CARETAKER_PAGE_TOPIC_ARN = topic;
    }
    expect((await once({ kind: 'finish', runId })).reportUrl).toContain(runId);
  });
});

describe('a task that changes things', () => {
  const changing = defineTask({
    id: 'changing',
    title: 'Changing',
    schedule: 'rate(1 day)',
    timeoutSeconds: 900,
    memoryMiB: 128,
    applies: true,
    permissions: [],
    rules: ['none'],
    alarms: [
      { metric: 'backlogAgeHours', title: 'Backlog', threshold: () => 72 },
      { metric: 'neverMeasured', title: 'Never', threshold: () => 1 },
    ],
    config: z.strictObject({}),
  });
  const steps: TaskSteps<object, void, 'none'> = {
    async collect({ mode, actor, runId, control, ledgers, coverage, measure }) {
      coverage.checked({ type: 'part', id: 'a', name: 'a' });
      const before = await control.read('pause/changing');
      const ledger = await Ledger.open(ledgers, 'changing/a', () => new Date());
      await ledger.append(
        ledgerRecord({ actor, task: changing.id, action: mode, facts: { before: before === undefined } }),
      );
      await control.write('pause/changing', { by: actor, at: '', reason: runId });
      measure('backlogAgeHours', 12.5);
      measure('plannedCount', 3);
    },
    evaluate: () => ({ findings: [], unchecked: [] }),
  };

  it('is given who performs it, what people have said and where to write down what it does, and its numbers are measured', async () => {
    const entry = createHandler(changing, steps);
    const measured = vi.spyOn(Metrics.prototype, 'addMetric');
    try {
      expect((await reportOf(await invoke({}, entry))).mode).toBe('apply');
      expect((await reportOf(await invoke({ dryRun: true }, entry))).mode).toBe('dry-run');
      const names = measured.mock.calls.filter(([name]) => !['Findings', 'Unchecked'].includes(name));
      expect(names).toEqual([
        ['BacklogAgeHours', 'None', 12.5],
        ['BacklogAgeHours', 'None', 12.5],
      ]);
    } finally {
      measured.mockRestore();
    }
    const store = new S3LedgerStore(s3, aws.environment[environmentNames.ledgerBucket] ?? '');
    const ledger = await Ledger.open(store, 'changing/a', () => new Date());
    const actor = 'lambda:caretaker-sandbox-counting:7';
    expect(await Array.fromAsync(ledger.entries())).toMatchObject([
      { actor, action: 'apply', facts: { before: true } },
      { actor, action: 'dry-run', facts: { before: false } },
    ]);
    const table = aws.environment[environmentNames.stateTable] ?? '';
    const client = new DynamoDBClient({});
    expect(await new DynamoControlStore(client, table).read('pause/changing')).toMatchObject({ by: actor });
    client.destroy();
  });
});

describe('an event that asks for a step', () => {
  it.each([
    [{ step: { kind: 'plan' } }, /step\.runId/],
    [{ step: { kind: 'plan', runId: '../r' } }, /step\.runId: letters/],
    [{ step: { kind: 'rest', runId: 'r' } }, /step\.kind/],
    [{ step: { kind: 'plan', runId: 'r', nope: 1 } }, /step\.nope: unknown key/],
    [{ step: { kind: 'plan', runId: 'r' }, nope: 1 }, /nope: unknown key/],
    [{ step: { kind: 'plan', runId: 'r' }, watch: true }, /watch: has no place/],
    [{ step: { kind: 'finish', runId: 'r' }, scope: { only: 'x' } }, /scope: has no place in the step finish/],
    [{ step: { kind: 'plan', runId: 'r' }, config: { limits: 1 } }, /config\.limits: unknown key/],
    [{ step: { kind: 'work', runId: 'never', item: 'audio' } }, /no run never has been planned/],
    [{ step: { kind: 'finish', runId: 'never' } }, /no run never has been planned/],
  ])('is refused when it is %j', async (event, message) => {
    await expect(invoke(event)).rejects.toMatchObject({ name: 'ConfigError', message: expect.stringMatching(message) });
  });

  it('is refused for a part that was not planned', async () => {
    await once({ kind: 'plan', runId: 'odd' });
    await expect(once({ kind: 'work', runId: 'odd', item: 'nope' })).rejects.toThrow(/step\.item: nope is not/);
  });

  it('is refused by a task whose work is not planned', async () => {
    const { resumable, ...short } = task;
    const entry = createHandler(
      short,
      countingSteps(() => {}),
    );
    await expect(invoke({ step: { kind: 'plan', runId: 'r' } }, entry)).rejects.toThrow(/in one invocation/);
  });
});

describe('a plan', () => {
  it('is refused when two parts have the same id, or when it is more than Step Functions hands on', async () => {
    const planOf = (parts: string[]) => once({ kind: 'plan', runId: `plan-of-${parts.length}` }, { config: { parts } });
    await expect(planOf(['a', 'b', 'a'])).rejects.toThrow('the same id');
    await expect(planOf(Array.from({ length: 40_000 }, (_, index) => `part-${index}`))).rejects.toThrow(/larger parts/);
  });

  it('whose progress was garbled is not reported as if it had not been', async () => {
    const runId = 'garbled';
    await once({ kind: 'plan', runId });
    const store = new S3StateStore(s3, aws.environment.CARETAKER_REPORT_BUCKET ?? '', 'state/counting/');
    const progress = { isDone: 'yes' } as unknown as WorkProgress;
    await new RunState(store, runId).writePart({ id: 'audio' }, { progress });
    await expect(once({ kind: 'finish', runId })).rejects.toThrow(/runs\/garbled\/progress\/audio.*\n.*isDone/);
  });
});
