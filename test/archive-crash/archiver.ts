import { archivePolicy } from '../../functions/data-archival/archive/archive-policy.ts';
import type { ArchiveStep } from '../../functions/data-archival/archive/archive-steps.ts';
import { clientsAt, contextFor, parsePolicy } from '../../functions/data-archival/context-fixtures.ts';
import { FileControlStore } from '../../shared/control/file-control-store.ts';
import { S3LedgerStore } from '../../shared/ledger/s3-ledger-store.ts';

/** What a process is to archive, and where it is to be killed. */
export interface ArchiverJob {
  readonly url: string;
  readonly s3: string;
  readonly ledgerBucket: string;
  /** Folder. */
  readonly control: string;
  readonly policy: Readonly<Record<string, unknown>>;
  /** At this step, the so-manyth time that it comes, from 1 on. */
  readonly killAt?: { readonly step: ArchiveStep; readonly time: number } | undefined;
}

// A run of the task's work in a process of its own, to be killed.
process.on('message', async ({ url, s3, ledgerBucket, control, policy, killAt }: ArchiverJob) => {
  const at = clientsAt(s3, { maxAttempts: 3 });
  let times = 0;
  const { state } = await archivePolicy(
    parsePolicy(policy),
    contextFor({
      clients: at.clients,
      databases: { main: { url, writer: { url } } },
      ledgers: new S3LedgerStore(at.s3, ledgerBucket),
      control: new FileControlStore(control),
    }),
    undefined,
    {
      onStep(step) {
        if (step !== killAt?.step) return;
        times += 1;
        if (times === killAt.time) process.kill(process.pid, 'SIGKILL');
      },
    },
  );
  at.clients.destroy();
  process.send?.(state, () => process.disconnect());
});
process.send?.('ready');
