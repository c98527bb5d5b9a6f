import { pointToPolygonDistance } from '@turf/point-to-polygon-distance';
import fc from 'fast-check';
import type { Position } from 'geojson';
import { describe, expect, it } from 'vitest';
import { Area, type Point } from './area.ts';

/** Returns a closed ring around a rectangle. */
function box(west: number, south: number, east: number, north: number): Position[] {
  return [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ];
}

const square = new Area('square', [[box(-74, 40, -73, 41)]]);
const ring = new Area('ring', [[box(-74, 40, -73, 41), box(-73.6, 40.4, -73.4, 40.6)]]);
const islands = new Area('islands', [[box(-74, 40, -73.9, 40.1)], [box(-73.1, 40.9, -73, 41)]]);

const earthRadiusMeters = 6_371_008.8;
const metersPerDegree = (earthRadiusMeters * Math.PI) / 180;

describe('an area', () => {
  it.each<[string, Area, Point, boolean]>([
    ['the middle', square, [-73.5, 40.5], true],
    ['an edge', square, [-74, 40.5], true],
    ['a corner', square, [-73, 41], true],
    ['what is just outside', square, [-74.000001, 40.5], false],
    ['the other side of the earth', square, [106.5, -40.5], false],
    ['what is beside a hole', ring, [-73.7, 40.5], true],
    ['a hole', ring, [-73.5, 40.5], false],
    ['the edge of a hole', ring, [-73.6, 40.5], true],
    ['one island', islands, [-73.95, 40.05], true],
    ['another island', islands, [-73.05, 40.95], true],
    ['the sea between', islands, [-73.5, 40.5], false],
  ])('contains %s or not', (_, area, point, isInside) => expect(area.contains(point)).toBe(isInside));

  it('does not let a point be a third of the world: heights do not matter', () => {
    const high = new Area('high', [[box(-74, 40, -73, 41).map(([x, y]) => [x as number, y as number, 1000])]]);
    expect(high.contains([-73.5, 40.5])).toBe(true);
    expect(high.isNear([-74.001, 40.5], 100)).toBe(true);
  });

  it('is near what is exactly so far away, and not near what is a little farther', () => {
    // A degree of latitude, due south of an edge's end.
    const meters = metersPerDegree / 100;
    expect(square.isNear([-74, 39.99], meters + 0.01)).toBe(true);
    expect(square.isNear([-74, 39.99], meters - 0.01)).toBe(false);
  });

  it('is near what is close to a hole’s edge, from within the hole too', () => {
    expect(ring.isNear([-73.5, 40.5], 5_000)).toBe(false);
    expect(ring.isNear([-73.5, 40.5], 9_000)).toBe(true);
  });

  it('is near what is close to any of its islands', () => {
    expect(islands.isNear([-73.1, 40.89], 1_200)).toBe(true);
    expect(islands.isNear([-73.9, 40.11], 1_200)).toBe(true);
    expect(islands.isNear([-73.5, 40.5], 1_200)).toBe(false);
  });

  it('is not near anything but its own boundary when nothing is tolerated', () => {
    expect(square.isNear([-74.000001, 40.5], 0)).toBe(false);
    expect(square.isNear([-74, 40], 0)).toBe(true);
  });

  it('has edges of no length in it without being hurt', () => {
    const stutter = new Area('stutter', [
      [
        [
          [-74, 40],
          [-74, 40],
          [-73, 40],
          [-73, 41],
          [-73, 41],
          [-74, 40],
        ],
      ],
    ]);
    expect(stutter.contains([-73.2, 40.5])).toBe(true);
    expect(stutter.isNear([-74, 39.999], 200)).toBe(true);
  });

  it('is drawn around a pole’s neighborhood as well', () => {
    const polar = new Area('polar', [[box(-10, 85, 10, 89)]]);
    // At 87 degrees north, five degrees of longitude are less than 30 kilometers.
    expect(polar.isNear([15, 87], 30_000)).toBe(true);
    expect(polar.isNear([15, 87], 20_000)).toBe(false);
  });
});

const around = (middle: number, reach: number) => fc.double({ min: middle - reach, max: middle + reach, noNaN: true });

/** A ring that does not cross itself, around some place. */
const star = (middle: number, size: number) =>
  fc
    .record({
      center: fc.tuple(around(-74, 2 * size), around(middle, 2 * size)),
      radii: fc.array(fc.double({ min: size / 20, max: size, noNaN: true }), { minLength: 3, maxLength: 12 }),
    })
    .map(({ center: [x, y], radii }): Position[] => {
      const positions = radii.map((radius, index): Position => {
        const angle = (2 * Math.PI * index) / radii.length;
        return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
      });
      return [...positions, positions[0] as Position];
    });

describe('the distance to a boundary', () => {
  it.each([0, 40.7, -65])('is what a library measures along all of it, around latitude %d', (middle) => {
    const size = 0.02;
    const polygons = fc.array(fc.array(star(middle, size), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 3,
    });
    const point = fc.tuple(around(-74, 3 * size), around(middle, 3 * size));
    const meters = fc.double({ min: 0, max: 5_000, noNaN: true });
    fc.assert(
      fc.property(polygons, point, meters, (coordinates, from, tolerated) => {
        const distances = coordinates
          .flat()
          .map((ring) =>
            Math.abs(pointToPolygonDistance(from, { type: 'Polygon', coordinates: [ring] }, { units: 'meters' })),
          );
        const least = Math.min(...distances);
        // The library's edges are the shortest ways on the sphere, which are not straight on a map.
        if (Math.abs(least - tolerated) < 5) return;
        expect(new Area('any', coordinates).isNear(from, tolerated)).toBe(least < tolerated);
      }),
      { numRuns: 500 },
    );
  });

  it.each([0, 40.7, -65])('is what one measures from many places of each edge, around latitude %d', (middle) => {
    const size = 0.3;
    const steps = 500;
    fc.assert(
      fc.property(star(middle, size), fc.tuple(around(-74, size), around(middle, size)), (ring, point) => {
        let least = Infinity;
        for (const [index, end] of ring.slice(1).entries()) {
          const start = ring[index] as Position;
          for (let step = 0; step <= steps; step += 1) {
            const between = (axis: 0 | 1) =>
              ((start[axis] as number) * (steps - step) + (end[axis] as number) * step) / steps;
            least = Math.min(least, distanceMeters(point, [between(0), between(1)]));
          }
        }
        const area = new Area('star', [[ring]]);
        // What a map around a point is wrong by far from it, and half a step of the longest edge.
        const [far, halfStep] = [least * 0.02, (metersPerDegree * 2 * size) / steps / 2];
        expect(area.isNear(point, least + far + 0.01)).toBe(true);
        if (least > far + halfStep) expect(area.isNear(point, least - far - halfStep)).toBe(false);
      }),
    );
  });
});

/** https://en.wikipedia.org/wiki/Haversine_formula */
function distanceMeters([x1, y1]: Point, [x2, y2]: Point): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const a =
    Math.sin(radians(y2 - y1) / 2) ** 2 +
    Math.cos(radians(y1)) * Math.cos(radians(y2)) * Math.sin(radians(x2 - x1) / 2) ** 2;
  return 2 * earthRadiusMeters * Math.asin(Math.sqrt(a));
}
