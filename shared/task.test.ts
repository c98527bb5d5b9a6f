import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { databasesFor, defineTask, unknownDatabases } from './task.ts';

const common = {
  id: 'sample',
  title: 'Sample',
  schedule: 'rate(1 day)',
  timeoutSeconds: 10,
  memoryMiB: 128,
  permissions: [],
  rules: [],
  config: z.strictObject({}),
} as const;

const configured = { main: 1, other: 2 };
const reading = (...names: string[]) => defineTask({ ...common, databases: () => names });

describe('the databases of a task', () => {
  test('are none unless its definition says so', () => {
    expect(databasesFor(defineTask(common), {}, configured)).toEqual({});
    expect(unknownDatabases(defineTask(common), {}, configured)).toEqual([]);
  });

  test('are those that it names, of those that are configured', () => {
    expect(databasesFor(reading('other', 'absent', 'other'), {}, configured)).toEqual({ other: 2 });
    expect(databasesFor(reading('toString', 'constructor'), {}, configured)).toEqual({});
  });

  test('follow from its configuration and from the names that there are', () => {
    const definition = defineTask({
      ...common,
      databases: (config, names) => (config === 'all' ? names : names.filter((name) => name === config)),
    });
    expect(databasesFor(definition, 'all', configured)).toEqual(configured);
    expect(databasesFor(definition, 'main', configured)).toEqual({ main: 1 });
    expect(unknownDatabases(definition, 'all', configured)).toEqual([]);
  });

  test('are told of once each where they are not configured, with those that are', () => {
    expect(unknownDatabases(reading('absent', 'main', 'absent', 'toString'), {}, configured)).toEqual([
      'names the database absent; under databases there is main, other',
      'names the database toString; under databases there is main, other',
    ]);
    expect(unknownDatabases(reading('main'), {}, {})).toEqual([
      'names the database main; under databases there is none',
    ]);
  });
});
