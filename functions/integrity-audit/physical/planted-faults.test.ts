import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  auditRole,
  type PhysicalCase,
  physicalServer,
  physicalSettings,
  plantPhysicalFaults,
} from '../../../sandbox/estate/integrity-physical.ts';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { auditPhysical } from './physical-fixtures.ts';

let server: PostgresServer;
let client: pg.Client;
let auditorUrl: string;
let cases: PhysicalCase[];

beforeAll(async () => {
  server = await startPostgres(physicalServer);
  client = new pg.Client(server.url);
  await client.connect();
  for (const statement of auditRole('caretaker_audit', 'secret')) await client.query(statement);
  cases = await plantPhysicalFaults(client, { database: 'main', role: 'caretaker_audit' });
  const url = new URL(server.url);
  url.username = 'caretaker_audit';
  url.password = 'secret';
  auditorUrl = url.href;
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

test('all faults that were planted are found, nothing else, and everything was looked at', async () => {
  const { findings, unchecked, coverage } = await auditPhysical(auditorUrl, physicalSettings);
  const planted = cases.flatMap(({ resourceId, findings: expected }) =>
    expected.map(({ rule, severity }) => `${resourceId} ${rule} ${severity}`),
  );
  expect(findings.map(({ resource, rule, severity }) => `${resource.id} ${rule} ${severity}`).sort()).toEqual(
    planted.sort(),
  );
  expect(unchecked).toEqual([]);
  expect(coverage.unchecked).toEqual([]);
});

test('the lightest check of indexes keeps to them, and does not see what only their tables can tell', async () => {
  const physical = { ...physicalSettings.physical, indexes: 'index' };
  const { findings, coverage } = await auditPhysical(auditorUrl, { physical });
  const corrupt = findings.filter(({ rule }) => rule === 'index-corrupt').map(({ resource }) => resource.name);
  expect(corrupt.sort()).toEqual(['public.isrcs_isrc', 'public.plays_number']);
  expect(coverage.unchecked).toEqual([]);
});

test('the heaviest check of indexes finds all that the others find', async () => {
  const physical = { ...physicalSettings.physical, indexes: 'parent' };
  const { findings, coverage } = await auditPhysical(auditorUrl, { physical });
  const corrupt = findings.filter(({ rule }) => rule === 'index-corrupt').map(({ resource }) => resource.name);
  expect(corrupt.sort()).toEqual(['public.isrcs_isrc', 'public.plays_number', 'public.plays_rounded']);
  expect(coverage.unchecked).toEqual([]);
});

test('files are left alone where the configuration says so, and housekeeping is looked at all the same', async () => {
  const physical = { ...physicalSettings.physical, indexes: 'off', heaps: false };
  const { findings, coverage } = await auditPhysical(auditorUrl, { physical });
  const rules = new Set(findings.map(({ rule }) => rule));
  expect(rules).not.toContain('index-corrupt');
  expect(rules).not.toContain('heap-corrupt');
  expect(rules).toContain('index-invalid');
  expect(coverage.byType['postgres-table']).toBeUndefined();
  expect(coverage.unchecked).toEqual([]);
});

test('the limits are those of the configuration', async () => {
  const physical = {
    sequenceUsedPercent: 95,
    wraparoundAgeMillions: 1_500,
    preparedTransactionMinutes: 60,
    slotInactiveMinutes: 60,
  };
  const { findings } = await auditPhysical(auditorUrl, { physical });
  const rules = findings.map(({ rule, resource }) => `${rule} ${resource.name}`);
  expect(rules).toContain('sequence-exhaustion public.seats_id_seq');
  expect(rules).not.toContain('sequence-exhaustion public.ticket_ids');
  expect(rules).not.toContain('transaction-wraparound postgres');
  expect(rules).toContain('multixact-wraparound postgres');
  expect(rules).not.toContain('prepared-transaction-forgotten payout-7');
  expect(rules).not.toContain('replication-slot-behind old_replica');
});

test('a slot is told of by what it keeps, too', async () => {
  await client.query("select pg_switch_wal(), pg_logical_emit_message(false, 'test', repeat('x', 100000))");
  const physical = { slotRetainedMebibytes: 0 };
  const { findings } = await auditPhysical(auditorUrl, { physical });
  expect(findings.find(({ rule }) => rule === 'replication-slot-behind')).toMatchObject({
    severity: 'high',
    resource: { id: 'postgres://main/slot/old_replica' },
  });
});

test('pages without checksums are told of', async () => {
  const bare = await startPostgres({ checksums: false });
  try {
    const { findings } = await auditPhysical(bare.url);
    expect(findings.map(({ rule, resource }) => `${rule} ${resource.id}`).sort()).toEqual([
      'audit-role-can-write postgres://main/database/postgres',
      'checksums-off postgres://main/database/postgres',
    ]);
  } finally {
    await bare.stop();
  }
});
