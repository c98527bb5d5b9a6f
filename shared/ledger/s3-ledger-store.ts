import { createHash } from 'node:crypto';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
  type ListObjectVersionsCommandOutput,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { documentName } from '../storage/document-name.ts';
import type { LedgerStore } from './ledger-store.ts';

/** Keys in the first page of a listing, of which often only the first is wanted; and in those after it. */
const firstPageKeys = 8;
const pageKeys = 1000;

/**
 * Keeps ledgers as objects of a bucket, one each. What makes them evidence is the bucket: it is under Object Lock, and its policy lets
 * nobody replace or delete. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
 *
 * It needs `s3:GetObject`, `s3:PutObject`, `s3:ListBucketVersions` and `s3:ListBucket`, without which S3 calls an object that does not
 * exist denied.
 */
export class S3LedgerStore implements LedgerStore {
  readonly #s3: S3Client;
  readonly #bucket: string;

  constructor(s3: S3Client, bucket: string) {
    this.#s3 = s3;
    this.#bucket = bucket;
  }

  async add(name: string, line: string): Promise<boolean> {
    try {
      await this.#s3.send(
        new PutObjectCommand({
          Bucket: this.#bucket,
          Key: documentName(name),
          Body: line,
          ContentType: 'application/json',
          // Object Lock asks for a checksum, and this one can be compared with a file's.
          ChecksumSHA256: createHash('sha256').update(line).digest('base64'),
          IfNoneMatch: '*',
        }),
      );
      return true;
    } catch (error) {
      if (isTaken(error)) return false;
      throw error;
    }
  }

  async read(name: string): Promise<string | undefined> {
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.#bucket, Key: documentName(name) }));
      return await Body?.transformToString();
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  async *list(prefix: string, after?: string): AsyncGenerator<string> {
    let startAfter = after;
    for (let maxKeys = firstPageKeys; ; maxKeys = pageKeys) {
      const { Contents = [], IsTruncated } = await this.#s3.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: prefix,
          MaxKeys: maxKeys,
          ...(startAfter === undefined ? {} : { StartAfter: startAfter }),
        }),
      );
      for (const { Key } of Contents) if (Key !== undefined) yield Key;
      startAfter = Contents.at(-1)?.Key;
      if (IsTruncated !== true || startAfter === undefined) return;
    }
  }

  async *tampering(prefix: string, after?: string): AsyncGenerator<{ name: string; fault: string }> {
    let previous = '';
    // Alone, it stands for all versions of its key: the first that is listed is of another one.
    let marker: Pick<ListObjectVersionsCommandInput, 'KeyMarker' | 'VersionIdMarker'> | undefined =
      after === undefined ? {} : { KeyMarker: after };
    while (marker !== undefined) {
      const page: ListObjectVersionsCommandOutput = await this.#s3.send(
        new ListObjectVersionsCommand({ Bucket: this.#bucket, Prefix: prefix, ...marker }),
      );
      for (const { Key: name = '', VersionId } of page.DeleteMarkers ?? []) {
        yield { name, fault: `A delete marker (version ${VersionId}) hides it, or has hidden it.` };
      }
      for (const { Key: name = '', VersionId } of page.Versions ?? []) {
        if (name === previous)
          yield { name, fault: `It was replaced: version ${VersionId} is older than the one now.` };
        previous = name;
      }
      marker =
        page.IsTruncated === true
          ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
          : undefined;
    }
  }
}

/**
 * Somebody has written it, or is about to.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
function isTaken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'PreconditionFailed' || error.name === 'ConditionalRequestConflict';
}
