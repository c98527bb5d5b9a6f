import { expect, test } from 'vitest';
import type { TableFacts } from '../../shared/postgres/catalog.ts';
import { databaseSettingsSchema } from './config.ts';
import { formatSample, sampleColumns, sampleOf } from './samples.ts';

function table(primaryKey: readonly string[], columns = ['id', 'email', 'city', 'phone']): TableFacts {
  const facts = { type: 'text', typeCategory: 'S', isNotNull: false, isReadable: true };
  return {
    schema: 'public',
    name: 'users',
    oid: 1,
    columns: new Map(columns.map((name) => [name, { name, ...facts }])),
    primaryKey,
    estimatedRows: 10,
    estimatedBytes: 8192,
  };
}

const settings = (users: object) => databaseSettingsSchema.parse({ tables: { users } });
const row = { id: 12, email: 'ana@nycmg.example', city: 'Queens', phone: '212' };

test('a sample is the primary key, and nothing else of the row', () => {
  expect(sampleOf(row, sampleColumns(table(['id']), settings({})))).toEqual({ id: '12' });
});

test('columns that are marked safe are shown beside the key', () => {
  const columns = sampleColumns(table(['id']), settings({ safeColumns: ['city', 'id'] }));
  expect(sampleOf(row, columns)).toEqual({ id: '12', city: 'Queens' });
});

test('a personal column is masked, as a key too, and also when it is marked safe', () => {
  const columns = sampleColumns(
    table([]),
    settings({ key: ['email'], safeColumns: ['phone', 'city'], personalColumns: ['email', 'phone'] }),
  );
  expect(sampleOf(row, columns)).toEqual({ email: '***', phone: '***', city: 'Queens' });
});

test('nothing is shown of a table without a key', () => {
  expect(sampleColumns(table([]), settings({ safeColumns: ['city'] })).columns).toEqual([]);
});

test('settings are found whether or not the table is written with its schema', () => {
  for (const name of ['users', 'public.users']) {
    const given = databaseSettingsSchema.parse({ tables: { [name]: { safeColumns: ['city'] } } });
    expect(sampleColumns(table(['id']), given).columns).toEqual(['id', 'city']);
  }
  const other = databaseSettingsSchema.parse({ tables: { 'private.users': { safeColumns: ['city'] } } });
  expect(sampleColumns(table(['id']), other).columns).toEqual(['id']);
});

test('a column that the table no longer has is left out', () => {
  expect(sampleColumns(table(['id']), settings({ safeColumns: ['gone'] })).columns).toEqual(['id']);
});

test('nulls are told from texts, and long values are cut off', () => {
  const columns = { columns: ['a', 'b', 'c'], masked: new Set(['c']) };
  const sample = sampleOf({ a: null, b: 'x'.repeat(200), c: null }, columns);
  expect(sample).toEqual({ a: null, b: 'x'.repeat(100), c: null });
  expect(formatSample({ a: null, b: 'x' })).toBe('a=null, b=x');
});
