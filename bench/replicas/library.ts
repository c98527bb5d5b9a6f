/** Tracks of an album, and albums of an artist, in the library that the benchmark compares. */
const tracksPerAlbum = 20;
const albumsPerArtist = 10;

/** Every so many objects the copy lacks one, and in between it has one of another size. */
const faultEvery = 4_999;

const firstWrittenMs = Date.parse('2024-01-01T00:00:00Z');

/** A bucket full of music: everything about an object follows from its index, which is also its place in the order of keys. */
export class Library {
  readonly objects: number;
  readonly #isCopy: boolean;

  constructor(objects: number, isCopy: boolean) {
    this.objects = objects;
    this.#isCopy = isCopy;
  }

  key(index: number): string {
    const album = Math.floor(index / tracksPerAlbum);
    const artist = Math.floor(album / albumsPerArtist);
    const track = String((index % tracksPerAlbum) + 1).padStart(2, '0');
    const year = 1990 + (album % albumsPerArtist);
    return `audio/artist-${String(artist).padStart(5, '0')}/${year}-album/${track}-track.flac`;
  }

  has(index: number): boolean {
    return !this.#isCopy || index % faultEvery !== 1;
  }

  sizeBytes(index: number): number {
    const bytes = 20_000_000 + ((index * 7_919) % 15_000_000);
    return this.#isCopy && index % faultEvery === 2 ? bytes - 1 : bytes;
  }

  /** Also an artist's, in a way: the digits that follow from the index. */
  etag(index: number): string {
    return (index * 2_654_435_761).toString(16).padStart(32, 'f');
  }

  modifiedAt(index: number): string {
    const ms = firstWrittenMs + (index % 1_000) * 60_000 + (this.#isCopy ? 3_600_000 : 0);
    return times.get(ms) ?? remember(ms);
  }

  /** Returns the index of the first key that is not before `key`. */
  firstFrom(key: string): number {
    let low = 0;
    let high = this.objects;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.key(middle) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How many differences there are between a library of this size and its copy. */
export function plantedDifferences(objects: number): number {
  const from = (first: number) => Math.max(0, Math.ceil((objects - first) / faultEvery));
  return from(1) + from(2);
}

const times = new Map<number, string>();

function remember(ms: number): string {
  const text = new Date(ms).toISOString();
  times.set(ms, text);
  return text;
}
