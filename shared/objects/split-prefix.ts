import type { S3Client } from '@aws-sdk/client-s3';
import { compareKeys } from './compare-keys.ts';
import type { KeyRange } from './list-objects.ts';
import { listPage } from './list-page.ts';
import type { Location } from './location.ts';

/** Looking for places to divide at costs this many requests at most, whatever the bucket is like. */
const maximumCalls = 64;

/** Stands behind a key, in the order of keys, with nothing between the two. */
const successor = '\u0000';

/**
 * Divides a place into at most `parts` ranges that can be listed side by side: each key is in exactly one, also one that is written
 * meanwhile. What fits one page is not divided. How many keys a range has is not known without listing it; the ranges have about
 * as many folders, or as many first letters where there are no folders.
 */
export async function splitRange(
  client: S3Client,
  { bucket, prefix }: Pick<Location, 'bucket' | 'prefix'>,
  parts: number,
  { signal }: { readonly signal: AbortSignal },
): Promise<KeyRange[]> {
  const first = await listPage(client, { Bucket: bucket, Prefix: prefix }, { signal });
  if (first.isTruncated !== true || parts < 2) return [{ bucket, prefix }];
  const places = await new Divider(client, bucket, signal).placesBelow(prefix, parts - 1);
  const boundaries = spread(places, parts - 1);
  return [...boundaries, undefined].map((boundary, index) => ({
    bucket,
    prefix,
    ...(index === 0 ? {} : { startAfter: boundaries[index - 1] }),
    ...(boundary === undefined ? {} : { endBefore: boundary + successor }),
  }));
}

/** Finds names under which keys are, as long as it has calls left. */
class Divider {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #signal: AbortSignal;
  #callsLeft = maximumCalls;

  constructor(client: S3Client, bucket: string, signal: AbortSignal) {
    this.#client = client;
    this.#bucket = bucket;
    this.#signal = signal;
  }

  /** Returns what divides the keys below `prefix`, in order; `wanted` places or more if they can be found. */
  async placesBelow(prefix: string, wanted: number): Promise<string[]> {
    let level: string[] = [prefix];
    const places = new Set<string>();
    // From the folder to its folders, until there are enough.
    while (level.length > 0 && places.size < wanted && this.#callsLeft > 0) {
      const below: string[] = [];
      for (const name of level) {
        if (this.#callsLeft <= 0) break;
        below.push(...(await this.#namesBelow(name)));
      }
      // A single folder on top of everything divides nothing.
      if (below.length > 1) for (const name of below) places.add(name);
      level = below;
    }
    return [...places].sort(compareKeys);
  }

  /** Returns the folders below, or what the keys below go on with where they have none, or more than one page of them. */
  async #namesBelow(name: string): Promise<string[]> {
    const { isTruncated, commonPrefixes } = await this.#list({ Prefix: name, Delimiter: '/' });
    return isTruncated === true ? this.#lettersBelow(name) : [...commonPrefixes];
  }

  /** Asks for the first key behind each letter that keys go on with. */
  async #lettersBelow(name: string): Promise<string[]> {
    const names: string[] = [];
    let behind: string | undefined;
    while (this.#callsLeft > 0) {
      const { objects } = await this.#list({ Prefix: name, MaxKeys: 1, StartAfter: behind });
      const key = objects[0]?.key;
      if (key === undefined) break;
      const letter = key.codePointAt(name.length);
      if (letter !== undefined) names.push(name + String.fromCodePoint(letter));
      const next = letter === undefined ? 0 : codePointAfter(letter);
      if (next === undefined) break;
      // Misses that one key, if it is all there is under its letter: a place less to divide at.
      behind = name + String.fromCodePoint(next);
    }
    return names;
  }

  #list(input: { Prefix: string; Delimiter?: string; MaxKeys?: number; StartAfter?: string | undefined }) {
    this.#callsLeft -= 1;
    return listPage(this.#client, { Bucket: this.#bucket, ...input }, { signal: this.#signal });
  }
}

/** Surrogates are no characters by themselves. */
function codePointAfter(codePoint: number): number | undefined {
  if (codePoint === 0x10ffff) return undefined;
  return codePoint === 0xd7ff ? 0xe000 : codePoint + 1;
}

/** Returns `count` of the names, or all when there are fewer, with about as many others between each two. */
function spread(names: readonly string[], count: number): string[] {
  if (names.length <= count) return [...names];
  const step = names.length / (count + 1);
  return Array.from({ length: count }, (_, index) => names[Math.floor((index + 1) * step)] as string);
}
