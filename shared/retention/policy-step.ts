import type { ClientConfig } from 'pg';
import { readConnection } from '../databases.ts';
import { connectionConfig } from '../postgres/connection.ts';
import { openReader, type Reader } from '../postgres/reader.ts';
import { formatTableName, parseTableName } from '../postgres/sql.ts';
import type { WorkProgress } from '../run-task.ts';
import { UncheckedError } from '../unchecked-error.ts';
import { refusedOutcome } from './batch-loop-outcome.ts';
import { countingSeconds, type DeletingPolicy, type DeletionContext } from './batch-loop-surroundings.ts';
import { type PolicyOutcome, policyOutcomeSchema } from './policy-outcome.ts';

/** What of a policy about a table says what a step does. */
interface TablePolicy {
  readonly id: string;
  readonly database: string;
  readonly table: string;
  readonly mode: PolicyOutcome['mode'];
}

/** Is told what became of the policy so far. */
export type Tell = (outcome: PolicyOutcome) => void;

/** Goes on from what is known of a policy, and tells what is known then. */
export type StepWork = (before: PolicyOutcome, tell: Tell) => Promise<void>;

/**
 * Does one step of a policy about a table: `apply` where both the policy and the run say so, else `show`. What was told by then is not
 * lost when something fails later. It is not done while the outcome is `working`.
 *
 * @throws what is a bug.
 */
export async function policyStep(
  policy: TablePolicy,
  { mode }: Pick<DeletionContext, 'mode'>,
  progress: WorkProgress | undefined,
  { apply, show }: { readonly apply: StepWork; readonly show: StepWork },
): Promise<WorkProgress> {
  const before = progress === undefined ? firstOutcome(policy, mode) : policyOutcomeSchema.parse(progress.state);
  let outcome = before;
  const tell = (now: PolicyOutcome) => {
    outcome = now;
  };
  try {
    await (before.mode === 'apply' ? apply(before, tell) : show(before, tell));
  } catch (error) {
    outcome = refusedOutcome(outcome, error);
  }
  return { isDone: outcome.state !== 'working', state: outcome };
}

/** Returns what is known of a policy before anything was done. */
export function firstOutcome(policy: TablePolicy, mode: DeletionContext['mode']): PolicyOutcome {
  return policyOutcomeSchema.parse({
    policy: policy.id,
    target: `${policy.database}/${formatTableName(parseTableName(policy.table))}`,
    mode: mode === 'apply' && policy.mode === 'apply' ? 'apply' : 'dry-run',
    state: 'stopped',
    planHash: null,
    planned: 0,
  });
}

/**
 * Opens what only shows what it would do: a reader of the replica where there is one.
 *
 * @throws UncheckedError `no-database`, and the errors of connections.
 */
export async function openDryReader(policy: DeletingPolicy, context: DeletionContext): Promise<Reader> {
  return openReader({
    config: await readConfig(policy, context),
    connections: 1,
    statementTimeoutSeconds: countingSeconds,
    lockTimeoutSeconds: policy.pace.lockTimeoutSeconds,
    timeZone: 'UTC',
    signal: context.signal,
  });
}

/** Returns how the rows of a policy are read: from the replica where there is one. @throws UncheckedError `no-database`. */
export async function readConfig({ database: name }: DeletingPolicy, context: DeletionContext): Promise<ClientConfig> {
  const database = Object.hasOwn(context.databases, name) ? context.databases[name] : undefined;
  if (database === undefined) throw new UncheckedError('no-database', `There is no database ${name}.`);
  return connectionConfig(readConnection(database), context);
}
