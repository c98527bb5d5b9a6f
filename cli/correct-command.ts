import type { AuditConfig } from '../functions/integrity-audit/config.ts';
import type { CorrectionRequest } from '../functions/integrity-audit/corrections/correct.ts';
import type { CorrectionContext } from '../functions/integrity-audit/corrections/correction-context.ts';
import type { CorrectionResult } from '../functions/integrity-audit/corrections/correction-result.ts';
import type { CorrectableRule } from '../functions/integrity-audit/corrections/prepared-correction.ts';
import { task } from '../functions/integrity-audit/task.ts';
import { AwsClients } from '../shared/aws/clients.ts';
import { parseOrThrow } from '../shared/config-error.ts';
import { shellWord } from './desk.ts';
import { exitCodes } from './exit-code.ts';
import { renderCorrection } from './render-correction.ts';
import { safeJson } from './safe-json.ts';
import { ownSurroundings, type Surroundings, sandboxSurroundings } from './surroundings.ts';
import { terminalOf } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** Options of `caretaker correct`, as commander gives them. */
export interface CorrectCommandOptions {
  readonly apply?: boolean;
  readonly done?: string;
  readonly sandbox?: boolean;
  readonly config?: string;
  readonly json?: boolean;
}

/**
 * Shows the correction that a rule of the integrity audit has, applies the one that was shown last, or writes down that a person has
 * made it; what came of it is written to standard output.
 *
 * @returns the exit code.
 * @throws UsageError or ConfigError when nothing has been done.
 */
export async function correctCommand(ruleId: string, options: CorrectCommandOptions): Promise<number> {
  const { apply, done, sandbox, config } = options;
  if (apply === true && done !== undefined) throw new UsageError('--apply and --done exclude each other');
  if (done?.trim() === '') throw new UsageError('--done needs a note: what was done');
  if (sandbox === true && config !== undefined) {
    throw new UsageError('--sandbox brings its own configuration; leave --config out');
  }
  if (sandbox !== true) return correctIn(await ownSurroundings(config), ruleId, options, new AbortController().signal);
  const { interruptible } = await import('../sandbox/interruption.ts');
  return interruptible(async (signal) => correctIn(await sandboxSurroundings(), ruleId, options, signal));
}

async function correctIn(
  surroundings: Surroundings,
  ruleId: string,
  options: CorrectCommandOptions,
  signal: AbortSignal,
): Promise<number> {
  const clients = new AwsClients();
  try {
    const { configuration, source } = surroundings;
    const audit = parseOrThrow(task.config, configuration.tasks[task.id]?.config ?? {}, source);
    const rule = correctableRule(audit, ruleId, source);
    if (options.done !== undefined && rule.correction.kind !== 'manual') {
      throw new UsageError(`the correction of ${ruleId} is ${rule.correction.kind}: apply it with --apply`);
    }
    const { correct } = await import('../functions/integrity-audit/corrections/correct.ts');
    const { estate, databases } = configuration;
    const context: CorrectionContext = {
      config: audit,
      estate,
      databases,
      homeRegion: estate.regions[0] ?? 'us-east-1',
      clients,
      store: await surroundings.storeFor(task.id),
      signal,
      clock: () => new Date(),
      ledgers: surroundings.ledgers,
      actor: surroundings.actor,
    };
    const results: CorrectionResult[] = [];
    for (const request of requestsOf(options)) {
      signal.throwIfAborted();
      results.push(await correct(rule, request, context));
      // What has no plan now has none to apply, though nothing is amiss.
      if (results.at(-1)?.outcome === 'nothing-to-correct') break;
    }
    const terminal = terminalOf(process.stdout);
    process.stdout.write(
      options.json === true
        ? `${safeJson(results.at(-1))}\n`
        : results
            .map((result, index) => {
              const isLast = index === results.length - 1;
              return renderCorrection(
                result,
                { estate, command: isLast ? commandOf(ruleId, options) : undefined },
                terminal,
              );
            })
            .join('\n'),
    );
    return exitCodeOfCorrection(results);
  } finally {
    clients.destroy();
    await surroundings.stop();
  }
}

/** Returns what to type to go on with the same estate. */
function commandOf(ruleId: string, { sandbox, config }: CorrectCommandOptions): string {
  if (sandbox === true) return `caretaker correct ${ruleId} --sandbox`;
  return `caretaker correct ${ruleId}${config === undefined ? '' : ` --config ${shellWord(config)}`}`;
}

/** The sample estate ends with the process, and what is remembered of it: a plan is shown and applied in one go there. */
function requestsOf({ apply, done, sandbox }: CorrectCommandOptions): CorrectionRequest[] {
  if (done !== undefined) return [{ kind: 'attend', note: done }];
  if (apply !== true) return [{ kind: 'plan' }];
  return sandbox === true ? [{ kind: 'plan' }, { kind: 'apply' }] : [{ kind: 'apply' }];
}

function correctableRule({ rules }: AuditConfig, id: string, source: string): CorrectableRule {
  const rule = rules.find((known) => known.id === id);
  const correctable = rules.filter((known) => known.correction !== undefined).map((known) => known.id);
  const which =
    correctable.length === 0 ? 'none has a correction' : `those with a correction: ${correctable.join(', ')}`;
  if (rule === undefined) throw new UsageError(`no such rule of ${task.id} in ${source}: ${id} (${which})`);
  if (rule.correction === undefined) throw new UsageError(`the rule ${id} has no correction (${which})`);
  return rule as CorrectableRule;
}

function exitCodeOfCorrection(results: readonly CorrectionResult[]): number {
  const isGood = results.every(({ outcome }) => !['refused', 'failed', 'unknown'].includes(outcome));
  return isGood ? exitCodes.good : exitCodes.incomplete;
}
