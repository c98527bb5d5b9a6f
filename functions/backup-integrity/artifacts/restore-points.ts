import type { RestorePoint } from '../items.ts';
import type { Artifact, ArtifactSet } from './facts.ts';

/** Returns what the artifacts of a set could restore; one that is known to be no good is `bad`, the others are taken to be good. */
export function artifactRestorePoints(set: ArtifactSet): RestorePoint[] {
  const { bucket } = /^s3:\/\/(?<bucket>[^/]+)\//.exec(set.resource.id)?.groups ?? {};
  return set.newest.map((artifact) => {
    const problem = knownProblem(artifact, set);
    return {
      method: 'artifact',
      id: `s3://${bucket}/${artifact.key}`,
      state: problem === undefined ? 'good' : 'bad',
      status: problem ?? (artifact.inspection === undefined ? 'not read' : 'read'),
      restorableTo: artifact.modifiedAt,
      createdAt: artifact.modifiedAt,
      deleteAt: undefined,
      account: set.account,
      region: set.region,
      isEncrypted: undefined,
      kmsKeyArn: undefined,
      sizeBytes: artifact.sizeBytes,
      isImmutable: undefined,
    };
  });
}

function knownProblem({ sizeBytes, inspection }: Artifact, { minimumBytes }: ArtifactSet): string | undefined {
  if (sizeBytes < minimumBytes) return sizeBytes === 0 ? 'empty' : 'too small';
  if (inspection?.fault !== undefined) return 'unreadable';
  return inspection?.companion === 'differs' || inspection?.altered !== undefined ? 'altered' : undefined;
}
