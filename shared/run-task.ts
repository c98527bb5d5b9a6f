import { randomUUID } from 'node:crypto';
import type * as z from 'zod';
import type { AwsClients } from './aws/clients.ts';
import { uncheckedReason } from './aws/unchecked-reason.ts';
import { ConfigError, type ConfigFault, faultsIn, parseOrThrow } from './config-error.ts';
import { CoverageLedger, scopeType } from './coverage.ts';
import type { Estate } from './estate.ts';
import type { Evaluation } from './evaluate-rules.ts';
import { compareFindings, type Finding, findingId } from './finding.ts';
import type { Invocation } from './invocation.ts';
import type { Coverage, Report } from './report.ts';
import type { TaskDefinition } from './task.ts';

/** What collect may use. It reads the estate and settles everything that it expected in `coverage`. */
export interface CollectContext<Config> {
  readonly config: Config;
  /** Already narrowed to the accounts and regions of this run. */
  readonly estate: Estate;
  /** How the invocation narrows the run, if it does. */
  readonly scope: NonNullable<Invocation['scope']>;
  readonly now: Date;
  readonly clients: AwsClients;
  readonly coverage: CoverageLedger;
  /** Aborted when the run's time is up; what is left by then is unchecked. */
  readonly signal: AbortSignal;
  /** Records a number for the report's `metrics`; the unit is in the name. */
  readonly measure: (name: string, value: number) => void;
  /** Says how far the run is, for a terminal. */
  readonly progress: (done: number, total: number) => void;
}

/** The halves of an audit: collect is the only impure one. */
export interface TaskSteps<Config, Items, Rule extends string = string> {
  collect(context: CollectContext<Config>): Promise<Items>;
  evaluate(items: Items, config: Config, now: Date): Evaluation<Rule>;
}

/** Everything that a run takes from its surroundings. */
export interface RunOptions {
  readonly estate: Estate;
  /** The task's configuration before its schema has seen it. */
  readonly config: Record<string, unknown>;
  /** Where the configuration came from, for error messages. */
  readonly configSource: string;
  readonly invocation: Invocation;
  readonly clients: AwsClients;
  readonly clock: () => Date;
  /** The run stops looking after this and reports the rest as unchecked. */
  readonly timeBudgetSeconds: number;
  readonly runId?: string;
  readonly progress?: (done: number, total: number) => void;
}

/**
 * Runs a task once and returns its report: parse, collect, evaluate, report. The one path for Lambda, the command line,
 * the sandbox and the tests.
 *
 * @throws ConfigError for bad configuration or a scope outside the estate, before anything has been looked at; and
 *   whatever collect throws that is not about a single resource.
 */
export async function runTask<Config extends z.ZodType, Items, Rule extends string>(
  definition: TaskDefinition<string, Rule, Config>,
  steps: TaskSteps<z.output<Config>, Items, Rule>,
  options: RunOptions,
): Promise<Report> {
  const { invocation, clock } = options;
  const scope = invocation.scope ?? {};
  const config = parseConfig(definition.config, options);
  const estate = narrow(options.estate, scope);

  const startedAt = clock();
  const coverage = new CoverageLedger({ only: scope.only, classify: uncheckedReason });
  const metrics: Record<string, number> = {};
  const items = await steps.collect({
    config,
    estate,
    scope,
    now: startedAt,
    clients: options.clients,
    coverage,
    signal: AbortSignal.timeout(Math.round(options.timeBudgetSeconds * 1000)),
    measure: (name, value) => {
      metrics[name] = value;
    },
    progress: options.progress ?? (() => {}),
  });
  if (scope.only !== undefined) requireMatch(coverage, scope.only);
  const evaluation = steps.evaluate(items, config, startedAt);
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
    runId: options.runId ?? randomUUID(),
    task: definition.id,
    title: definition.title,
    trigger: invocation.schedule === undefined ? 'manual' : 'schedule',
    mode: 'dry-run',
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
    changes: [],
    metrics,
    status: statusOf(summary, findings.length, coverage.mayBeEmpty),
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
