import { MemoryControlStore } from './control/memory-control-store.ts';
import { MemoryLedgerStore } from './ledger/memory-ledger-store.ts';
import type { WorkContext } from './run-task.ts';

/** Returns what every run has whatever its task: a dry one by hand, in which nothing was said or written down before. */
export function anyRun(): Pick<WorkContext<unknown>, 'mode' | 'actor' | 'runId' | 'control' | 'ledgers'> {
  return {
    mode: 'dry-run',
    actor: 'ada',
    runId: 'a-run',
    control: new MemoryControlStore(),
    ledgers: new MemoryLedgerStore(),
  };
}
