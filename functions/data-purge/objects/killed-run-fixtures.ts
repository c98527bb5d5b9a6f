import { join } from 'node:path';
import { FileControlStore } from '../../../shared/control/file-control-store.ts';
import { FileLedgerStore } from '../../../shared/ledger/file-ledger-store.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import { FileStateStore } from '../../../shared/storage/file-state-store.ts';
import type { PurgeContext } from '../context.ts';
import { clientsAt, contextFor } from '../context-fixtures.ts';
import { now, objectsPolicy } from './object-fixtures.ts';
import { purgeObjects } from './purge-objects.ts';

/** Returns what a run has whose stores outlive its process. */
export function lastingContext(url: string, folder: string): PurgeContext {
  return contextFor({
    now,
    clients: clientsAt(url).clients,
    control: new FileControlStore(join(folder, 'control')),
    ledgers: new FileLedgerStore(join(folder, 'ledgers')),
    store: new FileStateStore(join(folder, 'state')),
  });
}

/** Carries out the tests' policy as a process of its own. */
if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  const [, , url = '', folder = ''] = process.argv;
  const context = lastingContext(url, folder);
  let progress: WorkProgress | undefined;
  do {
    progress = await purgeObjects(objectsPolicy(), context, progress);
  } while (!progress.isDone);
  process.exit();
}
