import type { Artifact, ArtifactSet, Inspection } from './facts.ts';

/** When the artifacts of the tests are judged. */
export const now = new Date('2026-11-22T12:00:00Z');

/** Returns what reading a good artifact shows. */
export function inspection(overrides: Partial<Inspection> = {}): Inspection {
  return {
    companion: 'not-expected',
    sha256: 'ab'.repeat(32),
    expectedSha256: undefined,
    altered: undefined,
    container: 'gzip > tar',
    fault: undefined,
    contents: '2 members',
    madeAt: undefined,
    ...overrides,
  };
}

/** Returns an artifact that is so many hours old. */
export function artifact(hoursAgo: number, overrides: Partial<Artifact> = {}): Artifact {
  return {
    key: `dumps/${hoursAgo}.dump`,
    sizeBytes: 1_000_000,
    modifiedAt: new Date(now.getTime() - hoursAgo * 3_600_000),
    etag: `etag-${hoursAgo}`,
    storageClass: 'STANDARD',
    inspection: undefined,
    ...overrides,
  };
}

/** Returns a set of these artifacts, newest first. */
export function artifactSet(newest: readonly Artifact[], overrides: Partial<ArtifactSet> = {}): ArtifactSet {
  return {
    resource: { type: 'backup-artifacts', id: 's3://nycmg-backups/dumps/', name: 'dumps', region: 'us-east-1' },
    configId: 'dumps',
    protects: undefined,
    account: '123456789012',
    region: 'us-east-1',
    minimumBytes: 1,
    newest,
    count: newest.length,
    ...overrides,
  };
}
