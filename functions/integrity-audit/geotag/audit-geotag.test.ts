import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadNycmg } from '../../../sandbox/postgres/load-nycmg.ts';
import { nycmgData } from '../../../sandbox/postgres/nycmg-data.ts';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import type { AuditConfig, RuleOfKind } from '../config.ts';
import { configSchema } from '../config.ts';
import { contextFor, openAuditedDatabase } from '../context-fixtures.ts';
import type { Violations } from '../outcome.ts';
import { auditGeotag } from './audit-geotag.ts';
import { boroughCounties } from './county-fixtures.ts';

let server: PostgresServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new pg.Client(server.url);
  await client.connect();
  await loadNycmg(client, nycmgData(new Date('2026-03-08T06:59:59.500Z')));
  await client.query(`
    create table places (id text primary key, owner text, lat float8, "Lon""g" float8, county text);
    create table keyless (lat float8, lon float8, county text)`);
});
afterAll(async () => {
  await client.end();
  await server.stop();
});

const counties = boroughCounties();

const neighborhoods = {
  id: 'geotag',
  kind: 'geotag',
  table: 'neighborhoods',
  latitude: 'latitude',
  longitude: 'longitude',
  area: { column: 'borough_id', references: { table: 'boroughs', key: 'id', name: 'county' } },
  areas: 'counties',
  toleranceMeters: 500,
};

const places = {
  ...neighborhoods,
  table: 'places',
  latitude: 'lat',
  longitude: 'Lon"g',
  area: { column: 'county' },
  toleranceMeters: 0,
};

interface Options {
  readonly tables?: object;
  readonly limits?: object;
  readonly areas?: Pick<AuditConfig, 'areas'>['areas'];
  readonly url?: string;
}

async function audit(
  given: object,
  { tables = {}, limits = {}, areas = { counties }, url = server.url }: Options = {},
) {
  const config = { ...configSchema.parse(parts(given, areas, limits)), areas };
  const rule = config.rules[0] as RuleOfKind<'geotag'>;
  await using database = await openAuditedDatabase(url, { rules: [rule], settings: { tables } });
  const context = contextFor({ config });
  const [outcome] = await auditGeotag(rule, database, context);
  return { outcome: outcome as Violations | undefined, coverage: context.coverage.summary() };
}

/** The schema has the areas as they are written; what they hold is not copied for each test. */
function parts(rule: object, areas: object, limits: object) {
  const written = Object.fromEntries(Object.keys(areas).map((name) => [name, { data: { type: 'Topology' } }]));
  return { rules: [rule], areas: written, limits };
}

async function violationsOf(given: object, options: Options = {}): Promise<Violations> {
  const { outcome, coverage } = await audit(given, options);
  expect(coverage).toMatchObject({ expected: 1, checked: 1, unchecked: [] });
  return outcome as Violations;
}

async function reasonOf(given: object, options: Options = {}): Promise<string | undefined> {
  const { outcome, coverage } = await audit(given, options);
  expect(outcome).toBeUndefined();
  expect(coverage).toMatchObject({ expected: 1, checked: 0 });
  return coverage.unchecked[0]?.reason;
}

/** Runs with these rows in `places`. */
async function withPlaces<T>(rows: readonly (readonly unknown[])[], run: () => Promise<T>): Promise<T> {
  await client.query('truncate places');
  for (const row of rows) await client.query('insert into places values ($1, $2, $3, $4, $5)', [...row]);
  return run();
}

describe('auditGeotag', () => {
  it('finds nothing in the sample: every neighborhood is in its borough', async () => {
    const { rows } = await client.query('select count(*)::int as count from neighborhoods');
    expect(await violationsOf(neighborhoods)).toMatchObject({ tested: rows[0].count, count: 0, samples: [] });
  });

  it('finds a neighborhood that has moved to another borough, by its key alone', async () => {
    // The Upper West Side, on Staten Island.
    await client.query("update neighborhoods set borough_id = 5 where name = 'Upper West Side'");
    const { rows } = await client.query("select id::text from neighborhoods where name = 'Upper West Side'");
    expect(await violationsOf(neighborhoods)).toEqual(
      expect.objectContaining({
        kind: 'violations',
        breaks: 'geotag',
        severity: 'medium',
        count: 1,
        unit: 'rows of neighborhoods',
        isAtLeast: false,
        samples: [{ id: rows[0].id }],
        what: 'have a point outside of the area that is named',
        facts: { areas: 'counties', toleranceMeters: 500, inAnotherArea: 1 },
      }),
    );
    await client.query("update neighborhoods set borough_id = 1 where name = 'Upper West Side'");
  });

  it('tells why points may be wrong, and which rows it did not test', async () => {
    const rows = [
      ['good', 'a', 40.6415, -73.9594, 'kings '],
      ['elsewhere', 'a', 40.6415, -73.9594, 'Queens'],
      ['swapped', 'a', -73.9594, 40.6415, 'Kings'],
      ['zero', 'a', 0, 0, 'Kings'],
      ['beyond', 'a', 91, 0, 'Kings'],
      ['nan', 'a', 'NaN', -73.9594, 'Kings'],
      ['unknown', 'a', 40.6415, -73.9594, 'Nassau'],
      ['pointless', 'a', null, -73.9594, 'Kings'],
      ['nameless', 'a', 40.6415, -73.9594, null],
      ['neither', 'a', null, null, null],
    ];
    const found = await withPlaces(rows, () => violationsOf(places));
    expect(found).toMatchObject({
      tested: 7,
      count: 6,
      what: 'have a point outside of the area that is named, or an area that is not among counties',
      facts: {
        areas: 'counties',
        toleranceMeters: 0,
        withoutPoint: 2,
        withoutArea: 1,
        unknownAreas: 1,
        impossibleCoordinates: 2,
        latitudeAndLongitudeSwapped: 1,
        atZeroZero: 1,
        inAnotherArea: 1,
      },
    });
    expect(found.samples.map(({ id }) => id).sort()).toEqual([
      'beyond',
      'elsewhere',
      'nan',
      'swapped',
      'unknown',
      'zero',
    ]);
    // Neither coordinates nor names: they may tell where somebody lives.
    expect(JSON.stringify(found.samples)).not.toMatch(/40\.6|73\.9|Nassau/);
  });

  it('shows what is safe to be shown, and masks what is personal', async () => {
    const tables = { places: { safeColumns: ['lat', 'Lon"g', 'owner'], personalColumns: ['owner'] } };
    const found = await withPlaces([['a', 'Ada', 40.5, -73.5, 'Kings']], () => violationsOf(places, { tables }));
    expect(found.samples).toEqual([{ id: 'a', lat: '40.5', 'Lon"g': '-73.5', owner: '***' }]);
  });

  it('shows no more rows than it may, and counts all', async () => {
    const rows = Array.from({ length: 20 }, (_, index) => [`p${index}`, null, 1, 1, 'Kings']);
    const found = await withPlaces(rows, () => violationsOf(places, { limits: { samples: 3 } }));
    expect([found.count, found.samples.length]).toEqual([20, 3]);
    const none = await withPlaces(rows, () => violationsOf(places, { limits: { samples: 0 } }));
    expect([none.count, none.samples.length]).toEqual([20, 0]);
  });

  it('tests the rows that it is asked to, whatever their names are in what they refer to', async () => {
    // Both tables have columns named id and name.
    const some = { ...neighborhoods, where: "name = 'Harlem' and id > 0 and borough_id = 1" };
    expect(await violationsOf(some)).toMatchObject({ tested: 1, count: 0 });
    expect(await violationsOf({ ...neighborhoods, where: 'false' })).toMatchObject({ tested: 0, count: 0 });
  });

  it('tests nothing of an empty table, and shows nothing of one without a key', async () => {
    expect(await withPlaces([], () => violationsOf(places))).toMatchObject({ tested: 0, count: 0 });
    await client.query("insert into keyless values (1, 1, 'Kings'), (1, 1, 'Nowhere')");
    const keyless = { ...places, table: 'keyless', longitude: 'lon' };
    expect(await violationsOf(keyless)).toMatchObject({ tested: 2, count: 2, samples: [] });
  });

  it('does not test a row whose reference leads nowhere', async () => {
    const dangling = {
      ...places,
      area: { column: 'county', references: { table: 'boroughs', key: 'name', name: 'county' } },
    };
    const rows = [
      ['a', null, 40.6415, -73.9594, 'Brooklyn'],
      ['b', null, 40.6415, -73.9594, 'Atlantis'],
    ];
    expect(await withPlaces(rows, () => violationsOf(dangling))).toMatchObject({
      tested: 1,
      count: 0,
      facts: { withoutArea: 1 },
    });
  });

  it('is unchecked where what a row refers to has two names, of which either may be meant', async () => {
    await client.query(
      "create table names (id text, name text); insert into names values ('k', 'Kings'), ('k', 'Queens'), (null, 'a'), (null, 'b')",
    );
    const area = { column: 'county', references: { table: 'names', key: 'id', name: 'name' } };
    expect(await reasonOf({ ...places, area })).toBe('ambiguous-key');
    await client.query("delete from names where name = 'Queens'");
    const found = await withPlaces([['a', null, 40.6415, -73.9594, 'k']], () => violationsOf({ ...places, area }));
    expect(found).toMatchObject({ tested: 1, count: 0 });
  });

  it('reads far more rows than come in one batch', async () => {
    await client.query(`truncate places; insert into places
      select n::text, null, 40.6415, -73.9594, case when n % 1000 = 0 then 'Queens' else 'Kings' end from generate_series(1, 12000) n`);
    expect(await violationsOf(places)).toMatchObject({ tested: 12_000, count: 12 });
  });

  it.each<[string, object, string]>([
    ['a table that is not there', { table: 'nowhere' }, 'missing-table'],
    ['a column that is not there', { latitude: 'nope' }, 'missing-column'],
    [
      'a referenced table that is not there',
      { area: { column: 'borough_id', references: { table: 'x', key: 'id', name: 'name' } } },
      'missing-table',
    ],
    [
      'a referenced column that is not there',
      { area: { column: 'borough_id', references: { table: 'boroughs', key: 'id', name: 'x' } } },
      'missing-column',
    ],
    [
      'a name that is SQL',
      { latitude: 'latitude" from neighborhoods; drop table neighborhoods; --' },
      'missing-column',
    ],
    ['a condition that ends the statement', { where: 'true); drop table neighborhoods; --' }, 'bad-sql'],
    ['a condition that is none', { where: 'latitude >' }, 'bad-sql'],
    ['a condition that divides by zero', { where: '1 / (latitude - latitude) > 0' }, 'bad-sql'],
    ['coordinates that are no numbers', { latitude: 'name' }, 'bad-sql'],
    [
      'a column that cannot refer to the key',
      { area: { column: 'name', references: { table: 'boroughs', key: 'id', name: 'county' } } },
      'bad-sql',
    ],
  ])('is unchecked with %s', async (_, given, reason) => {
    expect(await reasonOf({ ...neighborhoods, ...given })).toBe(reason);
    expect((await client.query('select 1 from neighborhoods limit 1')).rowCount).toBe(1);
  });

  it('is unchecked with areas that are none', async () => {
    const areas = { counties: { ...counties, object: 'nations' } };
    expect(await reasonOf(neighborhoods, { areas })).toBe('bad-areas');
  });

  it('is unchecked where the role may not read a coordinate, and shows no key that it may not read', async () => {
    await client.query(`create role visitor login password 'visitor';
      grant select (lat, "Lon""g", county) on places to visitor; grant select (county) on boroughs to visitor`);
    const url = server.url.replace(/\/\/postgres:[^@]+@/, '//visitor:visitor@');
    const found = await withPlaces([['a', null, 1, 1, 'Kings']], () => violationsOf(places, { url }));
    expect(found).toMatchObject({ count: 1, samples: [] });
    expect(await reasonOf({ ...places, latitude: 'id' }, { url })).toBe('access-denied');
    const referring = {
      ...places,
      area: { column: 'county', references: { table: 'boroughs', key: 'name', name: 'county' } },
    };
    expect(await reasonOf(referring, { url })).toBe('access-denied');
  });
});
