import { describe, expect, it } from 'vitest';
import { ConfigError, parseOrThrow } from '../shared/config-error.ts';
import { configurationSchema } from './schema.ts';

function faultsOf(input: unknown): string[] {
  try {
    parseOrThrow(configurationSchema, input, 'file');
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path }) => path);
    throw error;
  }
  return [];
}

const estate = { name: 'nycmg' };

describe('a configuration', () => {
  it('needs nothing but the estate’s name: tasks that are not named run with their defaults', () => {
    const { tasks, alerts } = configurationSchema.parse({ estate });
    expect(tasks['certificate-expiry']).toMatchObject({
      enabled: true,
      schedule: 'cron(0 6 * * ? *)',
      config: { sources: ['acm', 'iam', 'rds', 'endpoints'], endpoints: [] },
    });
    expect(alerts).toEqual({ email: [], sms: [] });
  });

  it('can switch a task off and move its schedule', () => {
    const { tasks } = configurationSchema.parse({
      estate,
      tasks: { 'certificate-expiry': { enabled: false, schedule: 'rate(2 days)' } },
    });
    expect(tasks['certificate-expiry']).toMatchObject({ enabled: false, schedule: 'rate(2 days)' });
  });

  it('accepts the three ways to name a database, each with a replica', () => {
    const databases = {
      main: { secretId: 'prod/main', replica: { secretId: 'prod/replica' } },
      iam: { host: 'db', database: 'nycmg', user: 'caretaker', iam: true },
      local: { url: 'postgres://localhost/nycmg' },
    };
    expect(Object.keys(configurationSchema.parse({ estate, databases }).databases)).toEqual(['main', 'iam', 'local']);
  });

  it('has every database that an enabled task names', () => {
    const rule = { id: 'titles', kind: 'notNull', table: 'tracks', column: 'title', database: 'absent' };
    const databases = { main: { secretId: 'prod/main' } };
    const audit = (settings: object) => ({ estate, databases, tasks: { 'integrity-audit': settings } });
    expect(faultsOf(audit({ rules: [rule] }))).toEqual(['tasks.integrity-audit']);
    expect(faultsOf(audit({ databases: { absent: {} } }))).toEqual(['tasks.integrity-audit']);
    expect(faultsOf(audit({ rules: [rule], enabled: false }))).toEqual([]);
    expect(faultsOf(audit({ rules: [{ ...rule, database: 'main' }] }))).toEqual([]);
    expect(faultsOf({ estate })).toEqual([]);
  });

  it.each([
    ['the prefix of archives', 'archives/', true],
    ['one archive of them', 'archives/listens/', true],
    ['all of the bucket', '', true],
    ['a prefix beside them', 'exports/', false],
  ])('lets no policy take %s', (_, prefix, isRefused) => {
    const purging = (policy: object, enabled = true) => ({
      estate,
      tasks: {
        'data-archival': { destination: { bucket: 'kept' }, enabled: false },
        'data-purge': {
          enabled,
          policies: [{ id: 'old', kind: 'objects', bucket: 'kept', prefix, olderThanDays: 9, ...policy }],
        },
      },
    });
    const path = isRefused ? ['tasks.data-purge.policies[0]'] : [];
    expect(faultsOf(purging({ what: 'current' }))).toEqual(path);
    expect(faultsOf(purging({ what: 'noncurrent' }))).toEqual(path);
    expect(faultsOf(purging({ what: 'current' }, false))).toEqual([]);
    expect(faultsOf(purging({ what: 'current', bucket: 'another' }))).toEqual([]);
    expect(faultsOf(purging({ what: 'uploads' }))).toEqual([]);
  });

  it('is refused with the path of every fault at once, also of those that show only together', () => {
    expect(
      faultsOf({
        estate: { name: 'NYC MG', timeZone: 'Mars/Base', regions: ['us-east-1', 'us-east-1'], foo: 1 },
        alerts: { email: ['nobody'], sms: ['123'] },
        databases: { 'Main DB': { secretId: 'x' }, other: { host: 'y' } },
        tasks: {
          'certificate-expiry': {
            schedule: 'cron(99 6 * * ? *)',
            enabled: 'yes',
            warnDays: 5,
            criticalDays: 9,
            endpoints: [{ host: 'a.example' }, { host: 'A.example', port: 443 }, { host: 'b', port: 0 }],
            bogus: 1,
          },
          'certficate-expiry': {},
        },
      }).sort(),
    ).toEqual(
      [
        'alerts.email[0]',
        'alerts.sms[0]',
        'databases.Main DB',
        'databases.other',
        'estate.foo',
        'estate.name',
        'estate.regions',
        'estate.timeZone',
        'tasks.certficate-expiry',
        'tasks.certificate-expiry.bogus',
        'tasks.certificate-expiry.criticalDays',
        'tasks.certificate-expiry.enabled',
        'tasks.certificate-expiry.endpoints[1]',
        'tasks.certificate-expiry.endpoints[2].port',
        'tasks.certificate-expiry.schedule',
      ].sort(),
    );
  });

  it.each([[null], ['text'], [[]], [{ estate, tasks: { 'certificate-expiry': null } }], [{ estate, tasks: [] }]])(
    'is refused, not crashed on: %j',
    (input) => expect(faultsOf(input).length).toBeGreaterThan(0),
  );
});
