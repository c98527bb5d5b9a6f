import { S3Client } from '@aws-sdk/client-s3';
import { archivePolicy } from '../../functions/data-archival/archive/archive-policy.ts';
import { archivesAhead } from '../../functions/data-archival/archive/archives-ahead.ts';
import { Copier } from '../../functions/data-archival/archive/copy-archive.ts';
import { proveCopy } from '../../functions/data-archival/archive/prove-copy.ts';
import { contextFor, parsePolicy } from '../../functions/data-archival/context-fixtures.ts';
import { manifestKey } from '../../shared/archive/archive-names.ts';
import { ArchiveStore } from '../../shared/archive/archive-store.ts';
import type { Manifest } from '../../shared/archive/manifest.ts';
import { manifestHash } from '../../shared/archive/read-manifest.ts';
import { AwsClients } from '../../shared/aws/clients.ts';
import { openCopySession } from '../../shared/postgres/copy-session.ts';
import { openReader } from '../../shared/postgres/reader.ts';
import type { PolicyOutcome } from '../../shared/retention/policy-outcome.ts';
import { resolveTarget } from '../../shared/retention/resolve-target.ts';
import { index, table } from './listens.ts';

/** What is to be archived. */
export interface ArchiveJob {
  readonly url: string;
  readonly rowsPerArchive: number;
  /** Deletes what was archived, as a whole run of the task does; otherwise it ends with the manifests. */
  readonly deletes: boolean;
}

/** What archiving it took. */
export interface ArchiveResult {
  readonly seconds: number;
  readonly rows: number;
  readonly archives: number;
  readonly bytes: number;
  readonly processorSeconds: number;
  readonly peakMiB: number;
}

const signal = new AbortController().signal;
const clients = new AwsClients();

process.on('message', async (job: ArchiveJob) => {
  const startedAt = performance.now();
  const usageBefore = process.cpuUsage();
  const { rows, archives, bytes } = await (job.deletes ? archiveAndDelete(job) : archive(job));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(usageBefore);
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  clients.destroy();
  const result: ArchiveResult = { seconds, rows, archives, bytes, processorSeconds: (user + system) / 1e6, peakMiB };
  process.send?.(result, () => process.disconnect());
});
process.send?.('ready');

function policyOf({ rowsPerArchive }: ArchiveJob) {
  return parsePolicy({ id: 'bench', table, index, rowsPerArchive, guards: { maximumRows: 1_000_000_000 } });
}

type Made = Pick<ArchiveResult, 'rows' | 'archives' | 'bytes'>;

/** Copies, uploads, reads back and writes manifests, as the task does before it deletes anything. */
async function archive(job: ArchiveJob): Promise<Made> {
  const policy = policyOf(job);
  const options = { config: { connectionString: job.url }, lockTimeoutSeconds: 5, timeZone: 'UTC', signal };
  await using reader = await openReader({ ...options, connections: 1, statementTimeoutSeconds: 60 });
  const target = await resolveTarget(policy, reader, { task: 'data-archival', now: new Date('2026-11-20T00:00:00Z') });
  const s3 = clients.get(S3Client, { region: 'us-east-1' });
  const store = new ArchiveStore(
    s3,
    { bucket: 'nycmg-archive', prefix: 'archives/', storageClass: 'STANDARD' },
    signal,
  );
  await using copier = new Copier({
    policy,
    target,
    store,
    segmentRows: 1_000,
    open: () => openCopySession({ ...options, statementTimeoutSeconds: 1_800 }),
    onStep: () => {},
  });
  const provenance = {
    policy,
    target,
    estate: 'bench',
    actor: 'bench',
    runId: 'bench',
    planHash: '0'.repeat(64),
    codeVersion: 'bench',
  };
  const drafts = archivesAhead({
    copier,
    sequence: 1,
    prove: (copied) => proveCopy(copied, provenance, store, signal),
    maximumRows: async () => policy.rowsPerArchive,
    stop: () => {},
  });
  const made = { rows: 0, archives: 0, bytes: 0 };
  let previousManifest: string | null = null;
  for await (const draft of drafts) {
    const manifest: Manifest = { ...draft, createdAt: new Date().toISOString(), previousManifest };
    const text = JSON.stringify(manifest);
    await store.putNew(manifestKey(policy.id, manifest.sequence), text);
    previousManifest = manifestHash(text);
    made.archives += 1;
    made.rows += manifest.tables[0]?.rows ?? 0;
    made.bytes += manifest.tables[0]?.file.bytes ?? 0;
  }
  return made;
}

async function archiveAndDelete(job: ArchiveJob): Promise<Made> {
  const { url } = job;
  const context = contextFor({
    clients,
    databases: { main: { url, writer: { url } } },
    now: new Date('2026-11-20T00:00:00Z'),
  });
  const { state } = await archivePolicy(policyOf(job), context, undefined);
  const outcome = state as PolicyOutcome;
  if (outcome.state !== 'done') throw new Error(`the policy is ${outcome.state}: ${JSON.stringify(outcome)}`);
  return { rows: outcome.deleted, archives: outcome.manifests.length, bytes: outcome.bytes };
}
