import { describe, expect, it } from 'vitest';
import { ConfigError, parseOrThrow } from '../../shared/config-error.ts';
import { configSchema } from './config.ts';
import { auditedDatabases, namedBuckets, namedObjects } from './named-places.ts';

const base = { id: 'a-rule', table: 'tracks' };
const parse = (config: object) => parseOrThrow(configSchema, config, 'config');
const faultsOf = (config: object): string[] => {
  try {
    parse(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
};
const faultsOfRule = (rule: object) => faultsOf({ rules: [{ ...base, ...rule }] });

describe('a rule', () => {
  it.each([
    ['a range without an end', { kind: 'range', column: 'x' }, 'rules[0].min: give min, max or both'],
    ['a length without an end', { kind: 'length', column: 'x' }, 'rules[0].min: give min, max or both'],
    ['a range that holds nothing', { kind: 'range', column: 'x', min: 1, max: 0.5 }, 'rules[0].max: is below min'],
    [
      'more days of a weekday than are kept',
      { kind: 'volume', seasonality: 'weekday', minimumHistory: 58 },
      'rules[0].minimumHistory: at most 57 days of a weekday are kept',
    ],
    [
      'a reference to fewer columns',
      { kind: 'foreignKey', columns: ['a', 'b'], references: { table: 'x', columns: ['a'] } },
      'rules[0].references: has 1 columns for 2',
    ],
    [
      'rights by kinds without a column for them',
      {
        kind: 'rights',
        key: 'id',
        claims: { table: 'r', itemColumn: 'i', validFrom: 'f', validTo: 't', kinds: ['a'] },
      },
      'rules[0].claims: kindColumn and kinds go together',
    ],
    ['a column named twice', { kind: 'unique', columns: ['a', 'a'] }, 'rules[0].columns: a column is named twice'],
    ['a table without a name', { kind: 'notNull', column: 'x', table: 'public.' }, 'rules[0].table: not a table'],
    [
      'a name that PostgreSQL would cut off',
      { kind: 'notNull', column: 'x'.repeat(64) },
      'rules[0].column: a name has',
    ],
    ['a name with a NUL', { kind: 'notNull', column: 'a\0b' }, 'rules[0].column: a name has at most'],
    [
      'a correction that cannot be',
      { kind: 'volume', correction: { kind: 'quarantine', table: 'q' } },
      'rules[0].corr',
    ],
  ])('refuses %s', (_, rule, fault) => {
    expect(faultsOfRule(rule).join('\n')).toContain(fault);
  });

  it.each([
    ['neither side nor number', {}],
    ['both', { right: { table: 'x', column: 'y' }, equals: 3 }],
  ])('refuses a sum that is compared with %s', (_, given) => {
    const rule = { id: 'a-rule', kind: 'sum', left: { table: 'tracks', column: 'x' }, ...given };
    expect(faultsOf({ rules: [rule] })).toEqual(['rules[0].equals: give either right or equals']);
  });

  it('refuses sides that group by different numbers of columns', () => {
    const rule = { id: 'a-rule', kind: 'equalCount', left: { table: 'a', by: ['x'] }, right: { table: 'b' } };
    expect(faultsOf({ rules: [rule] })).toEqual(['rules[0].right: groups by as many columns as left']);
  });

  it('takes names with dots, quotes and SQL in them: they are names', () => {
    const rule = { kind: 'notNull', table: 'odd.schema"; drop table tracks --', column: '"; select 1' };
    expect(faultsOfRule(rule)).toEqual([]);
  });

  it('names every fault of every rule at once, with its path', () => {
    const faults = faultsOf({
      rules: [
        { id: 'Not An Id', kind: 'notNull', table: 'tracks', column: 'x' },
        { id: 'b', kind: 'nope' },
        { id: 'c', kind: 'notNull', table: 'tracks', colum: 'x' },
      ],
    });
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'rules[0].id',
      'rules[1].kind',
      'rules[2].column',
      'rules[2].colum',
    ]);
  });

  it('has an id of its own', () => {
    const rule = { ...base, kind: 'notNull', column: 'title' };
    expect(faultsOf({ rules: [rule, rule] })).toEqual(['rules: an id is used twice']);
  });

  it('names areas and databases that there are', () => {
    const geotag = { kind: 'geotag', latitude: 'a', longitude: 'b', area: { column: 'c' }, areas: 'boroughs' };
    expect(faultsOfRule(geotag)).toEqual(['rules[0].areas: boroughs is not among areas']);
    const rule = { ...base, kind: 'notNull', column: 'title', database: 'other' };
    expect(faultsOf({ databases: { main: {} }, rules: [rule] })).toEqual([
      "rules[0].database: other is not among the task's databases",
    ]);
  });
});

describe('a column that is personal', () => {
  it('is not shown by one setting of a table where another hides it', () => {
    const tables = { users: { safeColumns: ['email'] }, 'public.users': { personalColumns: ['email'] } };
    expect(faultsOf({ databases: { main: { tables } } })).toEqual([
      'databases.main.tables: a table is named twice, with its schema public and without',
    ]);
  });
});

describe('what the task may reach', () => {
  const objects = { id: 'o', kind: 'objects', table: 't', keyColumn: 'k', bucket: 'nycmg-audio', prefix: 'a/' };

  it('is the buckets and prefixes that rules name, once each', () => {
    const config = parse({
      rules: [objects, { ...objects, id: 'p' }, { ...objects, id: 'q', region: 'us-gov-west-1' }],
    });
    expect(namedBuckets(config)).toEqual(['arn:aws:s3:::nycmg-audio', 'arn:aws-us-gov:s3:::nycmg-audio']);
    expect(namedObjects(config)).toEqual(['arn:aws:s3:::nycmg-audio/a/*', 'arn:aws-us-gov:s3:::nycmg-audio/a/*']);
    expect(namedBuckets(parse({}))).toEqual([]);
    const [odd] = namedObjects(parse({ rules: [{ ...objects, prefix: 'a*/' }] }));
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is how IAM writes them
    expect(odd).toBe('arn:aws:s3:::nycmg-audio/a${*}/*');
  });

  it('is every database, or those that it names', () => {
    expect(auditedDatabases(parse({}), ['main', 'other'])).toEqual(['main', 'other']);
    expect(auditedDatabases(parse({ databases: { other: {} } }), ['main', 'other'])).toEqual(['other']);
    const config = parse({ rules: [{ ...base, kind: 'notNull', column: 'x', database: 'third' }] });
    expect(auditedDatabases(config, ['main'])).toEqual(['main', 'third']);
  });
});
