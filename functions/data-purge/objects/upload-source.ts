import { AbortMultipartUploadCommand } from '@aws-sdk/client-s3';
import pMap from 'p-map';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import type { DeletionError } from '../../../shared/objects/delete-objects.ts';
import { type ListedUpload, listUploads, uploadActivity } from '../../../shared/objects/list-uploads.ts';
import type { SourceScope } from './current-source.ts';
import { isoTime, type ListEntry } from './list-entry.ts';
import type { HeldBack, ObjectSource, Seen, SeenBatch, SourceRange } from './object-source.ts';

const concurrency = 8;

/** Uploads of many parts that were never completed, by the time at which they were begun or the last part came. */
export class UploadSource implements ObjectSource {
  readonly #scope: SourceScope;

  constructor(scope: SourceScope) {
    this.#scope = scope;
  }

  async *scan({ after, upTo, prefix = this.#scope.prefix }: SourceRange): AsyncGenerator<SeenBatch, void, undefined> {
    const { client, bucket, signal } = this.#scope;
    let last: string | undefined;
    for await (const uploads of listUploads(client, { bucket, prefix, startAfter: after }, { signal })) {
      const within = upTo === undefined ? uploads : uploads.filter(({ key }) => compareKeys(key, upTo) <= 0);
      const seen = await pMap(within, (upload) => this.#look(upload), { concurrency });
      const lastKey = within.at(-1)?.key ?? last;
      const isOfBefore = within[0]?.key === last;
      // Of the last key there may be more on the next page.
      const complete = seen.filter((one) => one?.entry.key !== lastKey).filter((one) => one !== undefined);
      const rest = seen.filter((one) => one?.entry.key === lastKey).filter((one) => one !== undefined);
      const completeKey = within.findLast(({ key }) => key !== lastKey)?.key ?? (isOfBefore ? undefined : last);
      if (complete.length > 0 || completeKey !== undefined) yield { seen: complete, completeKey };
      if (rest.length > 0) yield { seen: rest, completeKey: undefined };
      last = lastKey;
      if (within.length < uploads.length) break;
    }
    yield { seen: [], completeKey: last };
  }

  async holdBack(_entries: readonly ListEntry[]): Promise<ReadonlyMap<ListEntry, HeldBack>> {
    return new Map();
  }

  remove(entries: readonly ListEntry[]): Promise<(DeletionError | undefined)[]> {
    return pMap(entries, (entry) => this.#abort(entry), { concurrency });
  }

  /** Undefined for one that has been completed or aborted meanwhile. */
  async #look({ key, uploadId, initiatedAtMs }: ListedUpload): Promise<Seen | undefined> {
    const { client, bucket, cutoffMs, signal } = this.#scope;
    const lastModified = isoTime(initiatedAtMs);
    const young = { entry: { key, uploadId, size: 0, lastModified, since: lastModified }, isPast: false };
    // How it goes on with one that is young does not matter.
    if (initiatedAtMs >= cutoffMs) return young;
    const activity = await uploadActivity(client, bucket, { key, uploadId }, { signal });
    if (activity === undefined) return undefined;
    const sinceMs = Math.max(initiatedAtMs, activity.lastPartAtMs ?? 0);
    const entry = { ...young.entry, size: activity.sizeBytes, since: isoTime(sinceMs) };
    return { entry, isPast: sinceMs < cutoffMs };
  }

  async #abort({ key, uploadId }: ListEntry): Promise<DeletionError | undefined> {
    const { client, bucket } = this.#scope;
    try {
      await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }));
      return undefined;
    } catch (error) {
      // Errors of S3 are about this upload; any other is about the way there.
      if (!(error instanceof Error) || !('$fault' in error)) throw error;
      return { code: error.name, message: error.message };
    }
  }
}
