import { evaluateReplicas } from '../../functions/backup-integrity/replicas/evaluate-replicas.ts';
import { planReplicas, replicaFacts, workReplica } from '../../functions/backup-integrity/replicas/replica-work.ts';
import { task } from '../../functions/backup-integrity/task.ts';
import { AwsClients } from '../../shared/aws/clients.ts';
import { runTask } from '../../shared/run-task.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import type { CompareJob, CompareResult } from '../replicas.bench.ts';

process.on('message', async ({ objects }: CompareJob) => {
  const startedAt = performance.now();
  let compared = 0;
  let differences = 0;
  const clients = new AwsClients();
  const { coverage } = await runTask(
    task,
    {
      plan: planReplicas,
      work: workReplica,
      collect: async (context) => replicaFacts(context.work, context),
      evaluate(replicas, config, now) {
        for (const replica of replicas) {
          compared += replica.compared;
          for (const { count } of Object.values(replica.differences)) differences += count;
        }
        return evaluateReplicas(replicas, config, now);
      },
    },
    {
      estate: { name: 'bench', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] },
      config: {
        replicas: [{ id: 'audio', source: { bucket: `${objects}-source` }, copy: { bucket: `${objects}-copy` } }],
      },
      configSource: 'bench',
      invocation: {},
      clients,
      clock: () => new Date(),
      store: new MemoryStateStore(),
      timeBudgetSeconds: 900,
    },
  );
  clients.destroy();
  if (coverage.unchecked.length > 0) throw new Error(JSON.stringify(coverage.unchecked[0]));
  const result: CompareResult = {
    compared,
    differences,
    seconds: (performance.now() - startedAt) / 1000,
    peakMiB: process.resourceUsage().maxRSS / 1024,
  };
  process.send?.(result);
});
process.send?.('ready');
