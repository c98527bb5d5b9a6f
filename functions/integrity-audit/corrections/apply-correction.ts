import sql from 'sql-template-tag';
import type { DatabaseConnection } from '../../../shared/databases.ts';
import type { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerEntry, LedgerRecord } from '../../../shared/ledger/ledger-entry.ts';
import { connectionConfig } from '../../../shared/postgres/connection.ts';
import { columnList, parseTableName, qualified } from '../../../shared/postgres/sql.ts';
import { currentTransaction, timelineOf } from '../../../shared/postgres/transaction-end.ts';
import { openWriter, type Writer, type WriterOptions } from '../../../shared/postgres/writer.ts';
import { databaseSettings } from '../database-settings.ts';
import { task } from '../task.ts';
import { amount } from './amount.ts';
import { configuredDatabase } from './configured-database.ts';
import type { CorrectionContext } from './correction-context.ts';
import { openLedger } from './correction-ledger.ts';
import { type CorrectionPlan, planExpiry, planHash, readPlan } from './correction-plan.ts';
import { type CorrectionResult, resultOf } from './correction-result.ts';
import { countViolations } from './count-violations.ts';
import { failureOf, isServersRefusal } from './failure.ts';
import { hasNullsNotDistinct, quarantineOf } from './plan-correction.ts';
import { type CorrectableRule, type PreparedCorrection, prepareCorrection } from './prepared-correction.ts';
import { createQuarantine, fillQuarantine, findQuarantine, type Quarantine } from './quarantine.ts';
import { RefusedError } from './refused-error.ts';
import { runWritten } from './run-written-statement.ts';
import { isStandby, type Settled, settleIntents } from './settle-intents.ts';

/**
 * Applies the plan that was shown last of a rule, in one transaction: counts again, changes, counts what is left, and makes it final
 * only when all of it is as the plan says. Everything is seen as of one moment, and a row that somebody else changes meanwhile ends
 * it. Before the end the ledger has the intention and the number of the transaction, by which the server can be asked what became of
 * it should this process be stopped; afterwards it has the end.
 *
 * @throws RefusedError when nothing was changed because something was not as it had to be; and what the server and the way to it throw.
 */
export async function applyCorrection(rule: CorrectableRule, context: CorrectionContext): Promise<CorrectionResult> {
  if (rule.correction.kind === 'manual') {
    throw new RefusedError(
      'needs-a-person',
      `What to do is for a person: ${rule.correction.instructions} Then say so: \`caretaker correct ${rule.id} --done "<what was done>"\`.`,
    );
  }
  const connection = writerOf(rule, context);
  const plan = await readPlan(context.store, rule.id);
  if (plan === undefined) {
    throw new RefusedError('no-plan', `There is no plan yet. \`caretaker correct ${rule.id}\` shows it.`);
  }
  const ledger = await openLedger(rule.database, context);
  const options: WriterOptions = {
    config: await connectionConfig(connection, context),
    statementTimeoutSeconds: context.config.limits.statementTimeoutSeconds,
    lockTimeoutSeconds: context.config.limits.lockTimeoutSeconds,
    timeZone: context.estate.timeZone,
    signal: context.signal,
  };
  await using _ = await lockOut(options);
  await using writer = await openWriter(options);
  // Outside of a transaction, which would end with its lock when the server does not know a number that it is asked about.
  const settled = await settleIntents(ledger, rule.database, writer, context.actor);
  // Its lock went with its connection, and what it changes is not to be seen yet.
  if (settled.some(({ outcome }) => outcome === 'in-progress')) throw busy();
  const attempt = new Attempt(rule, plan, context, ledger, writer, settled);
  return await attempt.run();
}

function writerOf(rule: CorrectableRule, context: CorrectionContext): DatabaseConnection {
  const { writer } = configuredDatabase(rule, context);
  if (writer !== undefined) return writer;
  throw new RefusedError(
    'no-writer',
    `databases.${rule.database} has no writer. The role that reads must not be able to write: name another one there.`,
  );
}

/**
 * Returns a connection that keeps all other corrections of a database out until it is closed: what was counted for one would not hold
 * for the other. It is another one than that of the correction, whose transaction must see nothing from before it had the lock.
 */
async function lockOut(options: WriterOptions): Promise<Writer> {
  await using opened = new AsyncDisposableStack();
  const writer = opened.use(await openWriter(options));
  if (await isStandby(writer)) {
    throw new RefusedError(
      'writer-is-replica',
      'The writer is a connection to a replica, in which nothing can be changed.',
    );
  }
  await writer.begin();
  const [row] = await writer.query<{ alone: boolean }>(
    sql`select pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('caretaker correct', 0::bigint))
      as alone`,
  );
  if (row?.alone !== true) throw busy();
  opened.move();
  return writer;
}

function busy(): RefusedError {
  return new RefusedError('busy', 'Another correction of this database is under way. Try again when it has ended.');
}

/** What a transaction has done before it is final. */
interface Change {
  readonly before: number;
  readonly after: number;
  readonly facts: LedgerRecord['facts'];
  readonly message: string;
}

/** What the correction itself has done. */
interface Done extends Pick<Change, 'facts' | 'message'> {
  /** Fewer violations should be left. */
  readonly isToMend: boolean;
}

function leftText(after: number, before: number): string {
  if (after === 0) return 'No violation is left.';
  return `${after.toLocaleString('en-US')} of ${amount(before, 'violation')} ${after === 1 ? 'is' : 'are'} left.`;
}

function thereAre(violations: number): string {
  return `There ${violations === 1 ? 'is' : 'are'} ${amount(violations, 'violation')}`;
}

class Attempt {
  readonly #rule: CorrectableRule;
  readonly #plan: CorrectionPlan;
  readonly #context: CorrectionContext;
  readonly #ledger: Ledger;
  readonly #writer: Writer;
  readonly #settled: readonly Settled[];

  constructor(
    rule: CorrectableRule,
    plan: CorrectionPlan,
    context: CorrectionContext,
    ledger: Ledger,
    writer: Writer,
    settled: readonly Settled[],
  ) {
    this.#rule = rule;
    this.#plan = plan;
    this.#context = context;
    this.#ledger = ledger;
    this.#writer = writer;
    this.#settled = settled;
  }

  async run(): Promise<CorrectionResult> {
    let change: Change;
    let intent: LedgerEntry;
    try {
      await this.#requireUsable();
      // Outside of the transaction, which would end where the server does not tell.
      const timeline = await timelineOf(this.#writer);
      await this.#writer.begin();
      change = await this.#change(timeline);
      intent = await this.#write({ ...change, outcome: 'intended' });
    } catch (error) {
      await this.#undo(error);
      throw error;
    }
    try {
      await this.#writer.commit();
    } catch (error) {
      if (isServersRefusal(error)) {
        await this.#write({ ...change, after: null, outcome: 'rolled-back', settles: intent.hash });
        throw error;
      }
      const message =
        'The connection broke while the change was being made final: nobody knows yet whether it was. ' +
        `\`caretaker correct ${this.#rule.id}\` asks the server.`;
      return this.#result('unknown', message, change, intent);
    }
    return this.#result('applied', change.message, change, await this.#writeEnd(change, intent));
  }

  /** The plan is one that somebody has seen lately and that was not applied before. */
  async #requireUsable(): Promise<void> {
    const plan = this.#plan;
    const hash = planHash(plan);
    if (this.#context.clock() > planExpiry(plan)) {
      throw new RefusedError(
        'plan-expired',
        `The plan is of ${plan.plannedAt}, more than 24 hours ago. ${this.#showAgain}`,
      );
    }
    const entries = await Array.fromAsync(this.#ledger.entries());
    const ended = new Set(entries.filter(({ outcome }) => outcome === 'rolled-back').map(({ settles }) => settles));
    const applied = entries.find(
      (entry) =>
        entry.planHash === hash && ['intended', 'done', 'unknown'].includes(entry.outcome) && !ended.has(entry.hash),
    );
    if (applied !== undefined) {
      throw new RefusedError(
        'already-applied',
        `The plan was applied on ${applied.at}, entry ${applied.sequence} of the ledger.`,
      );
    }
  }

  async #change(timeline: string | null): Promise<Change> {
    const prepared = await this.#prepare();
    const transaction = await currentTransaction(this.#writer);
    const before = await this.#requireAsPlanned(prepared);
    const done = await this.#correct(prepared, before);
    // What is checked at the end otherwise is checked here, where it can still be said what is wrong.
    await this.#writer.run(sql`set constraints all immediate`);
    const same = await currentTransaction(this.#writer);
    if (same !== transaction) throw new Error(`the transaction ${transaction} has ended within a statement`);
    const { violations: after } = await countViolations(this.#writer, prepared);
    if (after > before) {
      throw new RefusedError('worse', `There would be ${amount(after, 'violation')} instead of ${before}.`, before);
    }
    return {
      before,
      after,
      facts: { transaction, timeline, expectedRows: this.#plan.expectedRows, ...done.facts },
      message: done.isToMend ? `${done.message} ${leftText(after, before)}` : done.message,
    };
  }

  async #prepare(): Promise<PreparedCorrection> {
    const { config } = this.#context;
    const settings = databaseSettings(config, this.#rule.database);
    const prepared = await prepareCorrection(this.#rule, settings, this.#writer);
    if (prepared.definition !== this.#plan.definition) {
      throw new RefusedError(
        'rule-changed',
        `The rule, its correction or its table has changed since the plan. ${this.#showAgain}`,
      );
    }
    return prepared;
  }

  /** Returns how many violations there are, when they are those that were shown. */
  async #requireAsPlanned(prepared: PreparedCorrection): Promise<number> {
    const { violations, digest } = await countViolations(this.#writer, prepared);
    const planned = this.#plan.violations;
    if (violations !== planned) {
      throw new RefusedError(
        'count-differs',
        `${thereAre(violations)} now, and ${planned} in the plan. ${this.#showAgain}`,
        violations,
      );
    }
    if (digest !== this.#plan.digest) {
      throw new RefusedError(
        'rows-differ',
        `${thereAre(violations)} as in the plan, but of other rows. ${this.#showAgain}`,
        violations,
      );
    }
    return violations;
  }

  async #correct(prepared: PreparedCorrection, violations: number): Promise<Done> {
    const { correction } = this.#rule;
    if (correction.kind === 'quarantine') {
      const copied = await this.#fill(quarantineOf(prepared, correction.table));
      const there = violations - copied;
      const already = there === 0 ? '' : `, of which ${there} ${there === 1 ? 'was' : 'were'} there already`;
      return {
        facts: { table: correction.table, changedRows: copied, alreadyThere: there },
        message: `${correction.table} has ${amount(violations, 'key')}${already}. The rows themselves are as they were.`,
        isToMend: false,
      };
    }
    if (correction.kind !== 'sql') throw new TypeError(`a ${correction.kind} correction cannot be applied`);
    const changedRows = await runWritten(this.#writer, correction);
    if (changedRows !== this.#plan.expectedRows) {
      throw new RefusedError(
        'rows-changed-differ',
        `The statement would change ${amount(changedRows, 'row')}, and the plan says ${this.#plan.expectedRows}.`,
        violations,
      );
    }
    return {
      facts: { statement: correction.statement, changedRows },
      message: `The statement has changed ${amount(changedRows, 'row')}.`,
      isToMend: true,
    };
  }

  /** Returns how many keys were copied; each violating one is in the table then. */
  async #fill(quarantine: Quarantine): Promise<number> {
    const writer = this.#writer;
    if (!(await findQuarantine(writer, quarantine))) {
      for (const statement of createQuarantine(quarantine, await hasNullsNotDistinct(writer)))
        await writer.run(statement);
    }
    const { table, rule, keys, rows, fromHeap } = quarantine;
    const { rowCount } = await writer.run(fillQuarantine(quarantine, planHash(this.#plan)), { fromHeap });
    const [row] = await writer.query<{ missing: string }>(
      sql`select count(*) as missing from (
        select ${columnList(keys, 'v')} from (${rows}) v
        except select ${columnList(keys, 'q')} from ${qualified(parseTableName(table))} q where q.rule = ${rule}) m`,
      { fromHeap },
    );
    if (row?.missing !== '0') {
      throw new RefusedError(
        'not-a-quarantine',
        `${amount(Number(row?.missing), 'key')} would be missing in ${table}: it does not take them.`,
      );
    }
    return rowCount;
  }

  /** Rolls back and writes down why. */
  async #undo(error: unknown): Promise<void> {
    // A connection that is broken rolls back by itself.
    await this.#writer.rollback().catch(() => {});
    const refused = error instanceof RefusedError;
    const failure = refused ? { code: error.code, message: error.message } : failureOf(error);
    // On top of a broken ledger nothing is written.
    if (failure === undefined || failure.code === 'ledger-broken') return;
    const before = refused ? error.violations : null;
    const facts = { code: failure.code, planned: this.#plan.violations };
    await this.#write({ before, after: before, facts, outcome: refused ? 'refused' : 'failed' });
  }

  async #writeEnd(change: Change, intent: LedgerEntry): Promise<LedgerEntry> {
    try {
      return await this.#write({ ...change, outcome: 'done', settles: intent.hash });
    } catch (cause) {
      const message =
        `${change.message} It is final, but could not be written into the ledger, which has the intention as entry ` +
        `${intent.sequence}; the next \`caretaker correct\` completes it.`;
      throw new Error(message, { cause });
    }
  }

  async #write(
    record: Pick<LedgerRecord, 'before' | 'after' | 'facts' | 'outcome'> & { readonly settles?: string },
  ): Promise<LedgerEntry> {
    const { before, after, facts, outcome, settles = null } = record;
    return this.#ledger.append({
      actor: this.#context.actor,
      task: task.id,
      subject: this.#rule.id,
      target: this.#rule.database,
      action: this.#rule.correction.kind,
      planHash: planHash(this.#plan),
      manifest: null,
      keysHash: null,
      before,
      after,
      facts,
      outcome,
      settles,
      confirms: null,
    });
  }

  #result(outcome: 'applied' | 'unknown', message: string, change: Change, entry: LedgerEntry): CorrectionResult {
    return resultOf(this.#rule, {
      outcome,
      message,
      violations: change.before,
      remaining: outcome === 'applied' ? change.after : null,
      ledgerEntry: entry.sequence,
      settled: this.#settled,
    });
  }

  get #showAgain(): string {
    return `\`caretaker correct ${this.#rule.id}\` shows it as it is now.`;
  }
}
