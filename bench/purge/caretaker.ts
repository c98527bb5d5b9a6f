import { configSchema, type RowsPolicy } from '../../functions/data-purge/config.ts';
import { purgeRows } from '../../functions/data-purge/rows/purge-rows.ts';
import { AwsClients } from '../../shared/aws/clients.ts';
import { MemoryControlStore } from '../../shared/control/memory-control-store.ts';
import { FileLedgerStore } from '../../shared/ledger/file-ledger-store.ts';
import { MemoryLedgerStore } from '../../shared/ledger/memory-ledger-store.ts';
import { policyOutcomeSchema } from '../../shared/retention/policy-outcome.ts';
import type { PurgeJob, PurgeResult } from '../purge.bench.ts';
import { table } from './listens.ts';

// A whole apply of a policy, from the first connection to the backlog at the end; its ledger is a folder, or in memory.
process.on('message', async ({ url, folder, pace }: PurgeJob) => {
  const clients = new AwsClients();
  const { policies } = configSchema.parse({
    policies: [
      {
        id: 'old-listens',
        kind: 'rows',
        mode: 'apply',
        table,
        ageColumn: 'listened_at',
        retention: { years: 2 },
        index: 'listens_age',
        guards: { approval: 'never', maximumPercent: 100, maximumRows: 1_000_000_000 },
        pace,
      },
    ],
  });
  const startedAt = performance.now();
  const { state } = await purgeRows(
    policies[0] as RowsPolicy,
    {
      mode: 'apply',
      actor: 'bench',
      runId: 'bench',
      estate: { name: 'bench', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] },
      homeRegion: 'us-east-1',
      databases: { main: { url, writer: { url } } },
      now: new Date(),
      clients,
      control: new MemoryControlStore(),
      ledgers: folder === undefined ? new MemoryLedgerStore() : new FileLedgerStore(folder),
      signal: new AbortController().signal,
    },
    undefined,
  );
  const seconds = (performance.now() - startedAt) / 1000;
  clients.destroy();
  const result: PurgeResult = {
    seconds,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    outcome: policyOutcomeSchema.parse(state),
  };
  process.send?.(result);
});
process.send?.('ready');
