import { steps } from '../../functions/integrity-audit/steps.ts';
import { task } from '../../functions/integrity-audit/task.ts';
import { AwsClients } from '../../shared/aws/clients.ts';
import { runTask } from '../../shared/run-task.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import type { AuditJob, AuditResult } from '../audit.bench.ts';

// A whole run, from the first connection to the report; but for the checks that are not of rules.
process.on('message', async ({ url, rules }: AuditJob) => {
  const clients = new AwsClients();
  const startedAt = performance.now();
  const { coverage, findings, tables } = await runTask(task, steps, {
    estate: { name: 'bench', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] },
    databases: { main: { url } },
    config: { databases: { main: { physical: { enabled: false } } }, rules },
    configSource: 'bench',
    invocation: {},
    clients,
    clock: () => new Date(),
    store: new MemoryStateStore(),
    timeBudgetSeconds: 900,
  });
  const seconds = (performance.now() - startedAt) / 1000;
  clients.destroy();
  // Without a history there is nothing to judge volumes and distributions by: they are measured all the same.
  const unread = coverage.unchecked.filter(({ reason }) => reason !== 'not-enough-history');
  const violations = Object.fromEntries(
    (tables?.[0]?.rows ?? []).flatMap(({ rule, violations: count }) => (count === null ? [] : [[rule, Number(count)]])),
  );
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  const result: AuditResult = { seconds, peakMiB, violations, findings: findings.length, unread };
  process.send?.(result);
});
process.send?.('ready');
