import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import type * as z from 'zod';
import type { AwsClients } from './aws/clients.ts';
import { type UncheckedReason, uncheckedReason } from './aws/unchecked-reason.ts';
import { ConfigError, type ConfigFault, faultsIn, parseOrThrow } from './config-error.ts';
import type { ControlStore } from './control/control-store.ts';
import { MemoryControlStore } from './control/memory-control-store.ts';
import { CoverageLedger, scopeType } from './coverage.ts';
import type { Databases } from './databases.ts';
import type { Estate } from './estate.ts';
import type { Evaluation } from './evaluate-rules.ts';
import { compareFindings, type Finding, findingId } from './finding.ts';
import type { Invocation } from './invocation.ts';
import type { LedgerStore } from './ledger/ledger-store.ts';
import { MemoryLedgerStore } from './ledger/memory-ledger-store.ts';
import type { Coverage, Report } from './report.ts';
import type { StateStore } from './storage/state-store.ts';
import { databasesFor, type TaskDefinition, unknownDatabases } from './task.ts';

/** What a step of long work may use. */
export interface WorkContext<Config> {
  readonly config: Config;
  /** Already narrowed to the accounts and regions of this run. */
  readonly estate: Estate;
  /** Those that the task's definition says it reads, by name. */
  readonly databases: Databases;
  /** The first region of the whole estate: where things are that the configuration gives no region. */
  readonly homeRegion: string;
  /** How the invocation narrows the run, if it does. */
  readonly scope: NonNullable<Invocation['scope']>;
  readonly now: Date;
  /** `apply` only for a task that changes things, in a run that may. */
  readonly mode: Report['mode'];
  /** Who performs the run: a function, a role, or a user of the operating system. */
  readonly actor: string;
  readonly runId: string;
  readonly clients: AwsClients;
  /** What is remembered from run to run. */
  readonly store: StateStore;
  /** What people and runs tell each other. */
  readonly control: ControlStore;
  /** Where it is written down what was done. */
  readonly ledgers: LedgerStore;
  /** Aborted when the time is up; what is left by then is unchecked, or goes on in the next step. */
  readonly signal: AbortSignal;
  /** How long it is until `signal` is aborted; not known unless given. */
  readonly timeLeftMs?: () => number;
  /** Says how far something is, for a terminal; `subject` tells apart what is done side by side, such as policies. */
  readonly progress?: (done: number, total: number, subject?: string) => void;
}

/** What collect may use. It reads the estate and settles everything that it expected in `coverage`. */
export interface CollectContext<Config> extends WorkContext<Config> {
  readonly coverage: CoverageLedger;
  /** What became of the task's long work; empty for a task without. */
  readonly work: readonly FinishedWork[];
  /** How long it is until `signal` is aborted. */
  readonly timeLeftMs: () => number;
  /** Records a number for the report's `metrics`; the unit is in the name. */
  readonly measure: (name: string, value: number) => void;
  readonly progress: (done: number, total: number, subject?: string) => void;
}

/** A part of a task's long work that one worker can do on its own. It is sent through Step Functions, so it is plain JSON. */
export interface WorkItem {
  /** Unique within the run, and a good name for a document: letters, digits, `-`, `_`, `.` and `/`. */
  readonly id: string;
}

/** How far a part of the work is. Plain JSON, kept between steps, and in the end the result. */
export interface WorkProgress {
  readonly isDone: boolean;
  /** Whatever the task needs to go on, and to judge by: of bounded size. */
  readonly state: unknown;
}

export interface FinishedWork {
  readonly item: WorkItem;
  /** Undefined when the run's time was up before it was begun. */
  readonly progress: WorkProgress | undefined;
  /** Why the last step came to nothing, if it did. */
  readonly failure?: string | undefined;
}

/**
 * The halves of an audit: collect is the only impure one. Work that one invocation may be too short for is divided by `plan` and
 * done by `work`, in steps that each stop at `signal` and go on from what the one before returned; collect then finds the
 * results in its context.
 */
export interface TaskSteps<Config, Items, Rule extends string = string> {
  /** @throws nothing that is about a single resource: the work itself says what could not be looked at. */
  plan?(context: WorkContext<Config>): Promise<readonly WorkItem[]>;
  /** Has to come forward a little in each step, whatever the time. */
  work?(item: WorkItem, progress: WorkProgress | undefined, context: WorkContext<Config>): Promise<WorkProgress>;
  collect(context: CollectContext<Config>): Promise<Items>;
  evaluate(items: Items, config: Config, now: Date): Evaluation<Rule>;
  /** Names the reason for errors of what the task reads beside AWS; `undefined` for what is a bug. */
  classify?(error: unknown): UncheckedReason | undefined;
}

/** Everything that a run takes from its surroundings. */
export interface RunOptions {
  readonly estate: Estate;
  /** Every one that is configured; none unless given. */
  readonly databases?: Databases;
  /** The task's configuration before its schema has seen it. */
  readonly config: Record<string, unknown>;
  /** Where the configuration came from, for error messages. */
  readonly configSource: string;
  readonly invocation: Invocation;
  readonly clients: AwsClients;
  readonly store: StateStore;
  /** Of this process unless given. */
  readonly control?: ControlStore;
  readonly ledgers?: LedgerStore;
  /** Who performs the run; `caretaker` unless given. */
  readonly actor?: string;
  readonly clock: () => Date;
  /** The run stops looking after this and reports the rest as unchecked. */
  readonly timeBudgetSeconds: number;
  /** New unless given; the steps of one run share it. */
  readonly runId?: string;
  readonly progress?: (done: number, total: number, subject?: string) => void;
}

/** The share of a run's time that long work may take when one process does everything; the rest is collect's. */
const workShare = 0.7;

/** Parts of the work under way at a time in one process; each part bounds its own calls. */
const workConcurrency = 2;

/**
 * Runs a task once and returns its report: parse, plan, work, collect, evaluate, report. The one path for the command line, the
 * sandbox, the tests and every Lambda function whose work fits one invocation.
 *
 * @throws ConfigError for bad configuration or a scope outside the estate, before anything has been looked at; and
 *   whatever a step throws that is not about a single resource.
 */
export async function runTask<Config extends z.ZodType, Items, Rule extends string>(
  definition: TaskDefinition<string, Rule, Config>,
  steps: TaskSteps<z.output<Config>, Items, Rule>,
  given: RunOptions,
): Promise<Report> {
  // One and the same in all steps.
  const options: RunOptions = {
    control: new MemoryControlStore(),
    ledgers: new MemoryLedgerStore(),
    runId: randomUUID(),
    ...given,
  };
  const startedAt = options.clock();
  const began = performance.now();
  const broken = new AbortController();
  const signal = AbortSignal.any([
    AbortSignal.timeout(Math.round(options.timeBudgetSeconds * 1000 * workShare)),
    broken.signal,
  ]);
  const stepSeconds = Math.min(definition.timeoutSeconds, options.timeBudgetSeconds) * workShare;
  const items = await planWork(definition, steps, options);
  const work = await pMap(
    items,
    async (item): Promise<FinishedWork> => {
      let progress: WorkProgress | undefined;
      while (!signal.aborted && progress?.isDone !== true) {
        // No longer than in the cloud: what a step has done is kept at its end, and lost if it never comes.
        const step = AbortSignal.any([signal, AbortSignal.timeout(Math.round(stepSeconds * 1000))]);
        const leftSeconds = Math.max(0, options.timeBudgetSeconds * workShare - (performance.now() - began) / 1000);
        const timeBudgetSeconds = Math.min(stepSeconds, leftSeconds);
        const stepOptions = { ...options, signal: step, timeBudgetSeconds };
        try {
          progress = await continueWork(definition, steps, stepOptions, item, progress);
        } catch (error) {
          // The others come to an end in order: what changes things must not go on behind a run that has failed.
          broken.abort(error);
        }
      }
      return { item, progress };
    },
    { concurrency: workConcurrency },
  );
  broken.signal.throwIfAborted();
  const timeBudgetSeconds = Math.max(1, options.timeBudgetSeconds - (performance.now() - began) / 1000);
  return finishTask(definition, steps, { ...options, timeBudgetSeconds }, work, startedAt);
}

/** Returns the parts that the task's long work can be done in; none for a task without. @throws as {@link runTask}. */
export async function planWork<Config extends z.ZodType, Items, Rule extends string>(
  definition: TaskDefinition<string, Rule, Config>,
  steps: TaskSteps<z.output<Config>, Items, Rule>,
  options: RunOptions,
): Promise<readonly WorkItem[]> {
  const context = workContext(definition, options);
  return (await steps.plan?.(context)) ?? [];
}

/** Goes on with one part of the work until it is done or the time is up. @throws as {@link runTask}. */
export async function continueWork<Config extends z.ZodType, Items, Rule extends string>(
  definition: TaskDefinition<string, Rule, Config>,
  steps: TaskSteps<z.output<Config>, Items, Rule>,
  options: RunOptions & { readonly signal?: AbortSignal },
  item: WorkItem,
  progress: WorkProgress | undefined,
): Promise<WorkProgress> {
  if (steps.work === undefined) throw new TypeError(`${definition.id} plans work, and does none`);
  const context = workContext(definition, options);
  return steps.work(item, progress, { ...context, signal: options.signal ?? context.signal });
}

/**
 * Collects and evaluates, given what became of the long work, and returns the report. Work that was not finished is unchecked.
 *
 * @param startedAt when the first step of the run began.
 * @throws as {@link runTask}.
 */
export async function finishTask<Config extends z.ZodType, Items, Rule extends string>(
  definition: TaskDefinition<string, Rule, Config>,
  steps: TaskSteps<z.output<Config>, Items, Rule>,
  options: RunOptions,
  work: readonly FinishedWork[] = [],
  startedAt = options.clock(),
): Promise<Report> {
  const { invocation, clock } = options;
  const scope = invocation.scope ?? {};
  const endsAtMs = performance.now() + options.timeBudgetSeconds * 1000;
  const context = workContext(definition, options);
  const { config, estate } = context;

  const coverage = new CoverageLedger({
    only: scope.only,
    classify: (error) => uncheckedReason(error) ?? steps.classify?.(error),
  });
  for (const { item, progress, failure } of work) {
    const resource = { type: scopeType, id: `work/${item.id}`, name: item.id };
    if (progress?.isDone === true) coverage.checked(resource);
    else if (failure !== undefined) coverage.unchecked(resource, 'step-failed', failure);
    else coverage.expect(resource);
  }
  const metrics: Record<string, number> = {};
  const items = await steps.collect({
    ...context,
    coverage,
    work,
    timeLeftMs: () => Math.max(0, endsAtMs - performance.now()),
    measure: (name, value) => {
      metrics[name] = value;
    },
    progress: options.progress ?? (() => {}),
  });
  if (scope.only !== undefined) requireMatch(coverage, scope.only);
  const evaluation = steps.evaluate(items, config, context.now);
  for (const { resource, reason, detail } of evaluation.unchecked) coverage.unchecked(resource, reason, detail);

  const findings = worstOfEach(
    evaluation.findings
      .filter(({ resource }) => coverage.selects(resource))
      .map(({ discriminator, ...draft }): Finding => {
        const id = findingId(definition.id, draft.rule, draft.resource.id, discriminator);
        return { id, task: definition.id, ...draft };
      }),
  );
  const summary = coverage.summary();
  const finishedAt = clock();
  metrics.durationSeconds = (finishedAt.getTime() - startedAt.getTime()) / 1000;
  return {
    schemaVersion: 1,
    runId: context.runId,
    task: definition.id,
    title: definition.title,
    trigger: invocation.schedule === undefined ? 'manual' : 'schedule',
    mode: context.mode,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    scope: {
      estate: estate.name,
      timeZone: estate.timeZone,
      accounts: estate.accounts.map(({ id }) => id),
      regions: estate.regions,
      ...(scope.only === undefined ? {} : { only: scope.only }),
    },
    coverage: summary,
    findings,
    changes: [...(evaluation.changes ?? [])],
    metrics,
    ...(evaluation.headline === undefined ? {} : { headline: evaluation.headline }),
    ...(evaluation.tables === undefined ? {} : { tables: [...evaluation.tables] }),
    status: coverage.hasFailed ? 'failed' : statusOf(summary, findings.length, coverage.mayBeEmpty),
  };
}

function workContext<Config extends z.ZodType>(
  definition: TaskDefinition<string, string, Config>,
  options: RunOptions,
): WorkContext<z.output<Config>> {
  const scope = options.invocation.scope ?? {};
  const config = parseConfig(definition.config, options);
  const { databases = {} } = options;
  const endsAtMs = performance.now() + options.timeBudgetSeconds * 1000;
  const faults = unknownDatabases(definition, config, databases).map((message) => ({ path: definition.id, message }));
  if (faults.length > 0) throw new ConfigError(options.configSource, faults);
  const mode = definition.applies === true && options.invocation.dryRun !== true ? 'apply' : 'dry-run';
  if (mode === 'apply') requireOwnConfig(options.invocation);
  return {
    config,
    databases: databasesFor(definition, config, databases),
    estate: narrow(options.estate, scope),
    homeRegion: options.estate.regions[0] as string,
    scope,
    now: options.clock(),
    mode,
    actor: options.actor ?? 'caretaker',
    runId: options.runId ?? randomUUID(),
    clients: options.clients,
    store: options.store,
    control: options.control ?? new MemoryControlStore(),
    ledgers: options.ledgers ?? new MemoryLedgerStore(),
    signal: AbortSignal.timeout(Math.round(options.timeBudgetSeconds * 1000)),
    timeLeftMs: () => Math.max(0, endsAtMs - performance.now()),
    ...(options.progress === undefined ? {} : { progress: options.progress }),
  };
}

/**
 * A resource can break a rule in more than one way at once, as a host whose addresses show different certificates: that is one
 * finding, told by its worst form.
 */
function worstOfEach(findings: readonly Finding[]): Finding[] {
  const byId = new Map<string, Finding>();
  for (const finding of [...findings].sort(compareFindings)) if (!byId.has(finding.id)) byId.set(finding.id, finding);
  return [...byId.values()];
}

/** A pattern that matches nothing is a slip of the pen, not a clean estate. */
function requireMatch(coverage: CoverageLedger, only: string): void {
  const { expected, byType } = coverage.summary();
  if (expected > (byType[scopeType]?.expected ?? 0)) return;
  const resource = { type: scopeType, id: `only/${only}`, name: `resources that match ${only}` };
  coverage.unchecked(resource, 'nothing-matches', `No name or id of what could be listed matches ${only}.`);
}

/** Faults of the configuration itself and those that the invocation brings are told apart by their source and path. */
function parseConfig<Config extends z.ZodType>(schema: Config, options: RunOptions): z.output<Config> {
  const own = parseOrThrow(schema, options.config, options.configSource);
  const laidOver = options.invocation.config;
  if (laidOver === undefined) return own;
  const result = schema.safeParse({ ...options.config, ...laidOver });
  if (result.success) return result.data;
  const faults = faultsIn(result.error).map(({ path, message }) => ({ path: `config.${path}`, message }));
  throw new ConfigError('event', faults);
}

/** Who may invoke a function is not who may say what it deletes, from where, and whether anybody else has to look at it first. */
function requireOwnConfig({ config }: Invocation): void {
  if (config === undefined) return;
  const message =
    'what changes things does so by its deployed configuration alone; with "dryRun": true it shows what it would do';
  throw new ConfigError('event', [{ path: 'config', message }]);
}

function statusOf(coverage: Coverage, findings: number, mayBeEmpty: boolean): Report['status'] {
  const resourcesChecked = coverage.checked - (coverage.byType[scopeType]?.checked ?? 0);
  if (resourcesChecked === 0 && (coverage.unchecked.length > 0 || !mayBeEmpty)) return 'failed';
  if (coverage.unchecked.length > 0) return 'incomplete';
  return findings > 0 ? 'findings' : 'clean';
}

function narrow(estate: Estate, scope: NonNullable<Invocation['scope']>): Estate {
  const faults: ConfigFault[] = [];
  const known = { regions: estate.regions, accounts: estate.accounts.map(({ id }) => id) };
  for (const kind of ['regions', 'accounts'] as const) {
    for (const [index, value] of (scope[kind] ?? []).entries()) {
      if (known[kind].includes(value)) continue;
      const have = known[kind].length > 0 ? known[kind].join(', ') : 'none';
      faults.push({ path: `scope.${kind}[${index}]`, message: `${value} is not in the estate, which has ${have}` });
    }
  }
  if (faults.length > 0) throw new ConfigError('event', faults);
  return {
    ...estate,
    regions: scope.regions ?? estate.regions,
    accounts: estate.accounts.filter(({ id }) => scope.accounts === undefined || scope.accounts.includes(id)),
  };
}
