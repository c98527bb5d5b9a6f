import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { databasesSchema, forTask, readConnection } from './databases.ts';
import { defineTask } from './task.ts';

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const iam = { host: 'db.nycmg.example', database: 'nycmg', user: 'caretaker', iam: true };

function faults(main: unknown): string[] {
  const { error } = databasesSchema.safeParse({ main });
  return (error?.issues ?? []).map(({ message }) => message);
}

describe('a database', () => {
  test('is reached over TLS that is verified, on the usual port, unless something else is said', () => {
    expect(databasesSchema.parse({ main: { secretId: 'prod/main' }, other: iam })).toEqual({
      main: { secretId: 'prod/main', tls: 'verify' },
      other: { ...iam, port: 5432, tls: 'verify' },
    });
    const given = { ...iam, port: 6432, tls: 'off', trustedCertificates: [pem] };
    expect(databasesSchema.parse({ other: given })).toEqual({ other: given });
  });

  test('has a connection string as it was written', () => {
    for (const url of ['postgres://u:p@h:1/d?sslmode=verify-full', 'postgresql://localhost/nycmg']) {
      expect(databasesSchema.parse({ local: { url } })).toEqual({ local: { url } });
    }
  });

  test('has a replica and a writer of any form, but no replica of a replica', () => {
    const replica = { url: 'postgres://replica/nycmg' };
    const parsed = databasesSchema.parse({ main: { ...iam, replica, writer: { secretId: 'prod/writer' } } });
    expect(parsed.main).toMatchObject({ replica, writer: { secretId: 'prod/writer', tls: 'verify' } });
    expect(faults({ ...replica, replica: { ...replica, replica } })).not.toEqual([]);
  });

  test.each([
    [{}],
    [null],
    ['postgres://localhost/nycmg'],
    [{ secretId: '' }],
    [{ secretId: 'x', url: 'postgres://localhost/x' }],
    [{ secretId: 'x', tls: 'require' }],
    [{ secretId: 'x', trustedCertificates: [] }],
    [{ secretId: 'x', trustedCertificates: ['/etc/ssl/ca.pem'] }],
    [{ ...iam, iam: false }],
    [{ ...iam, password: 'geheim' }],
    [{ ...iam, port: 0 }],
    [{ ...iam, port: 65_536 }],
    [{ ...iam, host: '' }],
    [{ ...iam, user: undefined }],
    [{ url: 'mysql://root:geheim@localhost/nycmg' }],
    [{ url: 'postgres://' }],
    [{ url: 'postgres://localhost/nycmg', tls: 'off' }],
  ])('is refused, with nothing of a password that is in it: %j', (main) => {
    expect(faults(main)).not.toEqual([]);
    expect(faults(main).join()).not.toContain('geheim');
  });

  test('is refused with the forms that there are, where none is near', () => {
    expect(faults({})).toEqual([
      'one of { secretId }, { host, port, database, user, iam: true } or { url }, each with an optional replica and writer',
    ]);
  });

  test.each(['Main', 'main_db', '1st', '', 'a.b'])('is not named %j', (name) => {
    expect(databasesSchema.safeParse({ [name]: { secretId: 'x' } }).success).toBe(false);
  });
});

describe('a database that is read', () => {
  const { main, other } = databasesSchema.parse({
    main: { secretId: 'main', replica: { url: 'postgres://replica/x' }, writer: { secretId: 'writer' } },
    other: { secretId: 'other', writer: { secretId: 'writer' } },
  });

  test('is read at its replica, where it has one', () => {
    expect(main && readConnection(main)).toEqual({ url: 'postgres://replica/x' });
    expect(other && readConnection(other)).toMatchObject({ secretId: 'other' });
  });

  const taskThat = (reads: readonly string[], writes: readonly string[]) =>
    defineTask({
      id: 'sweep',
      title: 'Sweep',
      schedule: 'rate(1 day)',
      timeoutSeconds: 60,
      memoryMiB: 128,
      permissions: [],
      rules: [],
      config: z.unknown(),
      databases: () => reads,
      writes: () => writes,
    });
  const both = { ...(main && { main }), ...(other && { other }) };

  test('is told of, to a task that does not write to it, without who may', () => {
    const read = forTask(taskThat(['main', 'other'], []), {}, both);
    expect(read).toEqual({ main: { url: 'postgres://replica/x' }, other: { secretId: 'other', tls: 'verify' } });
    expect(databasesSchema.parse(read)).toEqual(read);
  });

  test('is told of with its writer to a task that writes to it, and one that is not read not at all', () => {
    const writer = { secretId: 'writer', tls: 'verify' };
    const written = forTask(taskThat(['main'], ['main', 'other']), {}, both);
    expect(written).toEqual({ main: { url: 'postgres://replica/x', writer } });
    expect(databasesSchema.parse(written)).toEqual(written);
    expect(forTask(taskThat(['main', 'other'], ['other']), {}, both)).toMatchObject({
      main: { url: 'postgres://replica/x' },
      other: { writer },
    });
  });

  test('is told of without a writer where there is none', () => {
    const read = { metrics: { url: 'postgres://metrics/x' } };
    expect(forTask(taskThat(['metrics'], ['metrics']), {}, read)).toEqual(read);
  });
});
