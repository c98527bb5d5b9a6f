import type { ListedVersion } from '../../../shared/objects/list-versions.ts';
import { isoTime } from './list-entry.ts';
import type { Seen } from './object-source.ts';

/** Which versions are past their retention. */
export interface VersionLimits {
  /** Milliseconds since 1970. */
  readonly cutoffMs: number;
  /** Of each key so many noncurrent versions stay, whatever their age. */
  readonly keepNoncurrent: number;
}

/**
 * Judges versions that come in the order of a listing, one after the other, and holds none but the last:
 *
 * - A noncurrent version is past its retention when what has replaced it was there before the cutoff, and as many newer noncurrent ones
 *   are there as are to stay. Of an upload of many parts S3 tells when it was begun, which may be before what it has replaced was
 *   written: a version was never replaced before that.
 * - A delete marker is past its retention when nothing is behind it that it could hide, and it was there before the cutoff; one that is
 *   not the latest, when what is in front of it was.
 */
export class VersionAges {
  readonly #limits: VersionLimits;
  #key: string | undefined;
  /** When what is in front was written. */
  #successorMs = 0;
  #noncurrent = 0;
  /** A delete marker behind which there may be something. */
  #marker: { readonly version: ListedVersion; readonly sinceMs: number } | undefined;

  constructor(limits: VersionLimits) {
    this.#limits = limits;
  }

  /** Yields what is known with this version: that itself, or a delete marker before it. */
  *next(version: ListedVersion): Generator<Seen, void, undefined> {
    if (version.key !== this.#key) {
      yield* this.end();
      this.#key = version.key;
      this.#noncurrent = 0;
    } else if (this.#marker !== undefined) {
      yield seenOf(this.#marker.version, this.#marker.sinceMs, false);
      this.#marker = undefined;
    }
    const { modifiedAtMs, isLatest, isDeleteMarker } = version;
    const sinceMs = isLatest ? modifiedAtMs : Math.max(this.#successorMs, modifiedAtMs);
    this.#successorMs = modifiedAtMs;
    if (isDeleteMarker) {
      this.#marker = { version, sinceMs };
      return;
    }
    const isKept = isLatest || this.#noncurrent < this.#limits.keepNoncurrent;
    if (!isLatest) this.#noncurrent += 1;
    yield seenOf(version, sinceMs, !isKept && sinceMs < this.#limits.cutoffMs);
  }

  /** Yields what is known when no version of this key follows. */
  *end(): Generator<Seen, void, undefined> {
    const marker = this.#marker;
    this.#marker = undefined;
    if (marker !== undefined) yield seenOf(marker.version, marker.sinceMs, marker.sinceMs < this.#limits.cutoffMs);
  }
}

function seenOf(version: ListedVersion, sinceMs: number, isPast: boolean): Seen {
  const { key, versionId, etag, sizeBytes, modifiedAtMs } = version;
  const entry = { key, versionId, etag, size: sizeBytes, lastModified: isoTime(modifiedAtMs), since: isoTime(sinceMs) };
  return { entry, isPast };
}
