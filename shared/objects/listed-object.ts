/** An object as a listing tells of it. */
export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedAtMs: number;
  /** Without its quotes; undefined where the listing has none. */
  readonly etag: string | undefined;
  /** `STANDARD`, `GLACIER` …; undefined where the listing has none. */
  readonly storageClass: string | undefined;
}

/** Returns an ETag without the quotes that HTTP puts around it. */
export function unquoted(etag: string): string {
  return etag.length >= 2 && etag.startsWith('"') && etag.endsWith('"') ? etag.slice(1, -1) : etag;
}
