import pMap from 'p-map';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { delayedSignal } from '../../../shared/delayed-signal.ts';
import { glob } from '../../../shared/glob.ts';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import { listObjects } from '../../../shared/objects/list-objects.ts';
import { isInScope, s3For, targetOf } from '../../../shared/objects/object-store.ts';
import type { Resource } from '../../../shared/resource.ts';
import type { WorkItem, WorkProgress } from '../../../shared/run-task.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { VerificationConfig } from '../config.ts';
import type { BackupWorkContext } from '../context.ts';
import { matchingObjectsResource } from '../matching-objects.ts';
import { HashThread } from './hash-thread.ts';
import { waitingSince } from './order.ts';
import { type ReadOutcome, readObject } from './read-object.ts';
import { ReadingS3Client } from './reading-client.ts';
import { archivedReason, Survey, type SurveyedObject } from './survey.ts';
import {
  joinMemory,
  type MemoryEntry,
  MemoryUnreadableError,
  mergeMemory,
  readMemory,
  type Trouble,
  writeMemory,
} from './verification-memory.ts';
import { initialState, type VerificationState, verificationStateSchema } from './verification-state.ts';

/** Objects under way at a time: enough to hide the wait for the first byte of small ones. */
const readConcurrency = 4;

/** How much one step may hold and how long it may go on. */
export interface StepLimits {
  /** Objects chosen to be read, some hundreds of bytes each in memory; a step more reads the rest. */
  readonly maximumObjects: number;
  /** Objects that were in trouble are read again in each run, the longest untried first, so that it is told when it is over. */
  readonly maximumRetries: number;
  /** Keys that are not listed any more and are dropped from what is remembered. */
  readonly maximumGone: number;
  /** What is being read when a step's time is up may go on for so long. */
  readonly graceMs: number;
}

const defaultLimits: StepLimits = {
  maximumObjects: 50_000,
  maximumRetries: 1000,
  maximumGone: 100_000,
  graceMs: 10_000,
};

/** Of the run's budget, and beside it. */
const retryShare = 0.1;

/** Returns the id under which the kernel does this verification's work. */
export function verificationWorkId({ id }: Pick<VerificationConfig, 'id'>): string {
  return `verification/${id}`;
}

/** Returns under which name is remembered what was read. Of another bucket, the same key says nothing, though all else be equal. */
export function verificationMemoryName({ id, bucket }: Pick<VerificationConfig, 'id' | 'bucket'>): string {
  return `verified/${bucket}/${id}`;
}

/** Returns what a verification is called in coverage and findings. */
export function verificationResource(config: VerificationConfig, context: BackupWorkContext): Resource {
  return matchingObjectsResource('s3-verification', config, context);
}

/** Returns the configured verifications that the run's sources, accounts, regions and glob leave in. */
export function verificationsInScope(context: BackupWorkContext): VerificationConfig[] {
  const { config, scope } = context;
  if (!config.sources.includes('s3')) return [];
  const isWanted = scope.only === undefined ? () => true : glob(scope.only);
  return config.verifications.filter((verification) => {
    const { id, name } = verificationResource(verification, context);
    return isInScope(context, verification) && (isWanted(id) || isWanted(name));
  });
}

/** Returns the verifications of this run as parts of its work. */
export async function planVerifications(context: BackupWorkContext): Promise<WorkItem[]> {
  return verificationsInScope(context).map((config) => ({ id: verificationWorkId(config) }));
}

/**
 * Does one step of a verification: lists the objects, reads those that have waited longest until the run's budget or the step's time
 * is used up, and remembers what it saw. Each step settles at least one object. A step that is killed is as if it had not been.
 *
 * @param progress what the step before returned.
 * @throws whatever the store of what is remembered throws, and what is a bug.
 */
export async function workVerification(
  item: WorkItem,
  progress: WorkProgress | undefined,
  context: BackupWorkContext,
  limits: StepLimits = defaultLimits,
): Promise<WorkProgress> {
  const config = context.config.verifications.find((candidate) => verificationWorkId(candidate) === item.id);
  if (config === undefined) throw new RangeError(`No verification is configured for ${item.id}`);
  const state = progress === undefined ? initialState(context.now) : verificationStateSchema.parse(progress.state);
  return new VerificationStep(config, state, context, limits).run();
}

class VerificationStep {
  readonly #config: VerificationConfig;
  readonly #context: BackupWorkContext;
  readonly #state: VerificationState;
  readonly #memoryName: string;
  readonly #limits: StepLimits;
  readonly #gone = new Set<string>();
  #memoryFault: string | null;
  #beginsAnew = false;

  constructor(config: VerificationConfig, state: VerificationState, context: BackupWorkContext, limits: StepLimits) {
    this.#limits = limits;
    this.#config = config;
    this.#state = state;
    this.#context = context;
    this.#memoryName = verificationMemoryName(config);
    this.#memoryFault = state.memoryFault;
  }

  async run(): Promise<WorkProgress> {
    const survey = await this.#survey();
    if (!(survey instanceof Survey))
      return { isDone: true, state: { ...this.#state, failure: survey } satisfies VerificationState };
    const queue = survey.toRead();
    const { settled, left } = await this.#read(queue);

    let { bytesBegun, verifiedObjects, verifiedBytes } = this.#state;
    const updates: MemoryEntry[] = [];
    for (const { candidate, outcome } of settled) {
      if (!candidate.isRetry) bytesBegun += candidate.sizeBytes;
      if (outcome.kind === 'good' || outcome.kind === 'altered') {
        verifiedObjects += 1;
        verifiedBytes += candidate.sizeBytes;
      }
      const entry = this.#remember(candidate, outcome);
      if (entry === undefined) {
        survey.forget(candidate);
        continue;
      }
      updates.push(entry);
      survey.settle(
        { ...candidate, sinceMs: waitingSince(candidate.object.modifiedAtMs, entry.readAtMs) },
        entry.trouble,
      );
    }
    for (const candidate of left) survey.leave(candidate);
    await this.#write(updates);
    return {
      isDone: left.length === 0 && !survey.isCut,
      state: {
        ...this.#state,
        ...survey.totals,
        bytesBegun,
        verifiedObjects,
        verifiedBytes,
        memoryFault: this.#memoryFault,
      } satisfies VerificationState,
    };
  }

  /** Returns why the objects could not be listed, if so. */
  async #survey(): Promise<Survey | { reason: string; detail: string }> {
    try {
      try {
        return await this.#surveyWith(readMemory(this.#context.store, this.#memoryName));
      } catch (error) {
        if (!(error instanceof MemoryUnreadableError)) throw error;
        // What was taken from it until then is worth as little.
        this.#beginsAnew = true;
        this.#memoryFault = error.message;
        this.#gone.clear();
        return await this.#surveyWith(noMemory());
      }
    } catch (error) {
      const why = error instanceof UncheckedError ? error : uncheckedReason(error);
      if (why === undefined) throw error;
      if (!this.#context.signal.aborted) return { reason: why.reason, detail: why.detail };
      const detail =
        'The objects could not all be listed in the time of one step, so that none was read. Divide them by prefix among several ' +
        'verifications.';
      return { reason: 'not-reached', detail };
    }
  }

  async #surveyWith(memory: AsyncIterable<readonly MemoryEntry[]>): Promise<Survey> {
    const { bucket, prefix, pattern, bytesPerRun } = this.#config;
    const { runStartedAtMs, bytesBegun } = this.#state;
    const survey = new Survey({
      prefix,
      pattern,
      runStartedAtMs,
      nowMs: this.#context.now.getTime(),
      bytesBudget: Math.max(0, bytesPerRun - bytesBegun),
      retryBytesBudget: Math.ceil(bytesPerRun * retryShare),
      maximumObjects: this.#limits.maximumObjects,
      maximumRetries: this.#limits.maximumRetries,
    });
    const client = s3For(this.#context, this.#config);
    const listing = listObjects(client, { bucket, prefix }, { signal: this.#context.signal });
    const note = (key: string) => {
      if (this.#gone.size < this.#limits.maximumGone) this.#gone.add(key);
    };
    for await (const page of joinMemory(listing, memory, note)) for (const object of page) survey.add(object);
    return survey;
  }

  async #read(queue: readonly SurveyedObject[]): Promise<{
    readonly settled: readonly { readonly candidate: SurveyedObject; readonly outcome: ReadOutcome }[];
    readonly left: readonly SurveyedObject[];
  }> {
    const { clients, signal } = this.#context;
    const client = clients.get(ReadingS3Client, targetOf(this.#context, this.#config));
    const settled: { candidate: SurveyedObject; outcome: ReadOutcome }[] = [];
    const interrupted: SurveyedObject[] = [];
    let begun = 0;
    const inTime = function* () {
      for (const candidate of queue) {
        if (signal.aborted && begun > 0) return;
        begun += 1;
        yield candidate;
      }
    };
    using deadline = delayedSignal(signal, this.#limits.graceMs);
    const ended = new AbortController();
    const whileReading = AbortSignal.any([deadline.signal, ended.signal]);
    let thread: HashThread | undefined;
    const hashThread = () => {
      thread ??= new HashThread();
      return thread;
    };
    try {
      await pMap(
        inTime(),
        async (candidate) => {
          const { key, etag, sizeBytes } = candidate.object;
          const version = { bucket: this.#config.bucket, key, etag, sizeBytes };
          const outcome = await readObject({ client, hashThread }, version, candidate.entry?.digest, whileReading);
          if (outcome.kind === 'interrupted') interrupted.push(candidate);
          else settled.push({ candidate, outcome });
        },
        { concurrency: readConcurrency },
      );
    } finally {
      // Should one of them have thrown, the others are not to go on behind the step's back.
      ended.abort();
      await thread?.stop();
    }
    if (settled.length > 0) return { settled, left: [...interrupted, ...queue.slice(begun)] };
    // Begun again in each step, they would keep all others from being read. What is in turn may have waited for what is not.
    const first = interrupted.find(({ isRetry }) => !isRetry);
    const givenUp = interrupted.filter((candidate) => candidate.isRetry || candidate === first);
    for (const candidate of givenUp) {
      const detail = `Its ${candidate.sizeBytes} bytes could not be read in the time that one step has.`;
      settled.push({ candidate, outcome: { kind: 'unreadable', reason: 'too-large', detail } });
    }
    const others = interrupted.filter((candidate) => !givenUp.includes(candidate));
    return { settled, left: [...others, ...queue.slice(begun)] };
  }

  /** Returns what to remember; undefined when the object is not there any more as it was listed. */
  #remember({ object, entry }: SurveyedObject, outcome: ReadOutcome): MemoryEntry | undefined {
    if (outcome.kind === 'moved-on' || outcome.kind === 'interrupted') return undefined;
    const { key, etag, sizeBytes, modifiedAtMs } = object;
    // Clocks differ; what was read is read since the object was written, and since this run began, all the same.
    const triedAtMs = Math.max(this.#context.now.getTime(), modifiedAtMs, this.#state.runStartedAtMs);
    const isRead = outcome.kind === 'good' || outcome.kind === 'altered';
    return {
      key,
      etag,
      sizeBytes,
      triedAtMs,
      readAtMs: isRead ? triedAtMs : entry?.readAtMs,
      digest: outcome.kind === 'good' ? outcome.digest : entry?.digest,
      trouble: troubleOf(outcome),
    };
  }

  async #write(updates: readonly MemoryEntry[]): Promise<void> {
    if (updates.length === 0 && this.#gone.size === 0 && !this.#beginsAnew) return;
    const { store } = this.#context;
    const memory = this.#beginsAnew ? noMemory() : readMemory(store, this.#memoryName);
    const sorted = updates.toSorted((a, b) => compareKeys(a.key, b.key));
    await writeMemory(store, this.#memoryName, mergeMemory(memory, sorted, this.#gone));
  }
}

function troubleOf(outcome: ReadOutcome): Trouble | undefined {
  switch (outcome.kind) {
    case 'altered':
      return outcome;
    case 'unreadable':
      return outcome;
    case 'archived':
      return { kind: 'unreadable', reason: archivedReason, detail: 'It has to be restored before it can be read.' };
    default:
      return undefined;
  }
}

async function* noMemory(): AsyncGenerator<readonly MemoryEntry[]> {}
