import { randomBytes } from 'node:crypto';
import { ArchiveFault } from '../../../shared/archive/archive-fault.ts';
import { manifestKey } from '../../../shared/archive/archive-names.ts';
import type { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import type { ChainedArchive } from '../../../shared/archive/chain.ts';
import { LedgerError } from '../../../shared/ledger/ledger-error.ts';
import { openAdvisoryLock } from '../../../shared/postgres/advisory-lock.ts';
import { connectionConfig } from '../../../shared/postgres/connection.ts';
import { openCopySession } from '../../../shared/postgres/copy-session.ts';
import type { WriterOptions } from '../../../shared/postgres/writer.ts';
import { pausedBy } from '../../../shared/retention/pause.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ArchivalPolicy } from '../config.ts';
import type { ArchivalContext } from '../context.ts';
import { type FoundArchive, findArchive } from '../restore/find-archive.ts';
import { loadRows } from '../restore/load-rows.ts';
import { openArchiveStore } from '../restore/open-archive-store.ts';
import { archivedRows, loadSettings, rowsOf } from '../restore/restore-archive.ts';
import { restoreFailure } from '../restore/restore-failure.ts';
import { task } from '../task.ts';
import type { DrillFacts } from './drill-facts.ts';
import {
  afterDrill,
  type DrillMemory,
  isDue,
  isOverdue,
  readDrillMemory,
  whoseTurn,
  writeDrillMemory,
} from './drill-memory.ts';

/**
 * Restores one archive of a policy into a scratch schema, proves every row by count and hash in the database, and takes
 * it all back: the transaction is rolled back, so that nothing of it is ever seen by anybody else, sent to a replica,
 * or left behind, whatever ends this process. A drill is tried in each run, once it is due, until one is good.
 *
 * @throws what is a bug; everything else is in the facts.
 */
export async function runDrill(policy: ArchivalPolicy, context: ArchivalContext): Promise<DrillFacts> {
  const { now, store } = context;
  const { drill } = context.config;
  let memory = await readDrillMemory(store, policy.id);
  const facts = (rest: Pick<DrillFacts, 'state'> & Partial<DrillFacts>): DrillFacts => ({
    policy: policy.id,
    manifest: null,
    rows: 0,
    seconds: 0,
    isEqual: null,
    fault: null,
    unchecked: null,
    lastGoodAt: memory?.lastGoodAt ?? null,
    isOverdue: drill.enabled && isOverdue(memory, drill.everyDays, now),
    ...rest,
  });
  if (!drill.enabled) return facts({ state: 'switched-off' });
  if (!isDue(memory, drill.everyDays, now)) return facts({ state: 'not-due' });
  if (context.mode === 'dry-run') return facts({ state: 'dry-run' });
  // Whoever has stopped the policy wants the server to have nothing to do with it.
  if ((await pausedBy(context.control, task.id, policy.id)) !== undefined) return facts({ state: 'paused' });

  let manifest: string | null = null;
  let sequence: number | null = null;
  let rows = 0;
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  try {
    const archives = openArchiveStore(destinationOf(policy, context), context);
    const found = await choose(archives, policy, memory, context);
    memory ??= { since: now.toISOString(), lastGoodAt: null, drilled: [], failed: null };
    sequence = found.manifest.sequence;
    manifest = archives.urlOf(manifestKey(policy.id, sequence));
    rows = rowsOf(found.manifest);
    requireInLedger(found, manifest);
    await restoreAndForget(found, archives, policy, context);
    memory = afterDrill(memory, sequence, now.toISOString());
    await writeDrillMemory(store, policy.id, memory);
    return facts({ state: 'equal', manifest, rows, seconds: seconds(), isEqual: true });
  } catch (error) {
    if (error instanceof NothingToDrill) return facts({ state: 'nothing-to-drill', isOverdue: false });
    // From now on it counts how long none was good.
    memory ??= { since: now.toISOString(), lastGoodAt: null, drilled: [], failed: null };
    const end = endOf(error, manifest ?? policy.id);
    if (end.state === 'failed' && sequence !== null) memory = { ...memory, failed: sequence };
    await writeDrillMemory(store, policy.id, memory);
    return facts({ ...end, manifest, rows, seconds: seconds(), isEqual: end.state === 'failed' ? false : null });
  }
}

/** There is no archive yet. */
class NothingToDrill extends Error {
  override readonly name = 'NothingToDrill';
}

function destinationOf(policy: ArchivalPolicy, { config }: ArchivalContext) {
  const destination = policy.destination ?? config.destination;
  // The configuration's schema has seen to it.
  if (destination === undefined) throw new TypeError(`${policy.id} has no destination`);
  return destination;
}

function choose(
  store: ArchiveStore,
  { id }: ArchivalPolicy,
  memory: DrillMemory | undefined,
  { config, ledgers }: ArchivalContext,
): Promise<FoundArchive> {
  const { maximumRows } = config.drill;
  return findArchive(store, ledgers, id, (archives: readonly ChainedArchive[]) => {
    if (!archives.some(({ state }) => state === 'completed')) throw new NothingToDrill('no archive is completed');
    const archive = whoseTurn(archives, memory, maximumRows);
    if (archive !== undefined) return archive;
    const most = maximumRows.toLocaleString('en-US');
    const detail = `Every archive of ${id} has more than ${most} rows (drill.maximumRows).`;
    throw new UncheckedError('archive-too-large', detail);
  });
}

/**
 * Nothing is deleted of an archive, and so none is completed, before the ledger tells of it. The statements of one that
 * somebody else has written are not to be run.
 *
 * @throws ArchiveFault `manifest-tampered`.
 */
function requireInLedger({ isInLedger }: FoundArchive, manifest: string): void {
  if (isInLedger) return;
  const detail = 'The archive is said to be completed, and the ledger tells neither of it nor of a later one.';
  throw new ArchiveFault('manifest-tampered', manifest, detail);
}

async function restoreAndForget(
  found: FoundArchive,
  store: ArchiveStore,
  policy: ArchivalPolicy,
  context: ArchivalContext,
): Promise<void> {
  const name = context.config.drill.database ?? policy.database;
  const writer = context.databases[name]?.writer;
  if (writer === undefined) {
    throw new UncheckedError('no-writer', `databases.${name} has no writer, which is needed to restore into a schema.`);
  }
  const options: WriterOptions = {
    config: await connectionConfig(writer, context),
    ...loadSettings,
    signal: context.signal,
  };
  // Two at a time would only take the server's time twice.
  await using lock = await openAdvisoryLock(options, `data-archival/${policy.id}/drill`);
  const signal = AbortSignal.any([context.signal, lock.signal]);
  await using session = await openCopySession({ ...options, signal });
  await session.begin('read write');
  const schema = `caretaker_drill_${randomBytes(8).toString('hex')}`;
  await loadRows(session, archivedRows(found, store), { kind: 'schema', schema, isScratch: true });
  await session.rollback();
}

/** SQLSTATEs that say that the rows, or their table, cannot be what they were: a statement is at fault, or a value. */
const cannotBeRestored = /^(0A|22|42(?!501)|54)/;

function endOf(error: unknown, subject: string): Pick<DrillFacts, 'state'> & Partial<DrillFacts> {
  if (error instanceof ArchiveFault) {
    return { state: 'failed', fault: { rule: error.rule, subject: error.subject, detail: error.message } };
  }
  if (error instanceof LedgerError) {
    return { state: 'failed', fault: { rule: 'ledger-broken', subject, detail: error.message } };
  }
  const failure = restoreFailure(error, 'schema');
  if (failure === undefined) throw error;
  const { kind, code, message } = failure;
  if (kind === 'refused' || cannotBeRestored.test(String((error as { code?: unknown }).code))) {
    return { state: 'failed', fault: { rule: 'restore-drill-failed', subject, detail: message } };
  }
  return { state: 'unchecked', unchecked: { reason: code, detail: message } };
}
