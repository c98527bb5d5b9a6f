import pMap from 'p-map';
import { listObjects } from '../../../shared/objects/list-objects.ts';
import { isInScope, s3For, targetOf } from '../../../shared/objects/object-store.ts';
import type { Resource } from '../../../shared/resource.ts';
import type { ArtifactsConfig } from '../config.ts';
import type { Context } from '../context.ts';
import { matchingObjectsResource } from '../matching-objects.ts';
import { ReadingS3Client } from '../verification/reading-client.ts';
import { CompanionReader } from './expectation.ts';
import type { Artifact, ArtifactSet } from './facts.ts';
import { compareArtifact, inspectArtifact } from './inspect-artifact.ts';
import { NewestArtifacts } from './newest-artifacts.ts';

/** Sets under way at a time, and of each so many artifacts: what is read is unpacked, and that takes a processor each. */
const setConcurrency = 3;
const readConcurrency = 2;

/** Comparing takes two small requests for each. */
const compareConcurrency = 8;

/**
 * Returns the configured sets of artifacts as they are, the newest of each read from end to end, and some more compared by
 * what S3 keeps of them. A set that cannot be listed is
 * unchecked and not among them: nobody knows what is in it. An artifact that cannot be read is unchecked for itself.
 */
export async function collectArtifacts(context: Context): Promise<ArtifactSet[]> {
  const inScope = context.config.artifacts.filter((config) => isInScope(context, config));
  const sets = await pMap(inScope, (config) => collectSet(config, context), { concurrency: setConcurrency });
  return sets.filter((set) => set !== undefined);
}

async function collectSet(config: ArtifactsConfig, context: Context): Promise<ArtifactSet | undefined> {
  const { coverage, signal } = context;
  const resource = matchingObjectsResource('backup-artifacts', config, context);
  const listed = await coverage.look(resource, async () => {
    const found = new NewestArtifacts(config);
    const range = { bucket: config.bucket, prefix: config.prefix };
    for await (const page of listObjects(s3For(context, config), range, { signal })) {
      for (const object of page) found.add(object);
    }
    return found;
  });
  if (listed === undefined) return undefined;
  return {
    resource,
    configId: config.id,
    protects: config.protects,
    account: config.account ?? ownAccount(context),
    region: resource.region ?? '',
    minimumBytes: config.minimumBytes,
    newest: await readNewest(listed.take(), config, resource, context),
    count: listed.count,
  };
}

async function readNewest(
  artifacts: readonly Artifact[],
  config: ArtifactsConfig,
  set: Resource,
  context: Context,
): Promise<Artifact[]> {
  const { coverage, clients, signal } = context;
  const client = clients.get(ReadingS3Client, targetOf(context, config));
  const companions = new CompanionReader(client, config, signal);
  const wanted = artifacts
    .slice(0, config.readNewest)
    .map((artifact) => ({ artifact, resource: artifactResource(artifact, config, set) }))
    .filter(({ resource }) => coverage.selects(set) || coverage.selects(resource));
  for (const { resource } of wanted) coverage.expect(resource);
  const read = await pMap(
    wanted,
    async ({ artifact, resource }): Promise<Artifact> => {
      const expectation = await companions.expectationOf(artifact.key);
      const { inspection, unchecked } = await inspectArtifact(client, config, artifact, expectation, signal);
      if (unchecked === undefined) coverage.checked(resource);
      else coverage.unchecked(resource, unchecked.reason, unchecked.detail);
      return { ...artifact, inspection };
    },
    { concurrency: readConcurrency },
  );
  const older = config.companion === 'none' ? [] : artifacts.slice(config.readNewest, config.compareNewest);
  const comparable = older
    .map((artifact) => ({ artifact, resource: artifactResource(artifact, config, set) }))
    .filter(({ resource }) => coverage.selects(set) || coverage.selects(resource));
  const held = await pMap(
    comparable,
    async ({ artifact, resource }): Promise<Artifact> => {
      const expectation = await companions.expectationOf(artifact.key);
      const { inspection, unchecked } = await compareArtifact(client, config, artifact, expectation, signal);
      if (unchecked !== undefined) coverage.unchecked(resource, unchecked.reason, unchecked.detail);
      return { ...artifact, inspection };
    },
    { concurrency: compareConcurrency },
  );
  const byKey = new Map([...read, ...held].map((artifact) => [artifact.key, artifact]));
  return artifacts.map((artifact) => byKey.get(artifact.key) ?? artifact);
}

function artifactResource({ key }: Artifact, { bucket, prefix }: ArtifactsConfig, set: Resource): Resource {
  return { ...set, type: 'backup-artifact', id: `s3://${bucket}/${key}`, name: key.slice(prefix.length) || key };
}

/** The account whose credentials are at hand; empty when the estate does not name it. */
function ownAccount({ estate }: Context): string {
  return estate.accounts.find(({ roleArn }) => roleArn === undefined)?.id ?? '';
}
