import type { ObjectLockLegalHoldStatus, ObjectLockRetentionMode, StorageClass } from '@aws-sdk/client-s3';
import type { S3Checksums } from '../control-plane/services/s3-document.ts';

/** How long a version must stay: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html */
export interface StoredRetention {
  readonly mode: ObjectLockRetentionMode;
  readonly until: Date;
}

/** What a version is, beside its place in the bucket. */
export interface StoredContent {
  readonly chunks: readonly Uint8Array[];
  readonly size: number;
  /** Without its quotes. */
  readonly etag: string;
  readonly checksums: S3Checksums;
  readonly storageClass: StorageClass;
  /** `x-amz-meta-…`, by lower-case name. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Members of an output that are given back as they were sent: content type, encryption … */
  readonly headers: Readonly<Record<string, string | boolean | Date | undefined>>;
}

/** A version of an object, or a delete marker. */
export interface StoredVersion {
  readonly key: string;
  /** `null` where it was written without versions. */
  readonly versionId: string;
  lastModified: Date;
  /** Undefined for a delete marker. */
  content: StoredContent | undefined;
  retention: StoredRetention | undefined;
  legalHold: ObjectLockLegalHoldStatus | undefined;
}
