import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListedVersion } from '../../../shared/objects/list-versions.ts';
import type { Seen } from './object-source.ts';
import { VersionAges, type VersionLimits } from './version-ages.ts';

/** A version as `key`, its time and, for a delete marker, `marker`; the first of a key is the latest. */
type Sketch = readonly [key: string, modifiedAtMs: number, marker?: 'marker'];

function versionsOf(sketches: readonly Sketch[]): ListedVersion[] {
  return sketches.map(([key, modifiedAtMs, marker], index) => ({
    key,
    modifiedAtMs,
    versionId: `v${index}`,
    isLatest: sketches[index - 1]?.[0] !== key,
    isDeleteMarker: marker !== undefined,
    sizeBytes: 1,
    etag: 'e',
    storageClass: undefined,
  }));
}

function judge(sketches: readonly Sketch[], limits: Partial<VersionLimits> = {}): Seen[] {
  const ages = new VersionAges({ cutoffMs: 100, keepNoncurrent: 0, ...limits });
  return [...versionsOf(sketches).flatMap((version) => [...ages.next(version)]), ...ages.end()];
}

const past = (sketches: readonly Sketch[], limits?: Partial<VersionLimits>) =>
  judge(sketches, limits).flatMap(({ entry, isPast }) => (isPast ? [entry.versionId] : []));

describe('noncurrent versions', () => {
  it('are past their retention when they were replaced before the cutoff, however old they are', () => {
    expect(
      past([
        ['a', 99],
        ['a', 1],
      ]),
    ).toEqual(['v1']);
    expect(
      past([
        ['a', 100],
        ['a', 1],
      ]),
    ).toEqual([]);
    expect(
      past([
        ['a', 200],
        ['a', 99],
        ['a', 1],
      ]),
    ).toEqual(['v2']);
  });

  it('are not the latest, whatever its age', () => {
    expect(
      past([
        ['a', 1],
        ['b', 1],
      ]),
    ).toEqual([]);
  });

  it('were replaced by a delete marker too', () => {
    expect(
      past([
        ['a', 50, 'marker'],
        ['a', 1],
      ]),
    ).toEqual(['v1']);
    expect(
      past([
        ['a', 150, 'marker'],
        ['a', 1],
      ]),
    ).toEqual([]);
  });

  it('were not replaced before they were written', () => {
    // The latest one was begun as an upload before the one behind it was written.
    expect(
      past([
        ['a', 50],
        ['a', 120],
        ['a', 1],
      ]),
    ).toEqual([]);
    expect(
      judge([
        ['a', 50],
        ['a', 120],
        ['a', 1],
      ]).map(({ entry }) => Date.parse(entry.since)),
    ).toEqual([50, 120, 120]);
  });

  it('stay where so many of a key are to stay, delete markers not counted', () => {
    const versions: Sketch[] = [
      ['a', 90],
      ['a', 80],
      ['a', 70, 'marker'],
      ['a', 60],
      ['a', 50],
      ['b', 90],
      ['b', 80],
    ];
    expect(past(versions, { keepNoncurrent: 1 })).toEqual(['v3', 'v4']);
    expect(past(versions, { keepNoncurrent: 2 })).toEqual(['v4']);
    expect(past(versions, { keepNoncurrent: 3 })).toEqual([]);
  });
});

describe('delete markers', () => {
  it('are past their retention when nothing is behind them', () => {
    expect(
      past([
        ['a', 99, 'marker'],
        ['b', 99, 'marker'],
        ['b', 1, 'marker'],
      ]),
    ).toEqual(['v0', 'v2']);
    expect(past([['a', 100, 'marker']])).toEqual([]);
  });

  it('stay while something is behind them', () => {
    expect(
      past(
        [
          ['a', 50, 'marker'],
          ['a', 40],
        ],
        { keepNoncurrent: 1 },
      ),
    ).toEqual([]);
    expect(
      past([
        ['a', 90],
        ['a', 50, 'marker'],
        ['a', 40],
      ]),
    ).toEqual(['v2']);
  });

  it('behind others count from when those were written', () => {
    expect(
      past([
        ['a', 150],
        ['a', 50, 'marker'],
      ]),
    ).toEqual([]);
    expect(
      past([
        ['a', 90],
        ['a', 50, 'marker'],
      ]),
    ).toEqual(['v1']);
  });
});

it('sees every version once, in order, and never takes the latest version of a key or what is younger', () => {
  const sketch = fc.tuple(
    fc.constantFrom('a', 'b', 'c'),
    fc.integer({ min: 1, max: 200 }),
    fc.constantFrom(undefined, 'marker' as const),
  );
  fc.assert(
    fc.property(fc.array(sketch, { maxLength: 30 }), fc.integer({ min: 0, max: 3 }), (drawn, keepNoncurrent) => {
      const sketches = drawn
        .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
        .map(([key, at, marker]): Sketch => (marker === undefined ? [key, at] : [key, at, marker]));
      const seen = judge(sketches, { keepNoncurrent });
      expect(seen.map(({ entry }) => entry.versionId)).toEqual(sketches.map((_, index) => `v${index}`));
      for (const [index, { entry, isPast }] of seen.entries()) {
        const isLatest = sketches[index - 1]?.[0] !== entry.key;
        const isMarker = sketches[index]?.[2] !== undefined;
        if (isPast) expect(!isLatest || isMarker).toBe(true);
        if (isPast) expect(Math.max(sketches[index]?.[1] ?? 0, Date.parse(entry.since))).toBeLessThan(100);
      }
    }),
  );
});
