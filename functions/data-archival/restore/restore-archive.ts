import type { ClientConfig } from 'pg';
import { fileKey, manifestKey } from '../../../shared/archive/archive-names.ts';
import type { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import type { ManifestTable } from '../../../shared/archive/manifest.ts';
import { readCopyFile } from '../../../shared/archive/read-file.ts';
import { verifyArchive } from '../../../shared/archive/verify-archive.ts';
import type { Ledger } from '../../../shared/ledger/ledger.ts';
import type { LedgerEntry } from '../../../shared/ledger/ledger-entry.ts';
import type { LedgerStore } from '../../../shared/ledger/ledger-store.ts';
import { type CopySession, openCopySession } from '../../../shared/postgres/copy-session.ts';
import { currentTransaction, timelineOf } from '../../../shared/postgres/transaction-end.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { type FoundArchive, findArchive, type PickArchive } from './find-archive.ts';
import { type ArchivedRows, type LoadTarget, loadRows } from './load-rows.ts';
import { isServersRefusal, restoreFailure } from './restore-failure.ts';
import { endRestore, openRestoreLedger, settleRestore } from './restore-ledger.ts';
import { RestoreRefusal } from './restore-refusal.ts';
import type { RestoredArchive, RestoreResult } from './restore-result.ts';

/** What is to be restored, and where. */
export interface RestoreRequest {
  readonly policy: string;
  /** Of the archive; the latest unless given. */
  readonly sequence?: number | undefined;
  /** Schema in which the tables are made anew. */
  readonly into?: string | undefined;
  /** Back into the tables that the rows were taken from; without it and `into`, nothing is loaded. */
  readonly apply: boolean;
  /** Loads it also where the ledger tells neither of it nor of a later one. */
  readonly allowsUnrecorded: boolean;
}

/** What a restore takes from its surroundings. */
export interface RestoreContext {
  readonly store: ArchiveStore;
  readonly ledgers: LedgerStore;
  /** Returns how a database of the configuration is written to. */
  connect(database: string): Promise<ClientConfig>;
  readonly actor: string;
  readonly clock: () => Date;
  readonly signal: AbortSignal;
  /** Told of rows, of all tables. */
  readonly progress?: (step: 'verify' | 'load', rows: number, total: number) => void;
}

/** How a session behaves that loads an archive: one statement may insert all of its rows. */
export const loadSettings = { statementTimeoutSeconds: 6 * 3600, lockTimeoutSeconds: 10, timeZone: 'UTC' } as const;

/**
 * Verifies an archive wholly, and loads it where that is asked for, in one transaction: all of its rows are there in
 * the end, equal to those that were archived by count and hash, or none is.
 *
 * @throws what is a bug; everything else is in the result.
 */
export async function restoreArchive(request: RestoreRequest, context: RestoreContext): Promise<RestoreResult> {
  const state: { archive: RestoredArchive | null; settled: RestoreResult['settled'] } = {
    archive: null,
    settled: null,
  };
  const result = (rest: Pick<RestoreResult, 'outcome' | 'message'> & Partial<RestoreResult>): RestoreResult => ({
    code: null,
    loaded: [],
    ledgerEntry: null,
    ...state,
    ...rest,
  });
  const target: LoadTarget =
    request.into === undefined ? { kind: 'original' } : { kind: 'schema', schema: request.into, isScratch: false };
  try {
    const found = await findArchive(context.store, context.ledgers, request.policy, pickAsked(request, context));
    const isToLoad = request.into !== undefined || request.apply;
    if (isToLoad && !request.allowsUnrecorded) requireRecorded(found, context.store);
    await verify(found, context);
    state.archive = describe(found, context.store);
    if (!isToLoad) {
      return result({ outcome: 'verified', message: 'Every row is as it was archived. Nothing was loaded.' });
    }
    const ledger = await openRestoreLedger(context.ledgers, request.policy, context.clock);
    await using session = await openCopySession({
      config: await context.connect(found.manifest.database),
      ...loadSettings,
      signal: context.signal,
    });
    const timeline = await timelineOf(session);
    const { database } = found.manifest;
    const settled = await settleRestore(ledger, session, { database, timeline });
    if (settled !== undefined) state.settled = { at: settled.at, outcome: settled.outcome };
    return result(await load(session, ledger, { found, target, timeline }, context));
  } catch (error) {
    const failure = restoreFailure(error, target.kind);
    if (failure === undefined) throw error;
    const { kind, code, message } = failure;
    return result({
      outcome: kind === 'refused' ? 'refused' : 'failed',
      code,
      message: `${message} Nothing was loaded.`,
    });
  }
}

/** @throws UncheckedError `archive-missing`, from what it returns. */
function pickAsked({ policy, sequence }: RestoreRequest, { store }: RestoreContext): PickArchive {
  return (archives) => {
    const archive = sequence === undefined ? archives.at(-1) : archives[sequence - 1];
    if (archive !== undefined) return archive;
    const which = sequence === undefined ? 'no archive' : `no archive ${sequence}`;
    throw new UncheckedError('archive-missing', `The policy ${policy} has ${which} in ${store.urlOf('')}.`);
  };
}

/**
 * Whoever can write into the bucket can write an archive that is consistent in itself. Its statements would be run, and
 * its rows loaded, by a role that may write: so what nobody has recorded is somebody else's until a person says that it
 * is not.
 *
 * @throws RestoreRefusal `unrecorded`.
 */
function requireRecorded({ isInLedger, manifest, manifestHash }: FoundArchive, store: ArchiveStore): void {
  if (isInLedger) return;
  throw new RestoreRefusal(
    'unrecorded',
    `The ledger here tells neither of ${store.urlOf(manifestKey(manifest.policy, manifest.sequence))} (SHA-256 ` +
      `${manifestHash}) nor of a later archive: anybody who can write into the bucket may have made it. Where a ` +
      'deployed stage has archived it, say --stage <stage>. Without --into and --apply it is only verified. Once you ' +
      'know where it comes from, --unrecorded has it loaded.',
  );
}

/**
 * Returns what there is to load of an archive; a file that is not what was written ends the load with an ArchiveFault.
 */
export function archivedRows(
  { manifest, excludedKeys }: Pick<FoundArchive, 'manifest' | 'excludedKeys'>,
  store: ArchiveStore,
): ArchivedRows {
  const { policy, sequence } = manifest;
  return {
    manifest,
    excludedKeys,
    rowsOf: ({ file }: ManifestTable) => readCopyFile(store, fileKey(policy, sequence, file.name), file),
  };
}

/** Returns the rows of an archive, of all its tables. */
export function rowsOf({ tables }: { readonly tables: readonly { readonly rows: number }[] }): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}

async function verify(
  { manifest }: FoundArchive,
  { store, signal, progress = () => {} }: RestoreContext,
): Promise<void> {
  const total = rowsOf(manifest);
  await verifyArchive(store, manifest, { signal, progress: (rows) => progress('verify', rows, total) });
}

interface Loading {
  readonly found: FoundArchive;
  readonly target: LoadTarget;
  /** Of the server. */
  readonly timeline: string | null;
}

async function load(
  session: CopySession,
  ledger: Ledger,
  { found, target, timeline }: Loading,
  context: RestoreContext,
): Promise<Pick<RestoreResult, 'outcome' | 'message'> & Partial<RestoreResult>> {
  const { manifest, manifestHash } = found;
  const { actor, store, progress = () => {} } = context;
  await session.begin('read write');
  const loaded = await loadRows(session, archivedRows(found, store), target, (rows) =>
    progress('load', rows, rowsOf(manifest)),
  );
  const intention = await ledger.append({
    actor,
    task: 'data-archival',
    subject: manifest.policy,
    target: manifest.database,
    action: 'restore',
    outcome: 'intended',
    planHash: null,
    manifest: manifestHash,
    keysHash: null,
    before: null,
    after: rowsOf({ tables: loaded }),
    facts: {
      transaction: await currentTransaction(session),
      timeline,
      archive: manifest.sequence,
      into: target.kind === 'schema' ? target.schema : null,
      isRecorded: found.isInLedger,
      excludedRows: loaded.reduce((sum, { excludedRows }) => sum + excludedRows, 0),
    },
    settles: null,
    confirms: null,
  });
  try {
    await session.commit();
  } catch (error) {
    if (isServersRefusal(error)) {
      await endRestore(ledger, intention, 'rolled-back');
      throw error;
    }
    const message =
      'The connection broke while the rows were made final: nobody knows yet whether they are. The next restore of this ' +
      'policy asks the server.';
    return { outcome: 'unknown', message, ledgerEntry: intention.sequence };
  }
  const message = 'Every row is there as it was archived: count and hash are equal.';
  return { outcome: 'restored', message, loaded, ledgerEntry: await writeEnd(ledger, intention, target) };
}

/** The rows are final: that this could not be written down is told by the next restore, which asks the server. */
async function writeEnd(ledger: Ledger, intention: LedgerEntry, target: LoadTarget): Promise<number> {
  try {
    return (await endRestore(ledger, intention, 'done')).sequence;
  } catch (error) {
    if (restoreFailure(error, target.kind) === undefined) throw error;
    return intention.sequence;
  }
}

function describe(found: FoundArchive, store: ArchiveStore): RestoredArchive {
  const { manifest, manifestHash, state, isInLedger, excludedKeys } = found;
  const { policy, sequence, createdAt, database, tables } = manifest;
  return {
    manifest: store.urlOf(manifestKey(policy, sequence)),
    manifestHash,
    policy,
    sequence,
    createdAt,
    database,
    state,
    isInLedger,
    excludedRows: excludedKeys.length,
    tables: tables.map(({ schema, name, rows, hash }) => ({ table: `${schema}.${name}`, rows, hash })),
  };
}
