/** Something that a plan names: an object, a version of one, a delete marker or an upload. */
export interface ListEntry {
  readonly key: string;
  /** Given, just this version is meant. */
  readonly versionId?: string | undefined;
  /** Given, an upload is meant. */
  readonly uploadId?: string | undefined;
  /** Without its quotes. */
  readonly etag?: string | undefined;
  /** Bytes. */
  readonly size: number;
  /** ISO 8601, UTC: when it was written; of an upload, when it was begun. */
  readonly lastModified: string;
  /** Since when its retention is counted: since it was written, was replaced, or the last part came. */
  readonly since: string;
}

/** Returns what tells an entry from every other one of its bucket. */
export function entryId({ key, versionId, uploadId }: Pick<ListEntry, 'key' | 'versionId' | 'uploadId'>): string {
  return `${versionId ?? uploadId ?? ''}/${key}`;
}

/** Returns a moment as entries have it. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
