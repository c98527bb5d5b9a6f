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

/**
 * What stands beside an artifact, and whether it agrees. `missing` and `unreadable`: it is not there, or says nothing of the
 * artifact; `unchecked`: it could not be looked at, or there was nothing to compare it with.
 */
export type CompanionState = 'not-expected' | 'agrees' | 'missing' | 'unreadable' | 'differs' | 'unchecked';

export interface Inspection {
  readonly companion: CompanionState;
  /** SHA-256 of the bytes in hexadecimal, when they were read or S3 keeps it. */
  readonly sha256: string | undefined;
  readonly expectedSha256: string | undefined;
  /** The bytes are not those that S3 computed its own checksum from when it took them in. */
  readonly altered: { readonly algorithm: string; readonly expected: string; readonly actual: string } | undefined;
  /** Such as `gzip > tar`, outermost first; `not read` when only checksums could be compared. */
  readonly container: string;
  /** What is wrong with the container, in words; undefined when it was read to its end and is whole. */
  readonly fault: string | undefined;
  /** Such as `142 tables, 3 schemas`; for people. */
  readonly contents: string | undefined;
  /** When it was made by what it says itself, on a clock of an unknown time zone. */
  readonly madeAt: Date | undefined;
}

/** One configured set of artifacts. */
export interface ArtifactSet {
  /** Type `backup-artifacts`; its id is `s3://bucket/prefix`, and the pattern if there is one; its name the configured id. */
  readonly resource: Resource;
  readonly configId: string;
  /** ARN of what they are backups of. */
  readonly protects: string | undefined;
  readonly account: string;
  readonly region: string;
  /** What is smaller is no backup. */
  readonly minimumBytes: number;
  /** Newest first; at most the newest thousand. */
  readonly newest: readonly Artifact[];
  readonly count: number;
}
