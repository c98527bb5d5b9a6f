import { createHash } from 'node:crypto';
import type {
  ChecksumType,
  ObjectLockConfiguration,
  ReplicationConfiguration,
  ReplicationStatus,
  StorageClass,
} from '@aws-sdk/client-s3';

/** The buckets of an account, by name. */
export interface S3Document {
  readonly buckets: Readonly<Record<string, S3BucketDocument>>;
}

/** A bucket with its objects. */
export interface S3BucketDocument {
  readonly region: string;
  readonly creationDate: Date;
  readonly tags?: Readonly<Record<string, string>>;
  /** Left out: versioning was never switched on. */
  readonly versioning?: 'Enabled' | 'Suspended';
  readonly objectLock?: ObjectLockConfiguration;
  readonly replication?: ReplicationConfiguration;
  /** In any order, or made as they are asked for. */
  readonly objects: readonly S3ObjectDocument[] | S3ObjectSource;
}

/** Objects of a bucket that is too large to be written down. */
export interface S3ObjectSource {
  /** Returns the objects whose keys are not before `key`, in the order of the UTF-8 bytes of their keys. */
  from(key: string): Iterable<S3ObjectDocument>;
}

/** An object: its content, and what S3 says about it, which may be planted to be wrong. */
export interface S3ObjectDocument {
  readonly key: string;
  readonly lastModified: Date;
  /** A function is called when the object is read, or when its size or ETag is not given. */
  readonly body: Uint8Array | (() => Uint8Array);
  /** Bytes; those of the body unless given. */
  readonly size?: number;
  /** With or without the quotes; the MD5 of the body unless given. */
  readonly etag?: string;
  readonly storageClass?: StorageClass;
  readonly replicationStatus?: ReplicationStatus;
  readonly checksums?: S3Checksums;
  readonly metadata?: Readonly<Record<string, string>>;
  /** The header as it stands: `ongoing-request="false", expiry-date="Fri, 21 Dec 2026 00:00:00 GMT"`. */
  readonly restore?: string;
  readonly versionId?: string;
}

/** Checksums in Base64, those of composite objects with their number of parts behind them: `…=-3`. */
export interface S3Checksums {
  readonly crc32?: string;
  readonly crc32c?: string;
  readonly crc64nvme?: string;
  readonly sha1?: string;
  readonly sha256?: string;
  /** `FULL_OBJECT` unless given. */
  readonly type?: ChecksumType;
}

/** Returns the content of an object. */
export function bodyOf({ body }: S3ObjectDocument): Uint8Array {
  return typeof body === 'function' ? body() : body;
}

/** Returns the size of an object in bytes, as S3 tells it. */
export function sizeOf(object: S3ObjectDocument): number {
  return object.size ?? bodyOf(object).byteLength;
}

const hashes = new WeakMap<S3ObjectDocument, string>();

/** Returns the ETag of an object in its quotes. */
export function etagOf(object: S3ObjectDocument): string {
  const etag = object.etag ?? hashes.get(object) ?? createHash('md5').update(bodyOf(object)).digest('hex');
  if (object.etag === undefined) hashes.set(object, etag);
  return etag.startsWith('"') ? etag : `"${etag}"`;
}

const sources = new WeakMap<object, S3ObjectSource>();

/** Returns the objects of a bucket in S3's order. */
export function objectsOf({ objects }: S3BucketDocument): S3ObjectSource {
  if ('from' in objects) return objects;
  const known = sources.get(objects);
  if (known !== undefined) return known;
  const source = sortedSource(objects);
  sources.set(objects, source);
  return source;
}

/** Returns the object of a key; `undefined` when the bucket has none. */
export function findObject(bucket: S3BucketDocument, key: string): S3ObjectDocument | undefined {
  for (const object of objectsOf(bucket).from(key)) return object.key === key ? object : undefined;
  return undefined;
}

/** Orders keys as S3 does: by their UTF-8 bytes, which is not the order of JavaScript's strings. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function sortedSource(objects: readonly S3ObjectDocument[]): S3ObjectSource {
  const sorted = objects
    .map((object) => ({ bytes: Buffer.from(object.key), object }))
    .sort((a, b) => a.bytes.compare(b.bytes));
  return {
    *from(key) {
      for (let index = indexOf(Buffer.from(key)); index < sorted.length; index += 1) {
        const entry = sorted[index];
        if (entry !== undefined) yield entry.object;
      }
    },
  };

  /** Index of the first that is not before `bytes`. */
  function indexOf(bytes: Buffer): number {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]?.bytes.compare(bytes) === -1) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
