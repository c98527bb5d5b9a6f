import type { S3Client } from '@aws-sdk/client-s3';
import { deleteObjects } from '../../../shared/objects/delete-objects.ts';
import { listObjects } from '../../../shared/objects/list-objects.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { isoTime, type ListEntry } from './list-entry.ts';
import type { HeldBack, ObjectSource, SeenBatch, SourceRange } from './object-source.ts';

/** Where objects are, and which of them are past their retention. */
export interface SourceScope {
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  /** What was there before is past its retention; milliseconds since 1970. */
  readonly cutoffMs: number;
  readonly signal: AbortSignal;
}

/** Current objects, by the time at which they were written. */
export class CurrentSource implements ObjectSource {
  readonly #scope: SourceScope;

  constructor(scope: SourceScope) {
    this.#scope = scope;
  }

  async *scan({ after, upTo, prefix = this.#scope.prefix }: SourceRange): AsyncGenerator<SeenBatch, void, undefined> {
    const { client, bucket, cutoffMs, signal } = this.#scope;
    // The first of all keys behind it.
    const endBefore = upTo === undefined ? undefined : `${upTo}\0`;
    for await (const batch of listObjects(client, { bucket, prefix, startAfter: after, endBefore }, { signal })) {
      const seen = batch.map(({ key, sizeBytes, modifiedAtMs, etag }) => {
        const since = isoTime(modifiedAtMs);
        // Without it a deletion could not be bound to what was seen.
        if (etag === undefined)
          throw new UncheckedError('aws-error', `S3 lists an object of ${bucket} without its ETag`);
        return { entry: { key, etag, size: sizeBytes, lastModified: since, since }, isPast: modifiedAtMs < cutoffMs };
      });
      yield { seen, completeKey: seen.at(-1)?.entry.key };
    }
  }

  async holdBack(_entries: readonly ListEntry[]): Promise<ReadonlyMap<ListEntry, HeldBack>> {
    return new Map();
  }

  /** One that was overwritten since has another ETag, and stays: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html */
  remove(entries: readonly ListEntry[]) {
    const { client, bucket } = this.#scope;
    return deleteObjects(client, bucket, entries);
  }
}
