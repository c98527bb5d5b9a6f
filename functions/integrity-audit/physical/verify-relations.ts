import pMap from 'p-map';
import sql from 'sql-template-tag';
import type { Resource } from '../../../shared/resource.ts';
import type { Context, LiveDatabase } from '../context.ts';
import type { CorruptHeap, CorruptIndex, ServerFacts } from './facts.ts';
import { findVerifiers, type Verifiers } from './find-verifiers.ts';
import { lookInTime } from './look-in-time.ts';
import { type IndexName, indexResource, physicalScope, type RelationName, tableResource } from './physical-resource.ts';
import { userRelations } from './user-relations.ts';
import { readTimes, writeTimes } from './verification-times.ts';
import { type HeapCorruption, verifyHeap } from './verify-heap.ts';
import { verifyIndex } from './verify-index.ts';

/** What verification has found; what is well is only in the coverage ledger. */
export interface Verified {
  readonly corruptIndexes: readonly CorruptIndex[];
  readonly corruptHeaps: readonly CorruptHeap[];
}

/**
 * Verifies the indexes and tables that there are verifiers for, each in a statement of its own, and those first that were tried longest
 * ago: a database that is too large for one run is verified over several. A run that is narrowed to other things asks for no verifier.
 */
export async function verifyRelations(
  database: LiveDatabase,
  server: ServerFacts,
  context: Context,
): Promise<Verified> {
  const { name, settings } = database;
  const { coverage, store, now, signal } = context;
  const corruptIndexes: CorruptIndex[] = [];
  const corruptHeaps: CorruptHeap[] = [];
  const indexes =
    settings.physical.indexes === 'off' ? [] : await list('indexes', readIndexes, database, server, context);
  const heaps = settings.physical.heaps ? await list('tables', readHeaps, database, server, context) : [];
  const resources = [
    ...(indexes ?? []).map((index) => indexResource(name, index)),
    ...(heaps ?? []).map((heap) => tableResource(name, heap)),
  ];
  if (coverage.isNarrowed && !resources.some((resource) => coverage.selects(resource))) {
    return { corruptIndexes, corruptHeaps };
  }
  const verifiers = await findVerifiers(database, server, context);
  const targets: Target[] = [];
  let withoutVerifier = 0;
  for (const index of indexes ?? []) {
    const check = checkOf(index, verifiers);
    if (check === undefined) {
      if (index.method !== 'btree') withoutVerifier += 1;
      continue;
    }
    const resource = indexResource(name, index);
    targets.push({
      resource,
      verify: async () => {
        const corruption = await verifyIndex(database, index.oid, check);
        if (corruption === undefined) return;
        const { schema, owner, isToast, isUnique } = index;
        corruptIndexes.push({
          resource,
          index: { schema: isToast ? 'pg_toast' : schema, name: index.name },
          toastOf: isToast ? { schema, name: owner } : undefined,
          isUnique,
          ...corruption,
        });
      },
    });
  }
  if (settings.physical.indexes !== 'off') context.measure(`indexesWithoutVerifier.${name}`, withoutVerifier);
  const verify = verifiers.heap;
  if (verify !== undefined) {
    for (const heap of heaps ?? []) {
      const resource = tableResource(name, heap);
      const tell = (corruption: HeapCorruption) => corruptHeaps.push({ resource, ...corruption });
      targets.push({ resource, verify: () => verifyHeap(database, heap.oid, verify, tell) });
    }
  }

  const selected = targets.filter(({ resource }) => coverage.selects(resource));
  for (const { resource } of selected) coverage.expect(resource);
  const memory = physicalScope(name, 'verification-times');
  const remembered = (await lookInTime(memory, context, () => readTimes(store, name))) ?? {};
  const triedAtMs = new Map(Object.entries(remembered));
  await pMap(
    inTurn(selected, triedAtMs),
    async ({ resource, verify }) => {
      // Tried, not done: what never gets done in time must not keep the others from their turn.
      if (!signal.aborted) triedAtMs.set(resource.id, now.getTime());
      await lookInTime(resource, context, verify);
    },
    { concurrency: context.config.limits.connections },
  );
  const listed = indexes === undefined || heaps === undefined ? undefined : resources;
  await coverage.look(memory, () => writeTimes(store, name, kept(triedAtMs, listed)));
  return { corruptIndexes, corruptHeaps };
}

/** Returns what is there; undefined when that could not be read. */
async function list<T>(
  what: string,
  read: (database: LiveDatabase, server: ServerFacts) => Promise<T[]>,
  database: LiveDatabase,
  server: ServerFacts,
  context: Context,
): Promise<T[] | undefined> {
  return lookInTime(physicalScope(database.name, what), context, () => read(database, server));
}

/** Something to verify. */
interface Target {
  readonly resource: Resource;
  readonly verify: () => Promise<void>;
}

function inTurn(targets: readonly Target[], triedAtMs: ReadonlyMap<string, number>): Target[] {
  const turn = ({ resource }: Target) => triedAtMs.get(resource.id) ?? 0;
  return targets.toSorted((a, b) => turn(a) - turn(b));
}

/** What is gone need not be remembered; but where a listing could not be read, nobody knows what is gone. */
function kept(triedAtMs: ReadonlyMap<string, number>, listed: readonly Resource[] | undefined): Record<string, number> {
  const ids = listed && new Set(listed.map(({ id }) => id));
  return Object.fromEntries([...triedAtMs].filter(([id]) => ids === undefined || ids.has(id)));
}

interface IndexRow extends IndexName {
  readonly oid: string;
  readonly method: string;
  readonly isUnique: boolean;
}

/** Those that are not valid are no good anyway, and a finding of their own. */
function readIndexes({ settings, live }: LiveDatabase, { isStandby }: ServerFacts): Promise<IndexRow[]> {
  return live.query<IndexRow>(sql`
    with relations as (${userRelations(settings.physical.excludeSchemas, isStandby)})
    select c.oid::int8::text as oid, r.schema, c.relname as name, r.name as owner, r.is_toast as "isToast",
      am.amname as method, i.indisunique as "isUnique"
    from relations r join pg_index i on i.indrelid = r.oid join pg_class c on c.oid = i.indexrelid
      join pg_am am on am.oid = c.relam
    where c.relkind = 'i' and i.indisvalid and i.indisready and i.indislive
    order by r.schema, r.name, r.is_toast, c.relname`);
}

interface HeapRow extends RelationName {
  readonly oid: string;
}

function readHeaps({ settings, live }: LiveDatabase, { isStandby }: ServerFacts): Promise<HeapRow[]> {
  return live.query<HeapRow>(sql`
    with relations as (${userRelations(settings.physical.excludeSchemas, isStandby)})
    select r.oid::int8::text as oid, r.schema, r.name as owner, r.is_toast as "isToast"
    from relations r join pg_am am on am.oid = r.relam
    where r.relkind in ('r', 'm', 't') and am.amname = 'heap'
    order by r.schema, r.name, r.is_toast`);
}

function checkOf({ method, oid, isUnique }: IndexRow, { btree, gin }: Verifiers) {
  if (method === 'btree') return btree?.(oid, isUnique);
  return method === 'gin' ? gin?.(oid) : undefined;
}
