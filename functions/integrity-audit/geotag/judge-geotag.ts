import type { Point } from './area.ts';
import type { Areas } from './area-set.ts';

/** What a row says of where it is. */
export interface Geotag {
  /** Degrees, WGS 84. */
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly area: string | null;
}

/** What is wrong with a row's point or the name of its area, if anything is. */
export type GeotagVerdict = 'good' | 'without-point' | 'without-area' | 'unknown-area' | 'impossible' | 'outside';

/** What may be the cause of a point outside. */
export interface GeotagHints {
  /** Latitude and longitude, exchanged, are in the area. */
  readonly isSwapped: boolean;
  /** Where nobody has been and everybody ends up who has no coordinates: 0° north, 0° east. */
  readonly isAtZeroZero: boolean;
  /** It is in another area of the set. */
  readonly isInAnother: boolean;
}

/** Returns whether a row's point is in the area that it names, or no farther outside than is tolerated. */
export function judgeGeotag(geotag: Geotag, areas: Areas, toleranceMeters: number): GeotagVerdict {
  const { latitude, longitude } = geotag;
  if (latitude === null || longitude === null) return 'without-point';
  if (geotag.area === null) return 'without-area';
  const area = areas.find(geotag.area);
  if (area === undefined) return 'unknown-area';
  // Written so that NaN is impossible too.
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return 'impossible';
  const point: Point = [longitude, latitude];
  return area.contains(point) || area.isNear(point, toleranceMeters) ? 'good' : 'outside';
}

/** Returns what may be the cause where {@link judgeGeotag} has said `outside` or `impossible`. */
export function hintsOf({ latitude, longitude, area: name }: Geotag, areas: Areas): GeotagHints {
  const area = name === null ? undefined : areas.find(name);
  if (area === undefined || latitude === null || longitude === null) {
    return { isSwapped: false, isAtZeroZero: false, isInAnother: false };
  }
  const point: Point = [longitude, latitude];
  return {
    isSwapped: area.contains([latitude, longitude]),
    isAtZeroZero: latitude === 0 && longitude === 0,
    isInAnother: areas.all.some((other) => other !== area && other.contains(point)),
  };
}
