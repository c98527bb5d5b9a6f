import { configSchema } from '../../functions/backup-integrity/config.ts';
import { verificationStateSchema } from '../../functions/backup-integrity/verification/verification-state.ts';
import {
  planVerifications,
  workVerification,
} from '../../functions/backup-integrity/verification/verification-work.ts';
import { AwsClients } from '../../shared/aws/clients.ts';
import { anyRun } from '../../shared/run-fixtures.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import type { VerificationJob, VerificationResult } from '../checksums.bench.ts';

/** All that a run does of a verification: list, read, hash, compare and remember. */
process.on('message', async ({ port }: VerificationJob) => {
  process.env.AWS_ENDPOINT_URL_S3 = `http://127.0.0.1:${port}`;
  process.env.AWS_ACCESS_KEY_ID = 'bench';
  process.env.AWS_SECRET_ACCESS_KEY = 'bench';
  const clients = new AwsClients();
  const context = {
    config: configSchema.parse({ verifications: [{ id: 'bench', bucket: 'bench', bytesPerRun: 2 ** 50 }] }),
    estate: { name: 'bench', timeZone: 'UTC', regions: ['us-east-1'], accounts: [] },
    databases: {},
    homeRegion: 'us-east-1',
    scope: {},
    now: new Date(),
    clients,
    ...anyRun(),
    store: new MemoryStateStore(),
    signal: AbortSignal.timeout(600_000),
  };
  const usedBefore = process.cpuUsage();
  const startedAt = performance.now();
  const [item] = await planVerifications(context);
  if (item === undefined) throw new RangeError('Nothing was planned');
  const { state } = await workVerification(item, undefined, context);
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(usedBefore);
  const { verifiedBytes, verifiedObjects, alteredCount, unreadableCount } = verificationStateSchema.parse(state);
  const result: VerificationResult = {
    seconds,
    verifiedBytes,
    verifiedObjects,
    processorSeconds: (user + system) / 1e6,
    faults: alteredCount + unreadableCount,
    peakMiB: process.resourceUsage().maxRSS / 1024,
  };
  process.send?.(result);
});
process.send?.('ready');
