import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type AreaSet, configSchema } from '../config.ts';

/** State and county of the city's boroughs: https://www.census.gov/library/reference/code-lists/ansi.html */
const idPrefixes = ['36005', '36047', '36061', '36081', '36085'];

/** Returns the counties that are New York City's boroughs, drawn for a map of the country. */
export function boroughCounties(): AreaSet {
  const path = fileURLToPath(import.meta.resolve('us-atlas/counties-10m.json'));
  const counties = { data: JSON.parse(readFileSync(path, 'utf8')), object: 'counties', idPrefixes };
  return configSchema.parse({ areas: { counties } }).areas.counties as AreaSet;
}
