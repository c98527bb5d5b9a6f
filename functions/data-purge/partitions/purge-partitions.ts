import type { ClientConfig } from 'pg';
import { raw } from 'sql-template-tag';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import { connectionConfig } from '../../../shared/postgres/connection.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { formatTableName, qualified } from '../../../shared/postgres/sql.ts';
import { withFailure } from '../../../shared/retention/batch-loop-outcome.ts';
import {
  type Deletion,
  type DeletionContext,
  openDeletion,
} from '../../../shared/retention/batch-loop-surroundings.ts';
import { beginPlan } from '../../../shared/retention/begin-plan.ts';
import { type BatchFailure, batchFailure } from '../../../shared/retention/delete-batch-failure.ts';
import { inTransaction } from '../../../shared/retention/delete-batch-transaction.ts';
import { pausedBy } from '../../../shared/retention/pause.ts';
import { recordRun } from '../../../shared/retention/plans.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import { openDryReader, policyStep, type Tell } from '../../../shared/retention/policy-step.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { PartitionsPolicy } from '../config.ts';
import { markText, parseMark } from './detached-mark.ts';
import {
  hasYounger,
  hoursPast,
  type Partition,
  type PartitionedFacts,
  readLeftovers,
  readPartitions,
} from './partition-facts.ts';
import { PartitionLedger } from './partition-ledger.ts';
import { commentText, detachConcurrently, detachText, finalizeDetach } from './partition-session.ts';
import { type PartitionStep, type PreparedPartitions, preparePartitionPlan } from './prepare-partition-plan.ts';

const task = 'data-purge';

/**
 * Detaches the partitions of a table that are wholly past their retention, and drops those that were detached for long enough; or shows
 * what it would do. What was detached says so in its comment, and can be attached again until it is dropped. The newest partition stays.
 */
export async function purgePartitions(
  policy: PartitionsPolicy,
  context: DeletionContext,
  progress: WorkProgress | undefined,
): Promise<WorkProgress> {
  return policyStep(policy, context, progress, {
    apply: (before, tell) => apply(policy, context, before, tell),
    show: (before, tell) => show(policy, context, before, tell),
  });
}

async function show(
  policy: PartitionsPolicy,
  context: DeletionContext,
  before: PolicyOutcome,
  tell: Tell,
): Promise<void> {
  await using reader = await openDryReader(policy, context);
  const prepared = await preparePartitionPlan(policy, context, reader, undefined);
  const outcome = { ...planned(before, prepared), state: 'planned' as const };
  tell(outcome);
  tell({ ...outcome, ...(await backlogOf(policy, prepared.facts, reader)) });
}

async function apply(
  policy: PartitionsPolicy,
  context: DeletionContext,
  before: PolicyOutcome,
  tell: Tell,
): Promise<void> {
  await using deletion = await openDeletion(task, policy, context);
  const { primary } = deletion;
  const resume = before.state === 'working' ? (before.planHash ?? undefined) : undefined;
  const prepared = await preparePartitionPlan(policy, context, primary, resume);
  let outcome = planned(before, prepared);
  const keep = (now: PolicyOutcome) => {
    outcome = now;
    tell(now);
  };
  const pending = prepared.facts.partitions.find(({ isPending }) => isPending);
  if ((await pausedBy(context.control, task, policy.id)) !== undefined) keep({ ...outcome, state: 'paused' });
  else if (prepared.guards.length > 0) keep({ ...outcome, state: 'guarded' });
  else {
    const ledger = await Ledger.open(context.ledgers, `${task}/${policy.id}`, () => new Date());
    const work = {
      actor: context.actor,
      task,
      subject: policy.id,
      target: policy.database,
      planHash: prepared.planHash,
    };
    const run = new Run(
      policy,
      context,
      deletion,
      new PartitionLedger(ledger, work),
      await writerConfig(policy, context),
    );
    await run.begin(prepared.facts, pending);
    await beginPlan(context, prepared.planHash, prepared.plan);
    await run.carryOut(prepared, outcome, keep);
    if (outcome.deleted > 0) {
      const at = context.now.toISOString();
      await recordRun(context.control, prepared.plan, { planHash: prepared.planHash, at, amount: outcome.deleted });
    }
  }
  if (outcome.state === 'working') return;
  const facts = await readPartitions(policy, primary, { now: context.now });
  keep({ ...outcome, ...(await backlogOf(policy, facts, primary)) });
}

async function writerConfig(policy: PartitionsPolicy, context: DeletionContext): Promise<ClientConfig> {
  const writer = context.databases[policy.database]?.writer;
  if (writer === undefined) throw new UncheckedError('no-writer', `The database ${policy.database} has no writer.`);
  return connectionConfig(writer, context);
}

/** Attempts at what others keep from being done, each as long as it may wait for them. */
const attempts = 3;

class Run {
  readonly #policy: PartitionsPolicy;
  readonly #context: DeletionContext;
  readonly #deletion: Deletion;
  readonly #ledger: PartitionLedger;
  readonly #config: ClientConfig;

  constructor(
    policy: PartitionsPolicy,
    context: DeletionContext,
    deletion: Deletion,
    ledger: PartitionLedger,
    config: ClientConfig,
  ) {
    this.#policy = policy;
    this.#context = context;
    this.#deletion = deletion;
    this.#ledger = ledger;
    this.#config = config;
  }

  /** Ends what an interrupted run has begun. One partition at a time can be pending, and while it is no other can be detached. */
  async begin({ parent }: PartitionedFacts, pending: Partition | undefined): Promise<void> {
    if (pending !== undefined) {
      const mark = parseMark(pending.comment);
      if (mark?.policy !== this.#policy.id || mark.oid !== pending.oid) {
        const detail = `Somebody has begun to detach ${formatTableName(pending)}, and it was interrupted: end it by DETACH PARTITION … FINALIZE.`;
        throw new UncheckedError('foreign-detach', detail);
      }
      await this.#patiently(() => finalizeDetach(parent, pending, this.#alone));
    }
    await this.#ledger.settle(this.#deletion.primary);
  }

  async carryOut(
    { facts, steps, planHash }: PreparedPartitions,
    before: PolicyOutcome,
    keep: (outcome: PolicyOutcome) => void,
  ): Promise<void> {
    const { pacer, lock } = this.#deletion;
    let outcome = before;
    const told = () => ({
      waitedMs: before.waitedMs + Math.round(pacer.waitedMs),
      workedMs: before.workedMs + Math.round(pacer.workedMs),
      waitedFor: [...new Set([...pacer.reasons, ...before.waitedFor])].slice(0, 10),
      unchecked: [
        ...outcome.unchecked.filter(({ reason }) => reason !== 'pace-unknown'),
        ...pacer.blindSpots.map((detail) => ({ reason: 'pace-unknown', detail })),
      ],
    });
    for (const step of steps) {
      const said = await pacer.wait();
      if (said !== 'go') {
        keep({ ...outcome, ...told(), state: said === 'paused' ? 'paused' : 'working' });
        return;
      }
      lock.signal.throwIfAborted();
      const startedAtMs = performance.now();
      const failure = await this.#carryOutOne(facts, step, planHash);
      pacer.note(performance.now() - startedAtMs, step.partition.rows);
      if (failure === undefined) {
        outcome = {
          ...outcome,
          deleted: outcome.deleted + Math.round(step.partition.rows),
          detached: outcome.detached + (step.step === 'detach' ? Math.round(step.partition.rows) : 0),
          bytes: outcome.bytes + (step.step === 'drop' ? Math.round(step.partition.bytes) : 0),
          batches: outcome.batches + 1,
        };
      } else {
        outcome = { ...withFailure(outcome, failure, step.name), kept: outcome.kept + Math.round(step.partition.rows) };
      }
      keep({ ...outcome, ...told(), state: 'working' });
    }
    keep({ ...outcome, ...told(), state: outcome.kept > 0 ? 'stopped' : 'done' });
  }

  /** Returns why it was not done. */
  async #carryOutOne(
    facts: PartitionedFacts,
    step: PartitionStep,
    planHash: string,
  ): Promise<BatchFailure | undefined> {
    try {
      if (step.step === 'drop') await this.#requireDroppable(facts, step);
      const intention = await this.#ledger.intend(step);
      try {
        if (step.step === 'drop') await this.#drop(step);
        else await this.#detach(facts, step, planHash);
      } catch (error) {
        // Undone, done all the same, or pending: the catalog knows.
        await this.#ledger.settle(this.#deletion.primary);
        throw error;
      }
      await this.#ledger.end(intention, 'done');
      return undefined;
    } catch (error) {
      const failure = batchFailure(error);
      if (failure === undefined || failure.reason === 'lock-lost' || failure.reason === 'not-reached') throw error;
      return failure;
    }
  }

  /** What is dropped is what was detached, with nothing in it that came since. */
  async #requireDroppable(
    { ageType }: PartitionedFacts,
    { name, partition }: Extract<PartitionStep, { step: 'drop' }>,
  ): Promise<void> {
    const { mark, oid, hasShapeOfParent } = partition;
    const refuse = (why: string) => {
      throw new UncheckedError('not-droppable', `${name} is not dropped: ${why}.`);
    };
    if (mark.oid !== oid) refuse('it is a copy of the partition that was detached');
    if (!(await this.#ledger.hasDetached(oid)))
      refuse('its comment says that it was detached, and the ledger does not');
    if (!hasShapeOfParent) refuse('its columns are not those of the table that it was a partition of');
    const { ageColumn } = this.#policy;
    if (await hasYounger(partition, { ageColumn, ageType, upTo: mark.upTo }, this.#deletion.primary)) {
      refuse('it has rows that were not in it when it was detached');
    }
  }

  /** The comment comes first: what is detached without it would never be dropped. */
  async #detach(
    { parent, defaultPartition }: PartitionedFacts,
    { partition }: Extract<PartitionStep, { step: 'detach' }>,
    planHash: string,
  ): Promise<void> {
    const earlier = parseMark(partition.comment);
    const mark = markText({
      parent: formatTableName(parent),
      oid: partition.oid,
      policy: this.#policy.id,
      plan: planHash,
      at: new Date().toISOString(),
      upTo: partition.upTo ?? '',
      comment: earlier === undefined ? partition.comment : earlier.comment,
    });
    const isConcurrent = defaultPartition === undefined;
    await this.#patiently(() =>
      this.#inTransaction([
        commentText(partition, mark),
        // Refused beside a default partition, whose constraint would have to change: then everybody waits for a moment.
        ...(isConcurrent ? [] : [detachText(parent, partition, '')]),
      ]),
    );
    if (!isConcurrent) return;
    let isBegun = false;
    await this.#patiently(async () => {
      isBegun ||= await this.#isPending(partition);
      return isBegun
        ? finalizeDetach(parent, partition, this.#alone)
        : detachConcurrently(parent, partition, this.#alone);
    });
  }

  async #isPending({ oid }: Partition): Promise<boolean> {
    const facts = await readPartitions(this.#policy, this.#deletion.primary, { now: this.#context.now });
    return facts.partitions.some((partition) => partition.oid === oid && partition.isPending);
  }

  async #drop({ partition }: Extract<PartitionStep, { step: 'drop' }>): Promise<void> {
    await this.#patiently(() => this.#inTransaction([`drop table ${qualified(partition).text}`]));
  }

  async #inTransaction(statements: readonly string[]): Promise<void> {
    await using writer = await this.#deletion.openWriter();
    await inTransaction(writer, async () => {
      for (const statement of statements) await writer.run(raw(statement));
      this.#deletion.lock.signal.throwIfAborted();
    });
  }

  /** Whoever reads or writes comes first; tried again, when they may be gone. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        const kind = batchFailure(error)?.kind;
        if ((kind !== 'locked' && kind !== 'conflict') || attempt === attempts) throw error;
      }
    }
  }

  get #alone() {
    const { lockTimeoutSeconds, statementTimeoutSeconds } = this.#policy.pace;
    return { config: this.#config, lockTimeoutSeconds, statementTimeoutSeconds, signal: this.#deletion.endsAt };
  }
}

function planned(outcome: PolicyOutcome, { plan, planHash, guards, notes }: PreparedPartitions): PolicyOutcome {
  const rows = plan.partitions.reduce((sum, partition) => sum + partition.rows, 0);
  return policyOutcomeSchema.parse({ ...outcome, planHash, planned: rows, guards, notes });
}

/** Partitions that are still attached, by their bounds; and what is past its retention in a default partition, which is never taken. */
async function backlogOf(
  policy: PartitionsPolicy,
  facts: PartitionedFacts,
  reader: Pick<Reader, 'query'>,
): Promise<Pick<PolicyOutcome, 'backlog' | 'backlogAgeHours'>> {
  const last = facts.partitions.at(-1);
  const past = facts.partitions.filter((partition) => partition.isPast && partition !== last);
  const oldest = past[0]?.upTo ?? null;
  const leftovers = await readLeftovers(facts, policy, policy.guards.maximumRows, reader);
  const ages = [oldest === null ? null : await hoursPast(oldest, facts, reader), leftovers.hours].filter(
    (hours) => hours !== null,
  );
  return {
    backlog: Math.round(past.reduce((sum, { rows }) => sum + rows, 0) + leftovers.rows),
    backlogAgeHours: ages.length === 0 ? null : Math.max(0, ...ages),
  };
}
