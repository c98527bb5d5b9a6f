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
      restorableTo: restorableTo(artifact),
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

/** Time zones reach that far behind UTC. */
const furthestBehindMs = 12 * 3_600_000;

/** An old backup that was uploaded again restores what was then: the latest moment that what it says of itself can mean. */
function restorableTo({ modifiedAt, inspection }: Artifact): Date {
  if (inspection?.madeAt === undefined) return modifiedAt;
  return new Date(Math.min(modifiedAt.getTime(), inspection.madeAt.getTime() + furthestBehindMs));
}

function knownProblem({ sizeBytes, inspection }: Artifact, { minimumBytes }: ArtifactSet): string | undefined {
  if (sizeBytes < minimumBytes) return sizeBytes === 0 ? 'empty' : 'too small';
  if (inspection?.fault !== undefined) return 'unreadable';
  return inspection?.companion === 'differs' || inspection?.altered !== undefined ? 'altered' : undefined;
}
