import { createHash, randomBytes } from 'node:crypto';
import type { ObjectLockRule, StorageClass } from '@aws-sdk/client-s3';
import type { S3BucketDocument, S3ObjectDocument } from '../control-plane/services/s3-document.ts';
import { type ChecksumName, checksumNames, checksumOf } from './checksums.ts';
import { s3Error } from './s3-error.ts';
import { SortedKeys } from './sorted-keys.ts';
import type { StoredContent, StoredRetention, StoredVersion } from './stored-object.ts';
import type { StoredUpload } from './stored-upload.ts';

/** What became of a version that was to be deleted. */
export interface Deleted {
  /** It was a delete marker, or one was put in front. */
  readonly isDeleteMarker: boolean;
  /** Of the version that is gone, or of the marker that came. */
  readonly versionId: string | undefined;
}

/** What tests and samples may say of an object that they put into a bucket themselves. */
export interface PutOptions {
  readonly lastModified?: Date;
  readonly storageClass?: StorageClass;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retention?: StoredRetention;
  readonly legalHold?: 'ON' | 'OFF';
}

/** A bucket with all its versions, and the rules of S3 about them. */
export class StoredBucket {
  readonly name: string;
  readonly region: string;
  readonly creationDate: Date;
  versioning: 'Enabled' | 'Suspended' | undefined;
  /** Versions are deleted and versioning is switched only with a second factor. */
  hasMfaDelete = false;
  hasObjectLock = false;
  lockRule: ObjectLockRule | undefined;
  readonly uploads = new Map<string, StoredUpload>();
  readonly #keys = new SortedKeys();
  /** The newest first; never empty. */
  readonly #versions = new Map<string, StoredVersion[]>();
  readonly #clock: () => Date;

  constructor(name: string, { region, clock }: { readonly region: string; readonly clock: () => Date }) {
    this.name = name;
    this.region = region;
    this.creationDate = clock();
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#versions.size === 0;
  }

  /** Returns a key's versions and delete markers, the newest first. */
  versionsOf(key: string): readonly StoredVersion[] {
    return this.#versions.get(key) ?? [];
  }

  /** Returns the object of a key; undefined when there is none, or a delete marker is in front of it. */
  current(key: string): (StoredVersion & { content: StoredContent }) | undefined {
    const [newest] = this.versionsOf(key);
    return newest?.content === undefined ? undefined : (newest as StoredVersion & { content: StoredContent });
  }

  /** Returns a version; the newest without an id. */
  version(key: string, versionId: string | undefined): StoredVersion | undefined {
    const versions = this.versionsOf(key);
    return versionId === undefined ? versions[0] : versions.find((version) => version.versionId === versionId);
  }

  /** Keys that have versions, whatever these are, in the order of their UTF-8 bytes. */
  keysFrom(start = ''): Iterable<string> {
    return this.#keys.from(start);
  }

  /** The bucket's current objects as a listing takes them. */
  get document(): S3BucketDocument {
    const bucket = this;
    return {
      region: this.region,
      creationDate: this.creationDate,
      objects: {
        *from(start) {
          for (const key of bucket.#keys.from(start)) {
            const object = bucket.current(key);
            if (object !== undefined) yield documentOf(object);
          }
        },
      },
    };
  }

  /** Adds a version in front, as the bucket's versioning has it. */
  add(
    key: string,
    content: StoredContent | undefined,
    {
      lastModified = this.#clock(),
      retention = content === undefined ? undefined : this.#defaultRetention(lastModified),
      legalHold,
    }: Partial<Pick<StoredVersion, 'lastModified' | 'retention' | 'legalHold'>> = {},
  ): StoredVersion {
    const versionId = this.versioning === 'Enabled' ? newVersionId() : 'null';
    const version = { key, versionId, lastModified, content, retention, legalHold };
    const versions = this.#versions.get(key);
    if (versions === undefined) {
      this.#versions.set(key, [version]);
      this.#keys.add(key);
      return version;
    }
    if (versionId === 'null') {
      const replaced = versions.findIndex((other) => other.versionId === 'null');
      if (replaced !== -1) versions.splice(replaced, 1);
    }
    versions.unshift(version);
    return version;
  }

  /**
   * Deletes a version, or puts a delete marker in front where there are versions and none is named.
   *
   * @param etag what the current object has to have; `*` for any.
   * @throws Refusal `AccessDenied` for a version that is locked, `PreconditionFailed` for another object than was meant.
   */
  delete(
    key: string,
    {
      versionId,
      etag,
      bypassesGovernance = false,
      hasMfa = false,
    }: {
      readonly versionId?: string | undefined;
      readonly etag?: string | undefined;
      readonly bypassesGovernance?: boolean;
      readonly hasMfa?: boolean;
    } = {},
  ): Deleted {
    if (etag !== undefined) {
      // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
      const object = this.current(key);
      // A delete marker is something that is there, and has no ETag.
      if (object === undefined) throw s3Error(this.versionsOf(key).length === 0 ? 'NoSuchKey' : 'PreconditionFailed');
      if (etag !== '*' && etag.replaceAll('"', '') !== object.content.etag) throw s3Error('PreconditionFailed');
    }
    if (versionId === undefined) {
      if (this.versioning === undefined) {
        this.#take(key, 'null');
        return { isDeleteMarker: false, versionId: undefined };
      }
      const marker = this.add(key, undefined);
      return { isDeleteMarker: true, versionId: marker.versionId };
    }
    if (this.hasMfaDelete && !hasMfa) {
      throw s3Error('AccessDenied', 'Mfa Authentication must be used for this request');
    }
    const version = this.version(key, versionId);
    // It is as it should be already.
    if (version === undefined) return { isDeleteMarker: false, versionId };
    if (this.isLocked(version, bypassesGovernance)) {
      throw s3Error('AccessDenied', 'Access Denied because object protected by object lock.');
    }
    this.#take(key, versionId);
    return { isDeleteMarker: version.content === undefined, versionId };
  }

  /** Returns whether a version must not be deleted now. */
  isLocked({ retention, legalHold }: StoredVersion, bypassesGovernance: boolean): boolean {
    if (legalHold === 'ON') return true;
    if (retention === undefined || retention.until <= this.#clock()) return false;
    return retention.mode === 'COMPLIANCE' || !bypassesGovernance;
  }

  /** Puts an object in without a request: for tests and samples. */
  put(key: string, body: string | Uint8Array, options: PutOptions = {}): StoredVersion {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const { storageClass = 'STANDARD', metadata = {}, lastModified, retention, legalHold } = options;
    const content: StoredContent = {
      chunks: [bytes],
      size: bytes.length,
      etag: createHash('md5').update(bytes).digest('hex'),
      checksums: {},
      storageClass,
      metadata,
      headers: { ContentType: 'application/octet-stream' },
    };
    return this.add(key, content, {
      ...(lastModified === undefined ? {} : { lastModified }),
      ...(retention === undefined ? {} : { retention }),
      legalHold,
    });
  }

  /** Returns the bytes of an object. @throws Refusal when there is none. */
  read(key: string): Buffer {
    const object = this.current(key);
    if (object === undefined) throw s3Error('NoSuchKey');
    return Buffer.concat(object.content.chunks);
  }

  /**
   * Changes the bytes of an object behind everybody's back: its ETag and its time stay.
   *
   * @param checksums `new`: S3's checksums are those of the new bytes, so that only a reader who knows the content can tell; `kept`:
   *   they are those of the old ones.
   * @throws Refusal when there is no such object.
   */
  corrupt(
    key: string,
    change: (body: Buffer) => Uint8Array,
    { checksums = 'new' }: { checksums?: 'new' | 'kept' } = {},
  ) {
    const object = this.current(key);
    if (object === undefined) throw s3Error('NoSuchKey');
    const bytes = change(this.read(key));
    const recomputed: Partial<Record<ChecksumName, string>> = {};
    for (const name of checksumNames) {
      if (object.content.checksums[name] !== undefined) recomputed[name] = checksumOf(name, [bytes]);
    }
    object.content = {
      ...object.content,
      chunks: [bytes],
      size: bytes.length,
      checksums: checksums === 'kept' ? object.content.checksums : recomputed,
    };
  }

  #take(key: string, versionId: string): void {
    const versions = this.#versions.get(key);
    const index = versions?.findIndex((version) => version.versionId === versionId) ?? -1;
    if (versions === undefined || index === -1) return;
    versions.splice(index, 1);
    if (versions.length > 0) return;
    this.#versions.delete(key);
    this.#keys.remove(key);
  }

  #defaultRetention(from: Date): StoredRetention | undefined {
    const { Mode, Days, Years } = this.lockRule?.DefaultRetention ?? {};
    if (Mode === undefined) return undefined;
    const until = new Date(from);
    until.setUTCDate(until.getUTCDate() + (Days ?? 0));
    until.setUTCFullYear(until.getUTCFullYear() + (Years ?? 0));
    return { mode: Mode, until };
  }
}

function documentOf({
  key,
  versionId,
  lastModified,
  content,
}: StoredVersion & { content: StoredContent }): S3ObjectDocument {
  const { size, etag, storageClass, checksums, chunks } = content;
  return {
    key,
    versionId,
    lastModified,
    size,
    etag,
    storageClass,
    body: () => Buffer.concat(chunks),
    ...(Object.keys(checksums).length === 0 ? {} : { checksums }),
  };
}

let versionIds = 0;
const orderLength = 8;

/** Begins with what tells older ones from newer ones, as a listing that goes on behind one needs it. */
function newVersionId(): string {
  versionIds += 1;
  return `${String(versionIds).padStart(orderLength, '0')}${randomBytes(18).toString('base64url')}`;
}

/** Returns whether a version was made before another one, by their ids. */
export function isOlder(versionId: string, other: string): boolean {
  return versionId.slice(0, orderLength) < other.slice(0, orderLength);
}
