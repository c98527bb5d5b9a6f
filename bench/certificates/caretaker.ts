import { steps } from '../../functions/certificate-expiry/steps.ts';
import { task } from '../../functions/certificate-expiry/task.ts';
import { AwsClients } from '../../shared/aws/clients.ts';
import { runTask } from '../../shared/run-task.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import type { ScanJob, ScanResult } from '../certificates.bench.ts';
import { deadlines, endpointsOf } from './endpoints.ts';

process.on('message', async (job: ScanJob) => {
  const endpoints = endpointsOf(job);
  const startedAt = performance.now();
  const { coverage } = await runTask(task, steps, {
    estate: { name: 'bench', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] },
    config: {
      sources: ['endpoints'],
      endpoints,
      trustedCertificates: [job.rootPem],
      concurrency: job.concurrency,
      connectTimeoutSeconds: deadlines.connectSeconds,
      handshakeTimeoutSeconds: deadlines.handshakeSeconds,
    },
    configSource: 'bench',
    invocation: {},
    clients: new AwsClients(),
    clock: () => new Date(),
    store: new MemoryStateStore(),
    timeBudgetSeconds: 300,
  });
  const result: ScanResult = {
    seconds: (performance.now() - startedAt) / 1000,
    answered: coverage.checked,
    unanswered: coverage.unchecked.length,
    peakMiB: process.resourceUsage().maxRSS / 1024,
  };
  process.send?.(result);
});
process.send?.('ready');
