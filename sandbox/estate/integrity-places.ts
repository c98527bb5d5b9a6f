import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { feature } from 'topojson-client';
import type * as z from 'zod';
import type { configSchema } from '../../functions/integrity-audit/config.ts';
import type { PlantedRule } from './integrity-planted-rule.ts';

type Areas = NonNullable<z.input<typeof configSchema>['areas']>;

/** State and county of each borough: https://www.census.gov/library/reference/code-lists/ansi.html */
const boroughCounties = ['36005', '36047', '36061', '36081', '36085'];

/** Returns the city's five counties; their shorelines are drawn for maps of the whole country. */
export function countyAreas(): Areas {
  const path = fileURLToPath(import.meta.resolve('us-atlas/counties-10m.json'));
  const topology: Parameters<typeof feature>[0] = JSON.parse(readFileSync(path, 'utf8'));
  const counties = feature(topology, topology.objects.counties ?? { type: 'GeometryCollection', geometries: [] });
  const features = counties.type === 'FeatureCollection' ? counties.features : [];
  return {
    counties: {
      data: { type: 'FeatureCollection', features: features.filter(({ id }) => boroughCounties.includes(String(id))) },
    },
  };
}

const county = {
  column: 'borough_id',
  references: { table: 'boroughs', key: 'id', name: 'county' },
};

/** What the shorelines are wrong by: the middle of Far Rockaway lies 930 meters off the coast. */
const toleranceMeters = 1_000;

/** Rules on where places are. */
export const placeRules: readonly PlantedRule[] = [
  {
    rule: {
      id: 'venues-are-in-their-borough',
      kind: 'geotag',
      table: 'venues',
      where: 'latitude is not null and longitude is not null',
      latitude: 'latitude',
      longitude: 'longitude',
      area: county,
      areas: 'counties',
      toleranceMeters,
      owner: 'live',
    },
    why: 'one hall is in the wrong borough, one has its coordinates swapped, and one is off the coast of Africa',
    plant: () => `update venues set borough_id = 5 where id = 13;
      update venues set latitude = longitude, longitude = latitude where id = 22;
      update venues set latitude = 0, longitude = 0 where id = 40`,
    findings: [{ rule: 'geotag', severity: 'medium', violations: 3 }],
  },
  {
    rule: {
      id: 'neighborhoods-are-in-their-borough',
      kind: 'geotag',
      table: 'neighborhoods',
      latitude: 'latitude',
      longitude: 'longitude',
      area: county,
      areas: 'counties',
      toleranceMeters,
    },
    why: 'each is, give or take a shoreline',
  },
];
