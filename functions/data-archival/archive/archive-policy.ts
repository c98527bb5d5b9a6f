import { S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { ArchiveFault } from '../../../shared/archive/archive-fault.ts';
import { manifestKey } from '../../../shared/archive/archive-names.ts';
import { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import { type ArchiveChain, type ChainLink, readChain, requireManifests } from '../../../shared/archive/chain.ts';
import type { Manifest } from '../../../shared/archive/manifest.ts';
import { manifestHash, readManifest } from '../../../shared/archive/read-manifest.ts';
import { verifyArchive } from '../../../shared/archive/verify-archive.ts';
import { targetIn } from '../../../shared/aws/accounts.ts';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import { openCopySession } from '../../../shared/postgres/copy-session.ts';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { readingEnded } from '../../../shared/postgres/reading-ended.ts';
import type { BatchLedger } from '../../../shared/retention/batch-ledger.ts';
import { outcomeOfBatches } from '../../../shared/retention/batch-loop-outcome.ts';
import { type Deletion, openDeletion } from '../../../shared/retention/batch-loop-surroundings.ts';
import { beginPlan } from '../../../shared/retention/begin-plan.ts';
import { measureBacklog } from '../../../shared/retention/measure-rows.ts';
import { pausedBy } from '../../../shared/retention/pause.ts';
import { recordRun } from '../../../shared/retention/plans.ts';
import { type PolicyOutcome, policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import { firstOutcome, openDryReader, readConfig } from '../../../shared/retention/policy-step.ts';
import { type PreparedPlan, prepareRowPlan } from '../../../shared/retention/prepare-plan.ts';
import { resolveTarget } from '../../../shared/retention/resolve-target.ts';
import type { Destination } from '../../../shared/retention/retention-config.ts';
import type { RowTarget } from '../../../shared/retention/row-target.ts';
import type { WorkContext, WorkProgress } from '../../../shared/run-task.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ArchivalConfig, ArchivalPolicy } from '../config.ts';
import { withDifferences, withError, withFault } from './archive-outcome.ts';
import type { ArchiveStep, OnStep } from './archive-steps.ts';
import { archiveAction, type LedgerTail, readTail } from './archived-tail.ts';
import { archivesAhead } from './archives-ahead.ts';
import { codeVersion } from './code-version.ts';
import { Copier } from './copy-archive.ts';
import { type Finished, finishArchive, manifestUrl, type ProvenArchive } from './finish-archive.ts';
import { type ManifestDraft, proveCopy } from './prove-copy.ts';
import { waitForReplica } from './wait-for-replica.ts';

const task = 'data-archival';

/** What a run has for a policy. */
export type ArchiveContext = Omit<WorkContext<ArchivalConfig>, 'scope' | 'store'>;

export interface ArchiveOptions {
  /** Is told of each step when it is done, before anything further is; for whoever wants to see what happens, or to disturb it. */
  readonly onStep?: OnStep;
}

/** Rows that are proven and deleted together: with so many a manifest of a million rows is a small document. */
const segmentRows = 1_000;

/** What the server may take before it sends the next rows: those of a child are sorted before the first. */
const copySeconds = 1_800;

/** What a million rows take on a small server, until it is known better. */
const assumedMsPerRow = 0.05;

/** A copy is begun when it should take no more than this share of the time that is left. */
const timeShare = 0.8;

/** Fewer rows are no archive to be made because the time is short. */
const minimumRows = 1_000;

/** Archives at the end of a chain that every run looks at. */
const watchedArchives = 100;

/**
 * Archives the rows of a policy that are past their retention and deletes them, or shows what it would do, and returns what became of it.
 * Rows are copied to S3, read back and compared with what the database said of them; only then are they deleted, when they are still the
 * same. It can be ended at any moment: the next run goes on from there. When the time is up it is not done, and the next step goes on
 * with the same plan.
 */
export async function archivePolicy(
  policy: ArchivalPolicy,
  context: ArchiveContext,
  progress: WorkProgress | undefined,
  { onStep = () => {} }: ArchiveOptions = {},
): Promise<WorkProgress> {
  const before =
    progress === undefined ? firstOutcome(policy, context.mode) : policyOutcomeSchema.parse(progress.state);
  const work = new PolicyWork(policy, context, before, onStep);
  const outcome = await work.run();
  return { isDone: outcome.state !== 'working', state: outcome };
}

class PolicyWork {
  readonly #policy: ArchivalPolicy;
  readonly #context: ArchiveContext;
  readonly #onStep: OnStep;
  #outcome: PolicyOutcome;
  /** What the batches of this process took so far, of what the pacer knows. */
  #paced = { waitedMs: 0, workedMs: 0 };
  #msPerRow = assumedMsPerRow;
  /** Aborted when somebody else may work on the policy. */
  #lock: AbortSignal | undefined;
  /** Why no further archive is begun. */
  #halt: 'paused' | 'working' | undefined;

  constructor(policy: ArchivalPolicy, context: ArchiveContext, outcome: PolicyOutcome, onStep: OnStep) {
    this.#policy = policy;
    this.#context = context;
    this.#outcome = outcome;
    this.#onStep = onStep;
  }

  async run(): Promise<PolicyOutcome> {
    const isResumed = this.#outcome.state === 'working';
    try {
      await (this.#outcome.mode === 'apply' ? this.#apply(isResumed) : this.#show());
    } catch (error) {
      this.#outcome = this.#ended(error);
    }
    return this.#outcome;
  }

  #ended(error: unknown): PolicyOutcome {
    // What ends at a signal says many things.
    if (this.#context.signal.aborted) {
      // What was under way is begun again by the next step.
      if (this.#outcome.planHash !== null) return { ...this.#outcome, state: 'working' };
      return withError(this.#outcome, readingEnded(this.#context.signal));
    }
    return withError(this.#outcome, this.#lock?.aborted === true ? this.#lock.reason : error);
  }

  /** Reads from the replica where there is one, and changes nothing. */
  async #show(): Promise<void> {
    await using reader = await openDryReader(this.#policy, this.#context);
    const prepared = await prepareRowPlan(this.#policy, 'archive', this.#context, reader);
    this.#tellPlan(prepared);
    this.#outcome = { ...this.#outcome, state: 'planned' };
    await this.#tellBacklog(prepared, reader);
  }

  async #apply(isResumed: boolean): Promise<void> {
    const policy = this.#policy;
    const context = this.#context;
    await using deletion = await openDeletion(task, policy, context);
    const { primary } = deletion;
    this.#lock = deletion.lock.signal;
    await this.#step('locked');
    const resume = isResumed ? (this.#outcome.planHash ?? undefined) : undefined;
    const prepared = await prepareRowPlan(policy, 'archive', context, primary, { resume });
    this.#tellPlan(prepared);
    if ((await pausedBy(context.control, task, policy.id)) !== undefined) {
      this.#outcome = { ...this.#outcome, state: 'paused' };
    } else if (prepared.guards.length > 0) {
      this.#outcome = { ...this.#outcome, state: 'guarded' };
    } else {
      await this.#step('planned');
      // As the role that deletes: that it may.
      const target = await resolveTarget(policy, primary, { task, deletes: true, cutoff: prepared.plan.cutoff });
      await this.#work(deletion, prepared, target);
    }
    if (this.#outcome.state !== 'working') await this.#tellBacklog(prepared, primary);
  }

  async #work(deletion: Deletion, prepared: PreparedPlan, target: RowTarget): Promise<void> {
    const { plan, planHash } = prepared;
    const context = this.#context;
    const ledger = await deletion.openLedger(planHash, 'delete');
    await ledger.settle(deletion.primary);
    await this.#step('settled');
    const stop = new AbortController();
    const signal = AbortSignal.any([context.signal, deletion.lock.signal, stop.signal]);
    const store = new ArchiveStore(this.#s3(), this.#destination, signal);
    const run: Run = { deletion, prepared, target, ledger, store, signal };
    try {
      this.#outcome = { ...this.#outcome, state: 'done' };
      while (await this.#archiveAll(run));
      if (this.#outcome.state === 'done') this.#outcome = { ...this.#outcome, state: this.#halt ?? 'done' };
    } finally {
      stop.abort(new UncheckedError('not-reached', 'The work has ended.'));
      const { deleted } = this.#outcome;
      if (deleted > 0 || (this.#outcome.state === 'done' && plan.rows === 0)) {
        await recordRun(context.control, plan, { planHash, at: context.now.toISOString(), amount: deleted });
      }
    }
  }

  /** Finishes what there is, and then archives what is left. Returns whether to look again, because somebody else has made an archive. */
  async #archiveAll(run: Run): Promise<boolean> {
    const { store, ledger, deletion } = run;
    const policy = this.#policy.id;
    const tail = await readTail(await this.#openLedger());
    const known = await this.#knownLink();
    // What a control item says of the chain must not keep the ledger's last archive from being looked at.
    const after = known !== undefined && known.sequence < (tail?.sequence ?? 0) ? known : undefined;
    const chain = await readChain(store, policy, { after });
    if (tail !== undefined) requireTail(store, chain, tail, policy);
    // Of archives that nobody else is making: whoever has lost the lock must not.
    await deletion.lock.confirm();
    if (chain.leftovers.length > 0) await store.remove(chain.leftovers);
    await this.#step('leftovers-removed');
    for (const { sequence, state, manifest, manifestHash: hash, exclusions } of chain.archives) {
      if (state === 'completed' || manifest === undefined) continue;
      await verifyArchive(store, manifest, { signal: run.signal });
      await this.#step('proven-again');
      const isKnown = tail?.sequence === sequence && tail.manifest === hash;
      if (!isKnown) await this.#record(ledger, manifest, hash);
      const proven: ProvenArchive = {
        manifest,
        hash,
        exclusions,
        isFresh: false,
        wasRecorded: isKnown,
        deleted: isKnown ? tail.deleted : new Set(),
        unknown: isKnown ? tail.unknown : new Set(),
      };
      if (!(await this.#finish(proven, run))) return false;
    }
    await this.#remember(chain);
    return this.#archiveMore(chain, run);
  }

  /** Archives from the oldest row on; while rows of one archive are deleted, those of the next are copied. */
  async #archiveMore(chain: ArchiveChain, run: Run): Promise<boolean> {
    const { prepared, target, deletion } = run;
    const config = await readConfig(this.#policy, this.#context);
    await waitForReplica(config, deletion.primary, run.signal);
    const ended = new AbortController();
    const signal = AbortSignal.any([run.signal, ended.signal]);
    const store = new ArchiveStore(this.#s3(), this.#destination, signal);
    await using copier = new Copier({
      policy: this.#policy,
      target,
      store,
      segmentRows: Math.min(segmentRows, this.#policy.pace.maximumBatchRows),
      open: () =>
        openCopySession({
          config,
          statementTimeoutSeconds: copySeconds,
          lockTimeoutSeconds: this.#policy.pace.lockTimeoutSeconds,
          timeZone: 'UTC',
          signal,
        }),
      onStep: (step) => this.#step(step),
    });
    let previous = chain.lastManifest;
    const left = prepared.plan.rows - this.#outcome.archived;
    const provenance = {
      policy: this.#policy,
      target,
      estate: this.#context.estate.name,
      actor: this.#context.actor,
      runId: this.#context.runId,
      planHash: prepared.planHash,
      codeVersion: codeVersion(),
    };
    const drafts = archivesAhead({
      copier,
      sequence: chain.nextSequence,
      prove: (copied) => proveCopy(copied, provenance, store, signal),
      maximumRows: (copiedRows) => this.#maximumRows(left - copiedRows),
      stop: () => ended.abort(new UncheckedError('not-reached', 'The archive is not to be made.')),
      measured: (rows, ms) => {
        this.#msPerRow = ms / rows;
      },
    });
    for await (const draft of drafts) {
      await this.#step('read-back');
      const archive = await this.#write(draft, previous, run);
      if (archive === undefined) return true;
      previous = archive.hash;
      if (!(await this.#finish(archive, run))) return false;
    }
    return false;
  }

  /** Returns how many rows the next archive may have; undefined where none is to be begun, for lack of rows or of time. */
  async #maximumRows(left: number): Promise<number | undefined> {
    if (left <= 0) return undefined;
    if ((await pausedBy(this.#context.control, task, this.#policy.id)) !== undefined) {
      this.#halt = 'paused';
      return undefined;
    }
    const inTime = Math.floor(((this.#context.timeLeftMs?.() ?? Infinity) * timeShare) / this.#msPerRow);
    if (inTime < Math.min(left, minimumRows)) {
      this.#halt = 'working';
      return undefined;
    }
    return Math.min(this.#policy.rowsPerArchive, left, inTime);
  }

  /** Gives an archive its place in the chain, and writes down that it is there; undefined where somebody else has taken the place. */
  async #write(draft: ManifestDraft, previous: string | null, run: Run): Promise<ProvenArchive | undefined> {
    const { store, ledger, deletion } = run;
    const manifest: Manifest = { ...draft, createdAt: new Date().toISOString(), previousManifest: previous };
    const text = JSON.stringify(manifest);
    const hash = manifestHash(text);
    const { policy, sequence } = manifest;
    // Whoever has lost the lock meanwhile may find its files removed by the next run: an archive of nothing would keep all others up.
    await deletion.lock.confirm();
    const isNew = await store.putNew(manifestKey(policy, sequence), text);
    if (!isNew && manifestHash((await store.readText(manifestKey(policy, sequence))) ?? '') !== hash) return undefined;
    await this.#step('manifest-written');
    // Whoever had the lock meanwhile may have removed the files, as nothing named them; whoever gets it now sees what does.
    await deletion.lock.confirm();
    await readManifest(store, policy, sequence, hash);
    await this.#record(ledger, manifest, hash);
    const rows = manifest.tables[0]?.rows ?? 0;
    const bytes = manifest.tables.reduce((sum, { file }) => sum + file.bytes, 0);
    this.#outcome = {
      ...this.#outcome,
      archived: this.#outcome.archived + rows,
      bytes: this.#outcome.bytes + bytes,
      manifests: [...this.#outcome.manifests, manifestUrl(store, manifest)].slice(-maximumManifests),
    };
    const none: ReadonlySet<number> = new Set();
    return { manifest, hash, exclusions: [], isFresh: true, wasRecorded: false, deleted: none, unknown: none };
  }

  async #record(ledger: BatchLedger, manifest: Manifest, hash: string): Promise<void> {
    const [root] = manifest.tables;
    await ledger.note({
      action: archiveAction,
      outcome: 'done',
      manifest: hash,
      keysHash: null,
      before: null,
      after: null,
      facts: { archive: manifest.sequence, rows: root?.rows ?? 0, hash: root?.hash ?? null },
    });
    await this.#step('archive-recorded');
  }

  /** Deletes the rows of an archive; returns whether to go on. */
  async #finish(archive: ProvenArchive, run: Run): Promise<boolean> {
    const { store, target, deletion, ledger, prepared } = run;
    const { plan, planHash, measure } = prepared;
    const context = this.#context;
    const deletedBefore = this.#outcome.deleted;
    const tell = (deleted: number) => {
      context.progress?.(deletedBefore + deleted, Math.max(plan.rows, deletedBefore + deleted), this.#policy.id);
    };
    const finished = await finishArchive(archive, {
      store,
      target,
      deletion,
      ledger,
      remaining: Math.max(0, measure.rows - deletedBefore),
      onStep: (step) => this.#step(step),
      clock: () => new Date(),
      begin: () => beginPlan(context, planHash, plan),
      progress: tell,
    });
    this.#take(finished, archive, run);
    if (finished.error !== undefined) throw finished.error;
    return finished.state === 'done';
  }

  #take({ state, result, kept, differences }: Finished, { manifest, isFresh }: ProvenArchive, run: Run): void {
    const before = this.#outcome;
    const subject = manifestUrl(run.store, manifest);
    const mismatch = result?.failure?.kind === 'mismatch' ? result.failure : undefined;
    if (result !== undefined) {
      const { waitedMs, workedMs, reasons, blindSpots } = run.deletion.pacer;
      const since = { waitedMs: waitedMs - this.#paced.waitedMs, workedMs: workedMs - this.#paced.workedMs };
      this.#paced = { waitedMs, workedMs };
      const told = mismatch === undefined ? result : { ...result, failure: undefined };
      this.#outcome = outcomeOfBatches(before, told, { ...since, reasons, blindSpots });
    }
    this.#outcome = { ...this.#outcome, kept: before.kept + kept };
    if (state === 'differs' || state === 'held') this.#outcome = { ...this.#outcome, state: 'stopped' };
    if (mismatch !== undefined) {
      // Which ones is found out by the next run, row by row.
      const detail = `What is in the database has changed while the archive's rows were deleted: ${mismatch.detail}`;
      this.#outcome = withFault(this.#outcome, { rule: 'row-changed', subject, detail });
    }
    if (state === 'held') {
      const detail = 'Rows of the archive are held by somebody else and stay for the next run, which finishes it.';
      this.#outcome = withFault(this.#outcome, { rule: 'deletion-failed', subject, detail, evidence: { kept } });
    }
    if (differences !== undefined) this.#outcome = withDifferences(this.#outcome, subject, differences, isFresh);
  }

  async #step(step: ArchiveStep): Promise<void> {
    await this.#onStep(step);
  }

  #tellPlan({ plan, planHash, guards, notes }: PreparedPlan): void {
    this.#outcome = policyOutcomeSchema.parse({ ...this.#outcome, planHash, planned: plan.rows, guards, notes });
  }

  async #tellBacklog({ target }: PreparedPlan, reader: Reader): Promise<void> {
    const policy = this.#policy;
    const { now } = this.#context;
    const measured = await measureBacklog(target, policy, now, policy.guards.maximumRows, reader);
    const backlogAgeHours = measured.backlogAgeHours === null ? null : Math.max(0, measured.backlogAgeHours);
    this.#outcome = { ...this.#outcome, backlog: measured.backlog, backlogAgeHours };
  }

  get #destination(): Destination {
    const destination = this.#policy.destination ?? this.#context.config.destination;
    if (destination === undefined) throw new TypeError(`${this.#policy.id} has no destination`);
    return destination;
  }

  #s3(): S3Client {
    const { clients, estate } = this.#context;
    return clients.get(S3Client, targetIn(estate, clients, this.#destination));
  }

  #openLedger(): Promise<Ledger> {
    return Ledger.open(this.#context.ledgers, `${task}/${this.#policy.id}`, () => new Date());
  }

  /** Returns an archive up to which a run before has looked at the chain. */
  async #knownLink(): Promise<ChainLink | undefined> {
    return linkSchema.safeParse(await this.#context.control.read(this.#linkKey)).data;
  }

  /** Manifests of years need not be read every night; how they hang together is proven by the ledger's own command. */
  async #remember({ archives }: ArchiveChain): Promise<void> {
    const link = archives.at(-2 * watchedArchives);
    if (link === undefined) return;
    const { sequence, manifestHash: hash } = archives.at(-watchedArchives) ?? link;
    await this.#context.control.write(this.#linkKey, { sequence, manifestHash: hash });
  }

  get #linkKey(): string {
    return `chain/${task}/${this.#policy.id}`;
  }
}

/** What the work of a policy is done with, under its lock. */
interface Run {
  readonly deletion: Deletion;
  readonly prepared: PreparedPlan;
  /** As the role that deletes sees it. */
  readonly target: RowTarget;
  readonly ledger: BatchLedger;
  readonly store: ArchiveStore;
  /** Aborted when the work has ended, for whatever reason. */
  readonly signal: AbortSignal;
}

/** Manifests that an outcome names: the last ones. */
const maximumManifests = 100;

const linkSchema = z.strictObject({ sequence: z.int().min(1), manifestHash: z.string() });

/** The last archive of the ledger is in the chain, and is the one that was written. */
function requireTail(store: ArchiveStore, chain: ArchiveChain, tail: LedgerTail, policy: string): void {
  const archive = chain.archives.find(({ sequence }) => sequence === tail.sequence);
  if (archive === undefined) requireManifests(store, policy, chain, [tail.manifest]);
  if (archive === undefined || archive.manifestHash === tail.manifest) return;
  const detail = `The manifest's SHA-256 is ${archive.manifestHash}, and the ledger tells of ${tail.manifest}.`;
  throw new ArchiveFault('manifest-tampered', store.urlOf(manifestKey(policy, tail.sequence)), detail);
}
