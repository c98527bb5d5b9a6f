import type { Resource } from '../../../shared/resource.ts';

/** One dump or archive. */
export interface Artifact {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  readonly etag: string | undefined;
  /** `GLACIER`, `DEEP_ARCHIVE` …: cannot be read without being restored first, which is no fault. */
  readonly storageClass: string;
  /** What reading it has shown; undefined when this run was not to read it, or could not. */
  readonly inspection: Inspection | undefined;
}

/** What stands beside an artifact, and whether it agrees. */
export type CompanionState = 'not-expected' | 'agrees' | 'missing' | 'unreadable' | 'differs';

export interface Inspection {
  readonly companion: CompanionState;
  /** SHA-256 of the bytes in hexadecimal, when they were read or S3 keeps it. */
  readonly sha256: string | undefined;
  readonly expectedSha256: string | undefined;
  /** Such as `gzip > tar`, outermost first. */
  readonly container: string;
  /** What is wrong with the container, in words; undefined when it was read to its end and is whole. */
  readonly fault: string | undefined;
  /** Such as `142 tables, 3 schemas`; for people. */
  readonly contents: string | undefined;
}

/** One configured set of artifacts. */
export interface ArtifactSet {
  /** Type `backup-artifacts`; its id is `s3://bucket/prefix`, its name the configured id. */
  readonly resource: Resource;
  readonly configId: string;
  /** ARN of what they are backups of. */
  readonly protects: string | undefined;
  readonly account: string;
  readonly region: string;
  /** Newest first; at most the newest thousand. */
  readonly newest: readonly Artifact[];
  readonly count: number;
}
