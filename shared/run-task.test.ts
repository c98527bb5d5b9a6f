import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AwsClients } from './aws/clients.ts';
import { ConfigError } from './config-error.ts';
import { databasesSchema } from './databases.ts';
import type { Estate } from './estate.ts';
import { evaluateRules } from './evaluate-rules.ts';
import type { Invocation } from './invocation.ts';
import { reportSchema } from './report.ts';
import type { Resource } from './resource.ts';
import { type CollectContext, type RunOptions, runTask, type TaskSteps } from './run-task.ts';
import { MemoryStateStore } from './storage/memory-state-store.ts';
import { defineTask } from './task.ts';

const task = defineTask({
  id: 'sample',
  title: 'Sample',
  schedule: 'rate(1 day)',
  timeoutSeconds: 10,
  memoryMiB: 128,
  permissions: [],
  rules: ['broken', 'odd'],
  config: z.strictObject({ limit: z.int().default(3), name: z.string().optional() }),
});

type Config = z.output<typeof task.config>;
type Item = { resource: Resource; size: number };

const estate: Estate = {
  name: 'nycmg',
  timeZone: 'America/New_York',
  regions: ['us-east-1', 'us-west-2'],
  accounts: [{ id: '123456789012' }],
};

function thing(name: string): Resource {
  return { type: 'thing', id: `arn:${name}`, name };
}

function stepsOver(collect: (context: CollectContext<Config>) => Item[]): TaskSteps<Config, Item[], 'broken' | 'odd'> {
  return {
    collect: async (context) => collect(context),
    evaluate: (items, config) =>
      evaluateRules<Item, number, 'broken' | 'odd'>(
        items,
        {
          broken: ({ resource, size }, limit) =>
            size > limit
              ? [
                  {
                    rule: 'broken',
                    severity: 'high',
                    resource,
                    summary: `${size}`,
                    evidence: { size },
                    remedy: 'Shrink it.',
                  },
                ]
              : [],
          odd: ({ size }) => {
            if (size < 0) throw new RangeError('a size below zero');
            return [];
          },
        },
        config.limit,
      ),
  };
}

function options(overrides: Partial<RunOptions> = {}): RunOptions {
  return {
    estate,
    config: {},
    configSource: 'test',
    invocation: {},
    clients: new AwsClients(),
    clock: () => new Date('2026-11-22T12:00:00Z'),
    store: new MemoryStateStore(),
    timeBudgetSeconds: 5,
    ...overrides,
  };
}

const looked = (items: readonly [string, number][]) =>
  stepsOver(({ coverage }) =>
    items.map(([name, size]) => {
      coverage.checked(thing(name));
      return { resource: thing(name), size };
    }),
  );

describe('runTask', () => {
  it('reports findings with their identity, and parses with the published schema', async () => {
    const report = await runTask(
      task,
      looked([
        ['a', 9],
        ['b', 3],
      ]),
      options(),
    );
    expect(reportSchema.parse(report)).toEqual(report);
    expect(report).toMatchObject({ status: 'findings', trigger: 'manual', mode: 'dry-run', task: 'sample' });
    expect(report.findings.map(({ resource }) => resource.name)).toEqual(['a']);
  });

  it('is clean only when everything was checked and nothing was found', async () => {
    expect((await runTask(task, looked([['a', 3]]), options())).status).toBe('clean');
  });

  it('is incomplete when something was expected and not settled', async () => {
    const steps = stepsOver(({ coverage }) => {
      coverage.checked(thing('a'));
      coverage.expect(thing('b'));
      return [];
    });
    expect((await runTask(task, steps, options())).status).toBe('incomplete');
  });

  it('fails when nothing was checked though something was expected', async () => {
    const steps = stepsOver(({ coverage }) => {
      coverage.unchecked(thing('a'), 'access-denied', 'no');
      return [];
    });
    expect((await runTask(task, steps, options())).status).toBe('failed');
  });

  it('makes an item unchecked when a rule throws on it, and goes on with the others', async () => {
    const report = await runTask(
      task,
      looked([
        ['bad', -1],
        ['a', 9],
      ]),
      options(),
    );
    expect(report.coverage.unchecked).toMatchObject([{ resource: { name: 'bad' }, reason: 'rule-failed' }]);
    expect(report.status).toBe('incomplete');
    expect(report.findings).toHaveLength(1);
  });

  it('names every fault of the configuration and runs nothing', async () => {
    let hasRun = false;
    const steps = stepsOver(() => {
      hasRun = true;
      return [];
    });
    const run = runTask(task, steps, options({ config: { limit: 'x', nope: 1 } }));
    await expect(run).rejects.toThrow(ConfigError);
    await expect(run).rejects.toThrow(/limit: .*\n.*nope: unknown key/);
    expect(hasRun).toBe(false);
  });

  it('lays the configuration of the invocation over the deployed one', async () => {
    const invocation: Invocation = { config: { limit: 100 } };
    expect((await runTask(task, looked([['a', 9]]), options({ config: { limit: 1 }, invocation }))).status).toBe(
      'clean',
    );
  });

  it('refuses a scope outside the estate and says what the estate has', async () => {
    const invocation: Invocation = { scope: { regions: ['eu-west-1'], accounts: ['999999999999'] } };
    const run = runTask(task, looked([['a', 1]]), options({ invocation }));
    await expect(run).rejects.toThrow(/scope\.regions\[0\]: eu-west-1 .*us-east-1, us-west-2/);
    await expect(run).rejects.toThrow(/scope\.accounts\[0\]: 999999999999/);
  });

  it('gives collect the narrowed regions and accounts', async () => {
    const invocation: Invocation = { scope: { regions: ['us-west-2'], accounts: ['123456789012'] } };
    let seen: unknown;
    const steps = stepsOver((context) => {
      seen = [context.estate.regions, context.estate.accounts.map(({ id }) => id)];
      context.coverage.checked(thing('a'));
      return [];
    });
    const report = await runTask(task, steps, options({ invocation }));
    expect(seen).toEqual([['us-west-2'], ['123456789012']]);
    expect(report.scope).toMatchObject({ regions: ['us-west-2'], accounts: ['123456789012'] });
  });

  it('does not call a pattern that matches nothing clean', async () => {
    const steps = stepsOver(({ coverage }) => {
      coverage.checked({ type: 'scope', id: 's', name: 'listing' });
      return [];
    });
    const report = await runTask(task, steps, options({ invocation: { scope: { only: 'tpyo*' } } }));
    expect(report.status).toBe('failed');
    expect(report.coverage.unchecked).toMatchObject([{ reason: 'nothing-matches' }]);
  });

  it('lets an error that is not about a single resource propagate', async () => {
    const steps = stepsOver(() => {
      throw new TypeError('a bug');
    });
    await expect(runTask(task, steps, options())).rejects.toThrow('a bug');
  });

  it('aborts the signal when the time budget is used up', async () => {
    const steps: TaskSteps<Config, Item[]> = {
      collect: async ({ signal, coverage }) => {
        coverage.expect(thing('slow'));
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return [];
      },
      evaluate: () => ({ findings: [], unchecked: [] }),
    };
    const report = await runTask(task, steps, options({ timeBudgetSeconds: 0.05 }));
    expect(report.coverage.unchecked).toMatchObject([{ reason: 'not-reached' }]);
  });
});

describe('long work in one process', () => {
  const counting = (work: TaskSteps<Config, number[]>['work']): TaskSteps<Config, number[]> => ({
    plan: async () => [{ id: 'one' }, { id: 'two' }, { id: 'three' }],
    ...(work === undefined ? {} : { work }),
    collect: async ({ coverage, work: done }) => {
      coverage.checked(thing('a'));
      return done.map(({ progress }) => Number(progress?.state ?? 0));
    },
    evaluate: (counts) => ({ findings: [], unchecked: [], headline: counts.join(' ') }),
  });

  it('is gone on with until each part is done, and collect finds what became of it', async () => {
    const steps = counting(async (_, progress) => {
      const count = Number(progress?.state ?? 0) + 1;
      return { isDone: count === 3, state: count };
    });
    const report = await runTask(task, steps, options());
    expect([report.headline, report.status]).toEqual(['3 3 3', 'clean']);
    expect(report.coverage.byType.scope).toEqual({ expected: 3, checked: 3 });
  });

  it('that its time was too short for is unchecked, by the name of the part', async () => {
    const steps = counting(async ({ id }, _, { signal }) => {
      if (id === 'two') return { isDone: true, state: 1 };
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { isDone: false, state: 0 };
    });
    const report = await runTask(task, steps, options({ timeBudgetSeconds: 0.2 }));
    expect(report.status).toBe('incomplete');
    expect(report.coverage.unchecked.map(({ resource, reason }) => [resource.id, reason])).toEqual([
      ['work/one', 'not-reached'],
      ['work/three', 'not-reached'],
    ]);
  });

  it('is told to stop after as long as a function may run, however long the run may take', async () => {
    const steps = counting(async (_, progress, { signal }) => {
      if (progress !== undefined) return { isDone: true, state: 2 };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { isDone: false, state: 1 };
    });
    const brief = { ...task, timeoutSeconds: 0.05 };
    const report = await runTask(brief, steps, options({ timeBudgetSeconds: 3_600 }));
    expect([report.headline, report.status]).toEqual(['2 2 2', 'clean']);
  });

  it('that breaks for another reason than a single resource ends the run', async () => {
    const steps = counting(async () => {
      throw new RangeError('a bug');
    });
    await expect(runTask(task, steps, options())).rejects.toThrow('a bug');
    await expect(runTask(task, counting(undefined), options())).rejects.toThrow('plans work, and does none');
  });

  it('fails with a part that fails, once the parts beside it have stopped', async () => {
    const stopped: string[] = [];
    const steps = counting(async ({ id }, _, { signal }) => {
      if (id === 'one') throw new Error('a bug');
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      stopped.push(id);
      return { isDone: false, state: 0 };
    });
    await expect(runTask(task, steps, options())).rejects.toThrow('a bug');
    expect(stopped).toEqual(['two']);
  });
});

describe('a run that says itself that it looked in the wrong place', () => {
  it('has failed, whatever else it saw', async () => {
    const steps = stepsOver(({ coverage }) => {
      coverage.checked(thing('a'));
      coverage.fail(thing('policy'), 'fewer-than-expected', '0 match, at least 1 expected.');
      return [];
    });
    const report = await runTask(task, steps, options());
    expect(report.status).toBe('failed');
    expect(report.coverage.unchecked).toMatchObject([{ reason: 'fewer-than-expected' }]);
  });
});

describe('a task that reads databases', () => {
  const databases = databasesSchema.parse({ main: { secretId: 'a' }, other: { secretId: 'b' } });
  const reading = (name: string) => ({ ...task, databases: () => [name] });

  it('is handed those that it names, and no other', async () => {
    const seen: unknown[] = [];
    const steps = stepsOver((context) => {
      seen.push(context.databases);
      context.coverage.checked(thing('a'));
      return [];
    });
    await runTask(reading('other'), steps, options({ databases }));
    await runTask(task, steps, options({ databases }));
    await runTask(task, steps, options());
    expect(seen).toEqual([{ other: databases.other }, {}, {}]);
  });

  it('changes nothing by a configuration that the invocation brings, and shows what it would do by it', async () => {
    const applying = { ...task, applies: true as const };
    const config = { limit: 100 };
    const given = (invocation: Invocation) =>
      runTask(applying, looked([['a', 9]]), options({ config: { limit: 1 }, invocation }));
    await expect(given({ config })).rejects.toMatchObject({ name: 'ConfigError', faults: [{ path: 'config' }] });
    expect(await given({ config, dryRun: true })).toMatchObject({ mode: 'dry-run', status: 'clean' });
    expect(await given({})).toMatchObject({ mode: 'apply', status: 'findings' });
  });

  it('is not run when one is not configured, also when only the invocation names it', async () => {
    const steps = stepsOver(() => {
      throw new Error('must not be reached');
    });
    for (const given of [{ databases }, {}]) {
      const error = await runTask(reading('absent'), steps, options(given)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as ConfigError).faults).toMatchObject([
        { path: 'sample', message: expect.stringMatching(/^names the database absent; under databases there is/) },
      ]);
    }
    const byName = { ...task, databases: (config: unknown) => [(config as Config).name ?? 'main'] };
    const invocation: Invocation = { config: { name: 'absent' } };
    await expect(runTask(byName, steps, options({ databases, invocation }))).rejects.toThrow(ConfigError);
  });

  it('leaves unchecked what its own reasons say cannot be looked at, and lets bugs through', async () => {
    const failing = (error: Error): TaskSteps<Config, Item[], 'broken' | 'odd'> => ({
      ...stepsOver(() => []),
      collect: async ({ coverage }) => {
        coverage.checked(thing('a'));
        await coverage.look(thing('b'), () => Promise.reject(error));
        return [];
      },
      classify: ({ message }: Error) =>
        message === 'locked' ? { reason: 'lock-timeout', detail: message } : undefined,
    });
    const report = await runTask(task, failing(new Error('locked')), options());
    expect(report.coverage.unchecked).toMatchObject([{ resource: { name: 'b' }, reason: 'lock-timeout' }]);
    await expect(runTask(task, failing(new Error('a bug')), options())).rejects.toThrow('a bug');
  });
});
