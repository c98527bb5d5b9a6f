import pMap from 'p-map';
import * as z from 'zod';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { delayedSignal } from '../../../shared/delayed-signal.ts';
import { glob } from '../../../shared/glob.ts';
import { bucketArn } from '../../../shared/objects/bucket-arn.ts';
import { type KeyRange, listObjects } from '../../../shared/objects/list-objects.ts';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';
import { mergeJoin, type Pair } from '../../../shared/objects/merge-join.ts';
import { isInScope, s3For, s3Resource, s3Url } from '../../../shared/objects/object-store.ts';
import { splitRange } from '../../../shared/objects/split-prefix.ts';
import type { FinishedWork, WorkItem, WorkProgress } from '../../../shared/run-task.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { InventoryConfig, Location, ReplicaConfig } from '../config.ts';
import type { BackupWorkContext, Context } from '../context.ts';
import { listInventory } from '../inventory/list-inventory.ts';
import { newestManifest } from '../inventory/manifest.ts';
import { classify, type Verdict } from './classify.ts';
import { confirmDifference, type SidePlace } from './confirm.ts';
import { DifferenceList, differencesFolder } from './difference-list.ts';
import type { Replica } from './facts.ts';
import {
  addDifference,
  addTallies,
  differencesOf,
  earliest,
  emptyTally,
  endUnchecked,
  type Tally,
  tallySchema,
} from './tally.ts';

/** Ranges that a large replica is divided into; as many can be compared side by side. */
const rangesPerReplica = 8;

const planConcurrency = 4;

/** Objects of a range that are asked for one by one when the listings say that they differ. */
const maximumAsked = 1_000;

/** Pairs asked for at a time: two requests each. */
const askConcurrency = 16;

/** What a step has begun is brought to its end for so long after its time is up. */
const lateMs = 30_000;

/** A range of a replica: keys behind `startAfter` and before `endBefore`, both without the prefix. */
const itemSchema = z.strictObject({
  id: z.string(),
  replicaId: z.string(),
  /** ISO 8601. */
  plannedAt: z.string(),
  /** Number of the range. */
  part: z.int().min(0),
  startAfter: z.string().optional(),
  endBefore: z.string().optional(),
});

type ReplicaItem = z.output<typeof itemSchema>;

/** Returns the ranges to compare. A source that cannot be listed is one range, whose work will say so. */
export async function planReplicas(context: BackupWorkContext): Promise<WorkItem[]> {
  const wanted = context.config.replicas.filter((replica) => isWanted(replica, context));
  const planned = await pMap(wanted, (replica) => planReplica(replica, context), { concurrency: planConcurrency });
  return planned.flat();
}

async function planReplica(replica: ReplicaConfig, context: BackupWorkContext): Promise<ReplicaItem[]> {
  const { id, source } = replica;
  const ranges = await rangesOf(replica, context);
  const relative = (key: string | undefined) => key?.slice(source.prefix.length);
  return ranges.map(({ startAfter, endBefore }, index) => ({
    id: `${itemPrefix(id)}${index}`,
    replicaId: id,
    plannedAt: context.now.toISOString(),
    part: index,
    ...(startAfter === undefined ? {} : { startAfter: relative(startAfter) }),
    ...(endBefore === undefined ? {} : { endBefore: relative(endBefore) }),
  }));
}

async function rangesOf(
  { source, copy }: ReplicaConfig,
  context: BackupWorkContext,
): Promise<Pick<KeyRange, 'startAfter' | 'endBefore'>[]> {
  // Each range would read the inventory, of either side, from end to end.
  if ([source, copy].some(({ bucket }) => inventoryOf(bucket, context) !== undefined)) return [{}];
  const { signal } = context;
  const found = await orUnchecked(() => splitRange(s3For(context, source), source, rangesPerReplica, { signal }));
  return Array.isArray(found) ? found : [{}];
}

/**
 * Compares a range, from where the step before stopped, until it is done or the time is up. A listing that cannot be read ends the
 * range, and the result says why.
 */
export async function workReplica(
  item: WorkItem,
  progress: WorkProgress | undefined,
  context: BackupWorkContext,
): Promise<WorkProgress> {
  const range = itemSchema.parse(item);
  const replica = context.config.replicas.find(({ id }) => id === range.replicaId);
  if (replica === undefined) throw new TypeError(`no replica ${range.replicaId} is configured`);
  const tally = progress === undefined ? emptyTally() : tallySchema.parse(progress.state);
  const startedAt = tally.lastKey;
  const folder = `${differencesFolder(range.plannedAt, replica.id)}${range.part}/`;
  const list = new DifferenceList(context.store, folder, tally.documents);
  using late = delayedSignal(context.signal, lateMs);
  const result = await orUnchecked(() => compareRange(replica, range, { tally, list }, context, late.signal));
  await list.write();
  tally.documents = list.documents;
  if (typeof result === 'boolean') return { isDone: result, state: tally };
  // What was under way is begun anew, unless that is where this step began: nor would the next one come any further.
  if (late.signal.aborted && tally.lastKey !== startedAt) return { isDone: false, state: tally };
  return { isDone: true, state: endUnchecked(tally, result) };
}

/** Returns what became of the configured replicas, each settled in the coverage ledger. */
export function replicaFacts(work: readonly FinishedWork[], context: Context): Replica[] {
  if (!context.config.sources.includes('s3')) return [];
  return context.config.replicas
    .filter((replica) => isWanted(replica, context))
    .map((replica) => replicaFact(replica, work, context));
}

function replicaFact(replica: ReplicaConfig, work: readonly FinishedWork[], context: Context): Replica {
  const { coverage } = context;
  const resource = replicaResource(replica, context);
  coverage.expect(resource);
  const parts = work.filter(({ item }) => item.id.startsWith(itemPrefix(replica.id)));
  const done = parts.filter(({ progress }) => progress?.isDone === true);
  const tallies = parts.flatMap(({ progress }) => (progress === undefined ? [] : [tallySchema.parse(progress.state)]));
  const unchecked = tallies.find((tally) => tally.unchecked !== undefined)?.unchecked;
  const isUnfinished = parts.length === 0 || done.length < parts.length;
  if (unchecked !== undefined) coverage.unchecked(resource, unchecked.reason, unchecked.detail);
  else if (!isUnfinished) coverage.checked(resource);
  const { compared, inFlight, oldestInFlightMs, differences, documents } = addTallies(tallies);
  const plannedAt = parts.map(({ item }) => itemSchema.parse(item).plannedAt)[0];
  const { bucket, account, region } = replica.copy;
  const { homeRegion } = context;
  return {
    resource,
    configId: replica.id,
    sourceArn: bucketArn(replica.source.bucket, replica.source.region ?? homeRegion),
    copy: { bucket, account: account ?? ownAccount(context), region: region ?? homeRegion },
    isWholeBucket: replica.source.prefix === '',
    compared,
    inFlight,
    oldestInFlight: oldestInFlightMs === undefined ? undefined : new Date(oldestInFlightMs),
    isPartial: unchecked !== undefined || isUnfinished,
    listedIn: documents === 0 || plannedAt === undefined ? undefined : differencesFolder(plannedAt, replica.id),
    differences: {
      missing: differencesOf(differences.missing),
      stale: differencesOf(differences.stale),
      differs: differencesOf(differences.differs),
      extra: differencesOf(differences.extra),
      'replication-failed': differencesOf(differences['replication-failed']),
    },
  };
}

/** What comparing adds to. */
interface Result {
  readonly tally: Tally;
  readonly list: DifferenceList;
}

/** Compares batch by batch into the result. @returns whether the range is done. */
async function compareRange(
  replica: ReplicaConfig,
  range: ReplicaItem,
  { tally, list: differences }: Result,
  context: BackupWorkContext,
  signal: AbortSignal,
): Promise<boolean> {
  const startAfter = tally.lastKey ?? range.startAfter;
  const within = { startAfter, endBefore: range.endBefore };
  const [source, copy] = await Promise.all([
    list(replica.source, within, context, signal),
    list(replica.copy, within, context, signal),
  ]);
  const batches = mergeJoin(source.pages, copy.pages, { source: replica.source.prefix, copy: replica.copy.prefix });
  const sides = { source: placeOf(replica.source, context), copy: placeOf(replica.copy, context) };
  const times = { now: context.now, copyAsOf: copy.asOf };
  for await (const batch of batches) {
    await compareBatch(batch, { tally, list: differences }, replica, sides, times, signal);
    // Behind the batch, that the two agree whenever the step ends.
    if (differences.isFull) await differences.write();
    if (context.signal.aborted) return false;
  }
  return true;
}

type Sides = Readonly<Record<'source' | 'copy', SidePlace>>;

interface Suspect {
  readonly pair: Pair<ListedObject>;
  readonly verdict: Exclude<Verdict, 'equal' | 'in-flight'>;
}

/** Counts a whole batch or, when it throws, nothing of it: what is begun anew must not be counted twice. */
async function compareBatch(
  batch: readonly Pair<ListedObject>[],
  { tally, list: differences }: Result,
  replica: ReplicaConfig,
  sides: Sides,
  { now, copyAsOf }: { readonly now: Date; readonly copyAsOf: Date },
  signal: AbortSignal,
): Promise<void> {
  const suspects: Suspect[] = [];
  let compared = 0;
  let inFlight = 0;
  let oldestInFlightMs: number | undefined;
  for (const pair of batch) {
    if (pair.source !== undefined) compared += 1;
    // What was written since cannot be in an inventory of the copy.
    const verdict = classify(pair, replica, copyAsOf);
    if (verdict === 'equal') continue;
    if (verdict === 'in-flight') {
      inFlight += 1;
      oldestInFlightMs = earliest(oldestInFlightMs, pair.source?.modifiedAtMs);
    } else {
      suspects.push({ pair, verdict });
    }
  }
  const askable = suspects.filter(({ verdict }) => verdict !== 'extra' || !replica.mayHaveExtra);
  const asked = new Set(askable.slice(0, maximumAsked - tally.asked));
  const confirmations = await pMap(asked, ({ pair }) => confirmDifference(pair, sides, replica, now, signal), {
    concurrency: askConcurrency,
  });
  const answers = new Map([...asked].map((suspect, index) => [suspect, confirmations[index]]));
  for (const suspect of suspects) {
    const { key, source } = suspect.pair;
    const answer = answers.get(suspect);
    const verdict = answer?.verdict ?? suspect.verdict;
    if (verdict === 'equal') continue;
    const writtenMs = answer === undefined ? source?.modifiedAtMs : answer.writtenMs;
    if (verdict === 'in-flight') {
      inFlight += 1;
      oldestInFlightMs = earliest(oldestInFlightMs, writtenMs);
      continue;
    }
    const difference = { key, writtenMs, isConfirmed: answer !== undefined };
    addDifference(tally.differences[verdict], difference);
    if (verdict !== 'extra' || !replica.mayHaveExtra) differences.add(verdict, key);
    if (answer?.hasFailedReplication) {
      addDifference(tally.differences['replication-failed'], difference);
      differences.add('replication-failed', key);
    }
  }
  tally.asked += asked.size;
  tally.compared += compared;
  tally.inFlight += inFlight;
  tally.oldestInFlightMs = earliest(tally.oldestInFlightMs, oldestInFlightMs);
  tally.lastKey = copied((batch.at(-1) as Pair<ListedObject>).key);
}

/** One side's objects, and the moment they are told as of. */
interface Listed {
  readonly pages: AsyncIterable<readonly ListedObject[]>;
  readonly asOf: Date;
}

/** Returns what is to be compared of one side: from an inventory where the configuration names one, from S3 itself otherwise. */
async function list(
  { prefix, ...location }: Location,
  { startAfter, endBefore }: { startAfter: string | undefined; endBefore: string | undefined },
  context: BackupWorkContext,
  signal: AbortSignal,
): Promise<Listed> {
  const full = (key: string | undefined) => (key === undefined ? undefined : prefix + key);
  const range = { bucket: location.bucket, prefix, startAfter: full(startAfter), endBefore: full(endBefore) };
  const inventory = inventoryOf(location.bucket, context);
  if (inventory === undefined) {
    return { pages: listObjects(s3For(context, location), range, { signal }), asOf: context.now };
  }
  const client = s3For(context, inventory.manifests);
  const manifest = await newestManifest(client, inventory, context.now, signal);
  return {
    pages: listInventory(client, manifest, inventory.manifests.bucket, range, signal),
    asOf: new Date(Math.min(manifest.creationTimestamp, context.now.getTime())),
  };
}

function inventoryOf(bucket: string, { config }: BackupWorkContext): InventoryConfig | undefined {
  return config.inventories.find((inventory) => inventory.bucket === bucket);
}

function placeOf(location: Location, context: BackupWorkContext): SidePlace {
  return { client: s3For(context, location), bucket: location.bucket, prefix: location.prefix };
}

function replicaResource({ id, source, copy }: ReplicaConfig, context: BackupWorkContext) {
  return { ...s3Resource('s3-replica', id, source, context), id: `${s3Url(source)} > ${s3Url(copy)}` };
}

/** Account of the credentials at hand, where the estate names it. */
function ownAccount({ estate }: BackupWorkContext): string {
  return estate.accounts.find(({ roleArn }) => roleArn === undefined)?.id ?? '';
}

/** Both sides have to be in reach; the copy's region is not asked, as it is another one on purpose. */
function isWanted(replica: ReplicaConfig, context: BackupWorkContext): boolean {
  const { only } = context.scope;
  const { id, name } = replicaResource(replica, context);
  const { source, copy } = replica;
  const isInReach = isInScope(context, source) && isInScope(context, { ...copy, region: source.region });
  return isInReach && (only === undefined || [id, name].some(glob(only)));
}

function itemPrefix(replicaId: string): string {
  return `replica/${replicaId}/`;
}

/** Returns what `read` returns, or why it could not be read. */
async function orUnchecked<T>(read: () => Promise<T>): Promise<T | { reason: string; detail: string }> {
  try {
    return await read();
  } catch (error) {
    const reason = error instanceof UncheckedError ? error : uncheckedReason(error);
    if (reason === undefined) throw error;
    return { reason: reason.reason, detail: reason.detail };
  }
}

/** Returns a key that does not keep the page in memory that it is a part of. */
function copied(key: string): string {
  return Buffer.from(key).toString();
}
