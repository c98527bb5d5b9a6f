import { describe, expect, it } from 'vitest';
import { areasOf } from './area-set.ts';
import { boroughCounties } from './county-fixtures.ts';
import { type Geotag, hintsOf, judgeGeotag } from './judge-geotag.ts';

const areas = areasOf(boroughCounties(), 'counties');

const flatbush: Geotag = { latitude: 40.6415, longitude: -73.9594, area: 'Kings' };
const harlem: Geotag = { latitude: 40.8116, longitude: -73.9465, area: 'New York' };

describe('a row', () => {
  it.each<[string, Partial<Geotag>, string]>([
    ['whose point is in its area', {}, 'good'],
    ['whose point is in another', { area: 'Queens' }, 'outside'],
    ['without a latitude', { latitude: null }, 'without-point'],
    ['without a longitude', { longitude: null, area: 'nowhere' }, 'without-point'],
    ['without an area', { area: null }, 'without-area'],
    ['of an area that is not in the set', { area: 'Nassau' }, 'unknown-area'],
    ['of an area without letters', { area: '' }, 'unknown-area'],
    ['beyond the pole', { latitude: 90.1 }, 'impossible'],
    ['beyond the antimeridian', { longitude: 286.0406 }, 'impossible'],
    ['at NaN', { latitude: Number.NaN }, 'impossible'],
    ['at infinity', { longitude: Number.NEGATIVE_INFINITY }, 'impossible'],
    ['at zero and zero', { latitude: 0, longitude: 0 }, 'outside'],
  ])('%s is judged', (_, given, verdict) => {
    expect(judgeGeotag({ ...flatbush, ...given }, areas, 0)).toBe(verdict);
  });

  it('is good as far off the shore as is tolerated', () => {
    // 253 meters from where the map has the shore.
    const dumbo = { latitude: 40.7033, longitude: -73.9881, area: 'Kings' };
    expect(judgeGeotag(dumbo, areas, 250)).toBe('outside');
    expect(judgeGeotag(dumbo, areas, 260)).toBe('good');
  });

  it('hints at latitude and longitude exchanged', () => {
    const swapped = { latitude: harlem.longitude, longitude: harlem.latitude, area: 'New York' };
    expect(hintsOf(swapped, areas)).toEqual({ isSwapped: true, isAtZeroZero: false, isInAnother: false });
  });

  it('hints at the area that it is in', () => {
    expect(hintsOf({ ...harlem, area: 'Richmond' }, areas)).toEqual({
      isSwapped: false,
      isAtZeroZero: false,
      isInAnother: true,
    });
  });

  it('hints at zero and zero', () => {
    expect(hintsOf({ latitude: 0, longitude: -0, area: 'Kings' }, areas)).toMatchObject({ isAtZeroZero: true });
  });

  it('hints at nothing where there is nothing to go by', () => {
    const nothing = { isSwapped: false, isAtZeroZero: false, isInAnother: false };
    expect(hintsOf({ ...harlem, area: 'Nassau' }, areas)).toEqual(nothing);
    expect(hintsOf({ ...harlem, area: null }, areas)).toEqual(nothing);
    expect(hintsOf({ ...harlem, latitude: null }, areas)).toEqual(nothing);
    expect(hintsOf({ ...harlem, latitude: Number.NaN }, areas)).toEqual(nothing);
  });
});
