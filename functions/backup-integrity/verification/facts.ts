import type { Resource } from '../../../shared/resource.ts';

/** What reading objects again has shown. */
export interface Verification {
  /** Type `s3-verification`; its id is `s3://bucket/prefix`, and the pattern if there is one; its name the configured id. */
  readonly resource: Resource;
  readonly configId: string;
  readonly objects: number;
  /** Of the objects that can be read without being restored first. */
  readonly bytes: number;
  readonly verifiedObjects: number;
  readonly verifiedBytes: number;
  /** Objects that cannot be read without being restored first; their age is not held against the bound. */
  readonly archivedObjects: number;
  /** Since when the object that has waited longest has not been read; undefined when there is none. */
  readonly oldestUnverifiedSince: Date | undefined;
  readonly oldestUnverifiedKey: string | undefined;
  readonly altered: readonly Alteration[];
  readonly alteredCount: number;
  /** Objects that were to be read and could not be. */
  readonly unreadable: readonly { readonly key: string; readonly reason: string; readonly detail: string }[];
  readonly unreadableCount: number;
}

/** An object whose bytes are not those that were written. */
export interface Alteration {
  readonly key: string;
  /** Such as `SHA256` or `ETag`. */
  readonly algorithm: string;
  readonly expected: string;
  readonly actual: string;
}
