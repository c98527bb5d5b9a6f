import { feature } from 'topojson-client';
import * as z from 'zod';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { AreaSet } from '../config.ts';
import { Area } from './area.ts';

/** Spellings remembered of names: there are far more rows than areas. */
const maxSpellings = 10_000;

/** Areas with names. */
export class Areas {
  readonly all: readonly Area[];
  readonly #byKey: ReadonlyMap<string, Area>;
  readonly #bySpelling = new Map<string, Area | undefined>();

  /** @param areas no two of which have the same {@link nameKey}. */
  constructor(areas: readonly Area[]) {
    this.all = areas;
    this.#byKey = new Map(areas.map((area) => [nameKey(area.name), area]));
  }

  /** Returns the area of a name; letters may differ in their case, and spaces and code points as people do not see them to. */
  find(name: string): Area | undefined {
    if (this.#bySpelling.has(name)) return this.#bySpelling.get(name);
    const area = this.#byKey.get(nameKey(name));
    if (this.#bySpelling.size < maxSpellings) this.#bySpelling.set(name, area);
    return area;
  }
}

function nameKey(name: string): string {
  return name.normalize('NFKC').trim().replaceAll(/\s+/gu, ' ').toLowerCase();
}

const position = z.tuple([z.number().min(-180).max(180), z.number().min(-90).max(90)]).rest(z.number());

const ring = z
  .array(position)
  .min(4)
  .refine((positions) => {
    const [first, last] = [positions[0], positions.at(-1)];
    return first?.[0] === last?.[0] && first?.[1] === last?.[1];
  }, 'a ring does not end where it begins');

const polygon = z.array(ring).min(1);

/** https://www.rfc-editor.org/rfc/rfc7946#section-3.1 */
const geometry = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('Polygon'), coordinates: polygon }),
    z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(polygon).min(1) }),
  ],
  { error: 'not a Polygon or MultiPolygon' },
);

const looseFeature = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  properties: z.record(z.string(), z.unknown()).nullish(),
});

const looseCollection = z.object({ features: z.array(looseFeature.extend({ geometry: z.unknown() })) });

/** https://github.com/topojson/topojson-specification */
const looseTopology = z.object({
  objects: z.record(
    z.string(),
    z.object({ type: z.string(), geometries: z.array(looseFeature.loose()).optional() }).loose(),
  ),
  arcs: z.array(z.array(z.array(z.number()))),
});

type LooseFeature = z.output<typeof looseCollection>['features'][number];

interface Candidate {
  readonly id?: string | number | undefined;
  readonly properties?: Readonly<Record<string, unknown>> | null | undefined;
}

const known = new WeakMap<AreaSet, Areas>();

/**
 * Returns the areas of a set, made once of each: features with the same name are one area. One without a geometry is left out.
 *
 * @param name what the configuration calls the set.
 * @throws UncheckedError `bad-areas` for what is no GeoJSON or TopoJSON of polygons in degrees, has features without a name, or none.
 */
export function areasOf(set: AreaSet, name: string): Areas {
  let areas = known.get(set);
  if (areas === undefined) {
    areas = decode(set, name);
    known.set(set, areas);
  }
  return areas;
}

function decode(set: AreaSet, name: string): Areas {
  const bad = (detail: string) => new UncheckedError('bad-areas', `The areas ${name} cannot be used: ${detail}.`);
  const polygons = new Map<string, { name: string; parts: z.output<typeof polygon>[] }>();
  for (const [index, { geometry: given, properties }] of featuresOf(set, bad).entries()) {
    if (given === null || given === undefined) continue;
    const written = nameIn(properties, set.nameProperty);
    if (written === undefined) throw bad(`the feature ${index} has no ${set.nameProperty} that is a name`);
    const parsed = geometry.safeParse(given);
    if (!parsed.success) throw bad(`the geometry of ${written}: ${faultIn(parsed.error)}`);
    const { type, coordinates } = parsed.data;
    const area = polygons.get(nameKey(written)) ?? { name: written, parts: [] };
    area.parts.push(...(type === 'Polygon' ? [coordinates] : coordinates));
    polygons.set(nameKey(written), area);
  }
  if (polygons.size === 0) throw bad('no feature is left');
  return new Areas([...polygons.values()].map((area) => new Area(area.name, area.parts)));
}

function nameIn(properties: Candidate['properties'], property: string): string | undefined {
  if (properties === null || properties === undefined || !Object.hasOwn(properties, property)) return undefined;
  const name = properties[property];
  // Districts have numbers.
  if (typeof name === 'number') return String(name);
  return typeof name === 'string' && name.trim() !== '' ? name : undefined;
}

type Bad = (detail: string) => UncheckedError;

function featuresOf(set: AreaSet, bad: Bad): readonly LooseFeature[] {
  const isMeant = ({ id = '' }: Candidate) => set.idPrefixes?.some((prefix) => String(id).startsWith(prefix)) ?? true;
  if (set.data.type === 'FeatureCollection') {
    const collection = looseCollection.safeParse(set.data);
    if (!collection.success) throw bad(faultIn(collection.error));
    return collection.data.features.filter(isMeant);
  }
  const topology = looseTopology.safeParse(set.data);
  if (!topology.success) throw bad(faultIn(topology.error));
  const geometries = geometriesIn(topology.data.objects, set.object, bad).filter(isMeant);
  try {
    // Of those alone that are meant: a country's are many.
    const object = { type: 'GeometryCollection', geometries };
    const decoded: unknown = feature(...([set.data, object] as unknown as Parameters<typeof feature>));
    return (decoded as z.output<typeof looseCollection>).features;
  } catch (cause) {
    throw bad(`the topology does not hold together: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function geometriesIn(
  objects: z.output<typeof looseTopology>['objects'],
  name: string | undefined,
  bad: Bad,
): readonly Candidate[] {
  const names = Object.keys(objects);
  const meant = name ?? (names.length === 1 ? names[0] : undefined);
  if (meant === undefined) throw bad(`say which object is meant, of ${names.join(', ')}`);
  const object = Object.hasOwn(objects, meant) ? objects[meant] : undefined;
  if (object === undefined) throw bad(`there is no object ${meant} in the topology, which has ${names.join(', ')}`);
  return object.type === 'GeometryCollection' ? (object.geometries ?? []) : [object as Candidate];
}

/** The first is enough, and where it is: a wrong projection breaks every position. */
function faultIn(error: z.ZodError): string {
  const [issue] = error.issues;
  return [issue?.path.join('.') ?? '', issue?.message ?? ''].filter((text) => text !== '').join(': ');
}
