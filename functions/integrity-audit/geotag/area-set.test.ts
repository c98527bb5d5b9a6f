import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { boroughs } from '../../../sandbox/postgres/nycmg-places.ts';
import { type AreaSet, configSchema } from '../config.ts';
import { areasOf } from './area-set.ts';
import { boroughCounties } from './county-fixtures.ts';

function setOf(data: unknown, settings: object = {}): AreaSet {
  return configSchema.parse({ areas: { given: { data, ...settings } } }).areas.given as AreaSet;
}

const ring = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 0],
];

function collectionOf(...features: readonly object[]) {
  return { type: 'FeatureCollection', features };
}

function featureOf(name: unknown, given: object = {}) {
  return { type: 'Feature', properties: { name }, geometry: { type: 'Polygon', coordinates: [ring] }, ...given };
}

function faultOf(data: unknown, settings: object = {}): string {
  try {
    areasOf(setOf(data, settings), 'given');
  } catch (error) {
    expect(error).toMatchObject({ reason: 'bad-areas' });
    return (error as { detail: string }).detail;
  }
  throw new Error('was taken for good');
}

describe('areas from TopoJSON', () => {
  it('are those alone that are meant: the five counties of New York City', () => {
    const areas = areasOf(boroughCounties(), 'counties');
    expect(areas.all.map(({ name }) => name).sort()).toEqual(['Bronx', 'Kings', 'New York', 'Queens', 'Richmond']);
    expect(areas.find('Kings')?.contains([-73.9594, 40.6415])).toBe(true);
    expect(areas.find('Kings')?.contains([-119.8, 36.1])).toBe(false);
  });

  it('have every neighborhood of the sample within half a kilometer', () => {
    const areas = areasOf(boroughCounties(), 'counties');
    for (const { county, neighborhoods } of boroughs) {
      const area = areas.find(county);
      for (const [name, latitude, longitude] of neighborhoods) {
        const isThere = area?.contains([longitude, latitude]) || area?.isNear([longitude, latitude], 500);
        expect({ name, isThere }).toEqual({ name, isThere: true });
      }
    }
  });

  it('are made once', () => {
    const set = boroughCounties();
    expect(areasOf(set, 'counties')).toBe(areasOf(set, 'counties'));
  });

  const topology = {
    type: 'Topology',
    arcs: [ring],
    objects: { one: { type: 'Polygon', arcs: [[0]], properties: { name: 'a' } } },
  };

  it('may be a single geometry, and need no object to be named where there is one', () => {
    expect(areasOf(setOf(topology), 'given').find('a')?.contains([0.5, 0.2])).toBe(true);
    expect(areasOf(setOf(topology, { object: 'one' }), 'given').all).toHaveLength(1);
  });

  it.each([
    ['an object that is not there', topology, { object: 'two' }, 'no object two'],
    ['an object named like what every object has', topology, { object: 'constructor' }, 'no object constructor'],
    [
      'objects of which none is named',
      { ...topology, objects: { ...topology.objects, two: topology.objects.one } },
      {},
      'one, two',
    ],
    ['no objects', { type: 'Topology', arcs: [] }, {}, 'objects'],
    ['arcs that are not there', { ...topology, arcs: [] }, {}, 'hold together'],
    [
      'a geometry that is no polygon',
      { ...topology, objects: { one: { type: 'Point', coordinates: [0, 0], properties: { name: 'a' } } } },
      {},
      'not a Polygon',
    ],
    ['no feature that is meant', topology, { idPrefixes: ['36'] }, 'no feature'],
  ])('are refused with %s', (_, data, settings, message) => expect(faultOf(data, settings)).toContain(message));

  it('are refused in the projection of a printed map', () => {
    const path = fileURLToPath(import.meta.resolve('us-atlas/counties-albers-10m.json'));
    const albers = JSON.parse(readFileSync(path, 'utf8'));
    expect(faultOf(albers, { object: 'counties', idPrefixes: ['36061'] })).toMatch(/New York: coordinates/);
  });
});

describe('areas from GeoJSON', () => {
  it('are found whatever the case, the spaces and the code points of their names', () => {
    const areas = areasOf(setOf(collectionOf(featureOf('Hell’s  Kitchen'), featureOf('Ünion Square'))), 'given');
    expect(areas.find(' hell’s kitchen ')).toBe(areas.all[0]);
    expect(areas.find('U\u0308NION\u00a0SQUARE')).toBe(areas.all[1]);
    expect(areas.find('Union Square')).toBeUndefined();
    expect(areas.find('')).toBeUndefined();
    expect(areas.find('__proto__')).toBeUndefined();
  });

  it('are one area where features have the same name', () => {
    const far = featureOf('A', {
      geometry: { type: 'Polygon', coordinates: [ring.map(([x, y]) => [(x ?? 0) + 10, y])] },
    });
    const areas = areasOf(setOf(collectionOf(featureOf('a'), far)), 'given');
    expect(areas.all).toHaveLength(1);
    expect(areas.find('a')?.contains([0.5, 0.2])).toBe(true);
    expect(areas.find('a')?.contains([10.5, 0.2])).toBe(true);
  });

  it('may have numbers for names and ids, and features that are nowhere', () => {
    const features = [
      featureOf(101, { id: 36061 }),
      featureOf('lost', { id: 36062, geometry: null }),
      featureOf(7, { id: 1 }),
    ];
    const areas = areasOf(setOf(collectionOf(...features), { idPrefixes: ['36'] }), 'given');
    expect(areas.all.map(({ name }) => name)).toEqual(['101']);
  });

  it('may be named by another property', () => {
    const data = collectionOf(featureOf('x', { properties: { NTAName: 'SoHo' } }));
    expect(areasOf(setOf(data, { nameProperty: 'NTAName' }), 'given').find('soho')).toBeDefined();
  });

  it.each([
    ['no features', { type: 'FeatureCollection' }, 'features'],
    ['an empty list of features', collectionOf(), 'no feature'],
    ['a feature without a name', collectionOf(featureOf('a'), featureOf(undefined)), 'feature 1 has no name'],
    ['a blank name', collectionOf(featureOf(' ')), 'feature 0 has no name'],
    ['a name that only every object has', collectionOf(featureOf('a', { properties: {} })), 'feature 0 has no name'],
    ['a point', collectionOf(featureOf('a', { geometry: { type: 'Point', coordinates: [0, 0] } })), 'not a Polygon'],
    [
      'a ring of three positions',
      collectionOf(featureOf('a', { geometry: { type: 'Polygon', coordinates: [ring.slice(1)] } })),
      'coordinates.0',
    ],
    [
      'an open ring',
      collectionOf(featureOf('a', { geometry: { type: 'Polygon', coordinates: [[...ring, [5, 5]]] } })),
      'does not end where it begins',
    ],
    [
      'a polygon without rings',
      collectionOf(featureOf('a', { geometry: { type: 'MultiPolygon', coordinates: [[]] } })),
      'coordinates.0',
    ],
    [
      'feet for degrees',
      collectionOf(
        featureOf('a', { geometry: { type: 'Polygon', coordinates: [ring.map(([x, y]) => [(x ?? 0) + 990_000, y])] } }),
      ),
      'coordinates.0.0.0',
    ],
    [
      'text for numbers',
      collectionOf(featureOf('a', { geometry: { type: 'Polygon', coordinates: [ring.map(([x, y]) => [`${x}`, y])] } })),
      'coordinates.0.0.0',
    ],
  ])('are refused with %s', (_, data, message) => expect(faultOf(data)).toContain(message));

  it('do not let a file change what every object has', () => {
    const data = JSON.parse(
      '{"type":"FeatureCollection","__proto__":{"polluted":1},"features":[{"properties":{"__proto__":{"name":"a","polluted":1}},"geometry":null}]}',
    );
    expect(faultOf(data)).toContain('no feature');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('are not read from a file that an event names', () => {
    const parsed = configSchema.safeParse({ areas: { given: { data: { $file: '/etc/passwd' } } } });
    expect(parsed.error?.issues).toMatchObject([
      { path: ['areas', 'given', 'data'], message: 'a $file is read in a configuration file, and nowhere else' },
    ]);
  });
});
