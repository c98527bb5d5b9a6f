import type * as z from 'zod';

/**
 * One statement of a task's IAM policy. `infra` derives the function's role from these and nothing else; a test proves
 * that the SDK commands that the task sends are a subset of them.
 */
export interface Permission {
  /** IAM actions such as `acm:ListCertificates`; never a wildcard. */
  readonly actions: readonly string[];
  /**
   * ARNs, or `*` where the service knows no resource-level permission for the action. Where the configuration names them, a pure
   * function of the task's parsed configuration; one that returns none takes the permission away.
   */
  readonly resources: readonly string[] | ((config: unknown) => readonly string[]);
  /** Why `*` is needed: shown to whoever reviews the deployed policy. */
  readonly reason: string;
}

/** A number in the reports of a task that has an alarm of its own. */
export interface MetricAlarm {
  /** Key in a report's `metrics`, unit at the end: `backlogAgeHours`. Its name in CloudWatch is the same with a capital letter. */
  readonly metric: string;
  readonly title: string;
  /** The alarm goes off when the number is above this. A pure function of the task's parsed configuration. */
  readonly threshold: (config: unknown) => number;
}

/** A permission whose resources are known. */
export interface GrantedPermission extends Permission {
  readonly resources: readonly string[];
}

/** What a task is, as data: everything that infra, the command line and the documentation tests derive from. */
export interface TaskDefinition<
  Id extends string = string,
  Rule extends string = string,
  Config extends z.ZodType = z.ZodType,
> {
  /** The name of the task's folder. */
  readonly id: Id;
  readonly title: string;
  /** When it runs unless the configuration says otherwise: an EventBridge Scheduler expression in the estate's time zone. */
  readonly schedule: string;
  readonly timeoutSeconds: number;
  readonly memoryMiB: number;
  /** Its work is planned and done in steps, so that it may take longer than one invocation: `infra` adds a state machine. */
  readonly resumable?: true;
  /** It changes the estate, unless a run is a dry one; by hand only with `--apply`. */
  readonly applies?: true;
  readonly permissions: readonly Permission[];
  /**
   * Returns which of the configured databases a task with this configuration reads: what `infra` lets it log in to. A pure
   * function of the task's parsed configuration and of the names that there are.
   */
  readonly databases?: (config: unknown, configured: readonly string[]) => readonly string[];
  /**
   * Returns which of those it also writes to: what `infra` lets it log in to as their `writer`. A pure function likewise.
   */
  readonly writes?: (config: unknown, configured: readonly string[]) => readonly string[];
  /** Numbers in its reports that CloudWatch is given too, and from when on people are to be told. */
  readonly alarms?: readonly MetricAlarm[];
  /** Ids of the rules that `evaluate` tests; each has a heading in `docs/runbook.md`. */
  readonly rules: readonly Rule[];
  /** Every field has a default or a clear error. */
  readonly config: Config;
}

/** Returns what a task with this configuration needs to be allowed, `config` being what the task's schema returned. */
export function permissionsFor(definition: TaskDefinition, config: unknown): GrantedPermission[] {
  return definition.permissions
    .map(({ resources, ...permission }) => ({
      ...permission,
      resources: typeof resources === 'function' ? resources(config) : resources,
    }))
    .filter(({ resources }) => resources.length > 0);
}

/** Returns the databases that a task with this configuration reads, by their names. */
export function databasesFor<Entry>(
  definition: TaskDefinition,
  config: unknown,
  databases: Readonly<Record<string, Entry>>,
): Readonly<Record<string, Entry>> {
  const names = definition.databases?.(config, Object.keys(databases)) ?? [];
  return Object.fromEntries(Object.entries(databases).filter(([name]) => names.includes(name)));
}

/** Returns a sentence for each database that a task with this configuration names and that is not there. */
export function unknownDatabases(
  definition: TaskDefinition,
  config: unknown,
  databases: Readonly<Record<string, unknown>>,
): string[] {
  const configured = Object.keys(databases);
  const named = definition.databases?.(config, configured) ?? [];
  const have = configured.length === 0 ? 'none' : configured.join(', ');
  return [...new Set(named)]
    .filter((name) => !configured.includes(name))
    .map((name) => `names the database ${name}; under databases there is ${have}`);
}

/** The parsed configuration of a task. */
export type ConfigOf<Definition extends TaskDefinition> = z.output<Definition['config']>;

/** The rule ids of a task. */
export type RuleOf<Definition extends TaskDefinition> = Definition['rules'][number];

/**
 * Returns `definition` unchanged, with its literal types kept, so that a misspelt rule or configuration key in the
 * task's code fails to compile.
 */
export function defineTask<const Id extends string, const Rule extends string, Config extends z.ZodType>(
  definition: TaskDefinition<Id, Rule, Config>,
): TaskDefinition<Id, Rule, Config> {
  return definition;
}
