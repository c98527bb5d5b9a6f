import { booleanPointInPolygon } from '@turf/boolean-point-in-polygon';
import type { Polygon, Position } from 'geojson';

/** Longitude and latitude in degrees, WGS 84. */
export type Point = readonly [longitude: number, latitude: number];

/** From one position to the next of a ring. */
type Edge = readonly [x1: number, y1: number, x2: number, y2: number];

interface Part {
  readonly box: Edge;
  readonly polygon: Polygon;
  readonly edges: readonly Edge[];
}

/** Of the sphere whose radius is the earth's mean one: https://en.wikipedia.org/wiki/Earth_radius#Arithmetic_mean_radius */
const metersPerDegree = (6_371_008.8 * Math.PI) / 180;

/**
 * A part of the earth's surface with a name: polygons, with holes or without. Their edges are straight on a map whose axes are
 * longitude and latitude, as RFC 7946 has it in section 3.1.1.
 *
 * An area that crosses the antimeridian has to be cut in two there, as section 3.1.9 asks for; what is near it on the other side, or
 * near it beyond a pole, is not seen to be near.
 */
export class Area {
  /** As the area set writes it. */
  readonly name: string;
  readonly #parts: readonly Part[];

  /** @param polygons rings that are closed, in degrees: the outer one and the holes of each polygon. */
  constructor(name: string, polygons: readonly (readonly (readonly Position[])[])[]) {
    this.name = name;
    this.#parts = polygons.map(partOf);
  }

  /** Returns whether a point is inside or on the line. */
  contains(point: Point): boolean {
    return this.#parts.some(({ box, polygon }) => isIn(box, point, 0, 0) && booleanPointInPolygon([...point], polygon));
  }

  /**
   * Returns whether the boundary is no farther than this from a point. It is measured on a map that is true to scale around the
   * point: to some centimeters of a kilometer, and to some hundred meters of a hundred kilometers.
   */
  isNear(point: Point, meters: number): boolean {
    const height = meters / metersPerDegree;
    const scale = Math.cos((point[1] * Math.PI) / 180);
    // At a pole, all of a parallel is near.
    const width = Math.min(height / scale, 360);
    return this.#parts.some(
      ({ box, edges }) =>
        isIn(box, point, width, height) && edges.some((edge) => degreesTo(edge, point, scale) <= height),
    );
  }
}

function partOf(rings: readonly (readonly Position[])[]): Part {
  const edges = rings.flatMap((ring) =>
    ring.slice(1).map((end, index): Edge => {
      const start = ring[index] as Position;
      return [start[0] as number, start[1] as number, end[0] as number, end[1] as number];
    }),
  );
  const coordinates = rings.map((ring) => ring.map((position) => position.slice(0, 2)));
  return { box: boxOf(edges), polygon: { type: 'Polygon', coordinates }, edges };
}

function boxOf(edges: readonly Edge[]): Edge {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  // Rings are closed: each position begins an edge.
  for (const [x, y] of edges) {
    west = Math.min(west, x);
    east = Math.max(east, x);
    south = Math.min(south, y);
    north = Math.max(north, y);
  }
  return [west, south, east, north];
}

function isIn([west, south, east, north]: Edge, [x, y]: Point, width: number, height: number): boolean {
  return x >= west - width && x <= east + width && y >= south - height && y <= north + height;
}

/** Returns how far the nearest position of an edge is, in degrees of latitude; `scale` is what one of longitude is of those. */
function degreesTo([x1, y1, x2, y2]: Edge, [x, y]: Point, scale: number): number {
  const [startX, startY] = [(x1 - x) * scale, y1 - y];
  const [alongX, alongY] = [(x2 - x1) * scale, y2 - y1];
  const squared = alongX ** 2 + alongY ** 2;
  // What share of the edge lies before the position; an edge without a length is where it begins.
  const share = squared === 0 ? 0 : -(startX * alongX + startY * alongY) / squared;
  const within = Math.min(Math.max(share, 0), 1);
  return Math.hypot(startX + within * alongX, startY + within * alongY);
}
