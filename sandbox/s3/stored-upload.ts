import type { ChecksumType } from '@aws-sdk/client-s3';
import type { ChecksumName } from './checksums.ts';
import type { ReceivedBody } from './received-body.ts';
import type { StoredContent, StoredVersion } from './stored-object.ts';

/** A multipart upload that is neither completed nor aborted. */
export interface StoredUpload {
  readonly key: string;
  readonly uploadId: string;
  initiated: Date;
  readonly checksum: { readonly name: ChecksumName; readonly type: ChecksumType } | undefined;
  /** Of the object that it is to become. */
  readonly content: Pick<StoredContent, 'storageClass' | 'metadata' | 'headers'>;
  readonly lock: Partial<Pick<StoredVersion, 'retention' | 'legalHold'>>;
  readonly parts: Map<number, StoredPart>;
}

export interface StoredPart extends ReceivedBody {
  lastModified: Date;
}
