import { GetBucketVersioningCommand } from '@aws-sdk/client-s3';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import { deleteObjects } from '../../../shared/objects/delete-objects.ts';
import { listVersions } from '../../../shared/objects/list-versions.ts';
import type { SourceScope } from './current-source.ts';
import type { ListEntry } from './list-entry.ts';
import type { HeldBack, ObjectSource, Seen, SeenBatch, SourceRange } from './object-source.ts';
import { VersionAges } from './version-ages.ts';

/** Noncurrent versions, and delete markers behind which nothing is left. */
export class NoncurrentSource implements ObjectSource {
  readonly #scope: SourceScope;
  readonly #keepNoncurrent: number;

  constructor(scope: SourceScope, keepNoncurrent: number) {
    this.#scope = scope;
    this.#keepNoncurrent = keepNoncurrent;
  }

  async *scan({ after, upTo, prefix = this.#scope.prefix }: SourceRange): AsyncGenerator<SeenBatch, void, undefined> {
    const { client, bucket, cutoffMs, signal } = this.#scope;
    const ages = new VersionAges({ cutoffMs, keepNoncurrent: this.#keepNoncurrent });
    let last: string | undefined;
    for await (const versions of listVersions(client, { bucket, prefix, startAfter: after }, { signal })) {
      const seen: Seen[] = [];
      let complete = { count: 0, key: undefined as string | undefined };
      for (const version of versions) {
        if (version.key !== last) {
          seen.push(...ages.end());
          if (last !== undefined) complete = { count: seen.length, key: last };
          if (upTo !== undefined && compareKeys(version.key, upTo) > 0) {
            yield { seen, completeKey: last };
            return;
          }
          last = version.key;
        }
        seen.push(...ages.next(version));
      }
      if (complete.key !== undefined) yield { seen: seen.slice(0, complete.count), completeKey: complete.key };
      if (seen.length > complete.count) yield { seen: seen.slice(complete.count), completeKey: undefined };
    }
    yield { seen: [...ages.end()], completeKey: last };
  }

  /**
   * Of all ids only `null` is given more than once: while versions are suspended, whatever is written takes it, and what had it is gone.
   * A deletion of it could be one of an object that was written a moment before.
   * https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html
   */
  async holdBack(entries: readonly ListEntry[]): Promise<ReadonlyMap<ListEntry, HeldBack>> {
    const replaceable = entries.filter(({ versionId }) => versionId === 'null');
    if (replaceable.length === 0) return new Map();
    const { client, bucket } = this.#scope;
    const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }));
    return Status === 'Enabled' ? new Map() : new Map(replaceable.map((entry) => [entry, 'replaceable']));
  }

  /** A version never changes, and conditions are looked at for current objects only: the id is all that is said. */
  remove(entries: readonly ListEntry[]) {
    const { client, bucket } = this.#scope;
    return deleteObjects(
      client,
      bucket,
      entries.map(({ key, versionId }) => ({ key, versionId })),
    );
  }
}
