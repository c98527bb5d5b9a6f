import { describe, expect, test } from 'vitest';
import { configSchema } from '../config.ts';
import { evaluatePhysical } from './evaluate-physical.ts';
import type {
  CollationFacts,
  InvalidIndex,
  PhysicalFacts,
  PreparedTransactionFacts,
  RoleFacts,
  SequenceFacts,
  SlotFacts,
  UnprovenConstraint,
} from './facts.ts';
import { databaseFacts, physicalFacts, serverFacts } from './physical-fixtures.ts';
import { physicalResource } from './physical-resource.ts';

const now = new Date('2026-03-08T07:00:00Z');
const minuteMs = 60_000;

function evaluate(facts: Partial<PhysicalFacts>, physical: Record<string, unknown> = {}) {
  const config = configSchema.parse({ databases: { main: { physical } } });
  const { findings, unchecked } = evaluatePhysical([physicalFacts(facts)], config, now);
  expect(unchecked).toEqual([]);
  return findings;
}

/** Returns rules with their severities. */
function broken(facts: Partial<PhysicalFacts>, physical: Record<string, unknown> = {}): string[] {
  return evaluate(facts, physical).map(({ rule, severity }) => `${rule} ${severity}`);
}

test('a database that is well breaks no rule, and one that could not be read none either', () => {
  expect(broken({})).toEqual([]);
  expect(broken({ server: undefined, databases: [] })).toEqual([]);
});

describe('corruption', () => {
  test('of an index is told with what PostgreSQL says of it, and with how to rebuild it', () => {
    const corrupt = {
      resource: physicalResource('main', 'index', 'public', 'tracks_pkey'),
      index: { schema: 'public', name: 'tracks"pkey' },
      toastOf: undefined,
      isUnique: true,
      sqlState: 'XX002',
      message: 'item order invariant violated for index "tracks_pkey"',
    };
    const [finding] = evaluate({ corruptIndexes: [corrupt] });
    expect(finding).toMatchObject({ rule: 'index-corrupt', severity: 'high', evidence: { sqlState: 'XX002' } });
    expect(finding?.summary).toContain('item order invariant violated for index "tracks_pkey"');
    expect(finding?.remedy).toContain('REINDEX INDEX CONCURRENTLY "public"."tracks""pkey";');
    expect(finding?.remedy).toContain('duplicates');
    const [ofToast] = evaluate({ corruptIndexes: [{ ...corrupt, toastOf: { schema: 'a', name: 'b' } }] });
    expect(ofToast?.remedy).toContain('REINDEX TABLE CONCURRENTLY "a"."b";');
  });

  test('of a table is critical, and says whether there may be more', () => {
    const resource = physicalResource('main', 'table', 'public', 'tracks');
    const corrupt = { resource, corruptBlocks: 1, isAtLeast: false, firstBlock: 0, message: 'xmin 3 is bad' };
    const [one, more] = evaluate({ corruptHeaps: [corrupt, { ...corrupt, corruptBlocks: 7, isAtLeast: true }] });
    expect(one).toMatchObject({ rule: 'heap-corrupt', severity: 'critical', evidence: { firstBlock: 0 } });
    expect(one?.summary).toBe('1 block is corrupt: xmin 3 is bad.');
    expect(more?.summary).toBe('At least 7 blocks are corrupt: xmin 3 is bad.');
  });
});

describe('an index that is not valid', () => {
  const invalid: InvalidIndex = {
    resource: physicalResource('main', 'index', 'public', 'tracks_title'),
    index: { schema: 'public', name: 'tracks_title' },
    table: { schema: 'public', name: 'tracks' },
    isUnique: false,
    isPartitioned: false,
    isLeftover: false,
    isMaintained: true,
    wouldSeeBuild: true,
  };

  test('is told of, and what REINDEX left behind is the lesser trouble', () => {
    expect(broken({ invalidIndexes: [invalid] })).toEqual(['index-invalid medium']);
    expect(broken({ invalidIndexes: [{ ...invalid, isLeftover: true }] })).toEqual(['index-invalid low']);
  });

  test('may be under construction where that cannot be seen, and the remedy says so', () => {
    const [seen] = evaluate({ invalidIndexes: [invalid] });
    const [unseen] = evaluate({ invalidIndexes: [{ ...invalid, wouldSeeBuild: false }] });
    expect(seen?.remedy).toMatch(/^`DROP INDEX CONCURRENTLY "public"."tracks_title";/);
    expect(unseen?.remedy).toMatch(/^Unless the source of this standby is just building it: `DROP INDEX/);
  });

  test('of a partitioned table lacks a part', () => {
    const [finding] = evaluate({ invalidIndexes: [{ ...invalid, isPartitioned: true }] });
    expect(finding?.remedy).toContain('ATTACH PARTITION');
  });
});

test('a constraint that is not enforced is a lesser trouble than one that is not valid', () => {
  const constraint: UnprovenConstraint = {
    resource: physicalResource('main', 'constraint', 'public', 'tracks', 'positive'),
    on: { schema: 'public', name: 'tracks' },
    name: 'positive',
    isOnDomain: false,
    kind: 'check',
    isEnforced: true,
  };
  expect(broken({ unprovenConstraints: [constraint] })).toEqual(['constraint-not-valid medium']);
  expect(broken({ unprovenConstraints: [{ ...constraint, isEnforced: false }] })).toEqual(['constraint-not-valid low']);
  const [finding] = evaluate({ unprovenConstraints: [{ ...constraint, isOnDomain: true }] });
  expect(finding?.remedy).toContain('ALTER DOMAIN "public"."tracks" VALIDATE CONSTRAINT "positive";');
});

describe('a collation', () => {
  const collation: CollationFacts = {
    resource: physicalResource('main', 'collation', 'public', 'directory'),
    name: 'public.directory',
    isDefault: false,
    recordedVersion: '153.80',
    actualVersion: '153.80',
    indexes: 1,
    partitionedTables: 0,
    examples: ['public.people_name'],
  };

  test('of the same version is well, and so is one that has none', () => {
    expect(broken({ collations: [collation] })).toEqual([]);
    const versionless = { ...collation, recordedVersion: undefined, actualVersion: undefined };
    expect(broken({ collations: [versionless] })).toEqual([]);
  });

  test('of another version has put indexes out of order, and one that lost its version too', () => {
    expect(broken({ collations: [{ ...collation, actualVersion: '154' }] })).toEqual(['collation-changed high']);
    expect(broken({ collations: [{ ...collation, actualVersion: undefined }] })).toEqual(['collation-changed high']);
    const [finding] = evaluate({ collations: [{ ...collation, actualVersion: '154', partitionedTables: 2 }] });
    expect(finding?.summary).toBe(
      'It is of version 154 now, and was of 153.80 when it ordered 1 index and 2 partitioned tables.',
    );
  });
});

describe('checksums', () => {
  test('that are off are told of, but not on Aurora, whose storage has its own', () => {
    expect(broken({ server: serverFacts({ hasChecksums: false }) })).toEqual(['checksums-off medium']);
    expect(broken({ server: serverFacts({ hasChecksums: false, isAurora: true }) })).toEqual([]);
  });

  test('that were wrong once are critical; without any there are none to be wrong', () => {
    const lastChecksumFailureAt = new Date('2026-03-07T01:02:03Z');
    const facts = { databases: [databaseFacts({ checksumFailures: 1, lastChecksumFailureAt })] };
    expect(broken(facts)).toEqual(['checksum-failure critical']);
    expect(evaluate(facts)[0]?.summary).toBe(
      'The server has met pages with wrong checksums once, last at 2026-03-07T01:02:03.000Z.',
    );
    expect(broken({ databases: [databaseFacts({ checksumFailures: undefined })] })).toEqual([]);
  });
});

describe('a sequence', () => {
  const serial: SequenceFacts = {
    resource: physicalResource('main', 'sequence', 'public', 'tracks_id_seq'),
    value: '1',
    isUsed: true,
    minimum: '1',
    maximum: '9223372036854775807',
    increment: '1',
    isCycling: false,
    columns: [],
  };
  const sequence = (given: Partial<SequenceFacts>) => broken({ sequences: [{ ...serial, ...given }] });
  const hundred = { maximum: '100' };

  test('is told of from the share on that the configuration names', () => {
    expect(sequence({ ...hundred, value: '74' })).toEqual([]);
    expect(sequence({ ...hundred, value: '75' })).toEqual(['sequence-exhaustion medium']);
    expect(sequence({ ...hundred, value: '89' })).toEqual(['sequence-exhaustion medium']);
    expect(sequence({ ...hundred, value: '90' })).toEqual(['sequence-exhaustion high']);
    expect(sequence({ ...hundred, value: '99' })).toEqual(['sequence-exhaustion high']);
    expect(sequence({ ...hundred, value: '100' })).toEqual(['sequence-exhaustion critical']);
    expect(broken({ sequences: [{ ...serial, ...hundred, value: '99' }] }, { sequenceUsedPercent: 100 })).toEqual([]);
  });

  test('that has not begun has used nothing, wherever it stands', () => {
    expect(sequence({ value: '1', isUsed: false, maximum: '1' })).toEqual([]);
    expect(sequence({ ...hundred, value: '100', isUsed: false })).toEqual(['sequence-exhaustion high']);
    expect(sequence({ ...hundred, value: '50', isUsed: false })).toEqual([]);
  });

  test('ends where its steps end', () => {
    expect(sequence({ maximum: '10', increment: '4', value: '9' })).toEqual(['sequence-exhaustion critical']);
    expect(sequence({ maximum: '13', increment: '4', value: '9' })).toEqual(['sequence-exhaustion medium']);
  });

  test('that counts down ends at its minimum', () => {
    const down = { increment: '-1', minimum: '-100', maximum: '-1' };
    expect(sequence({ ...down, value: '-74' })).toEqual([]);
    expect(sequence({ ...down, value: '-75' })).toEqual(['sequence-exhaustion medium']);
    expect(sequence({ ...down, value: '-100' })).toEqual(['sequence-exhaustion critical']);
  });

  test('from the lowest number on has twice as many', () => {
    const all = { minimum: '-2147483648', maximum: '2147483647' };
    expect(sequence({ ...all, value: '1000000000' })).toEqual([]);
    expect(sequence({ ...all, value: '1073741824' })).toEqual(['sequence-exhaustion medium']);
  });

  test('ends with the narrowest column that it fills', () => {
    const columns = [
      { column: 'public.tracks.id', type: 'bigint' },
      { column: 'public.plays.track_id', type: 'integer' },
      { column: 'public.labels.text', type: 'text' },
    ];
    expect(sequence({ columns, value: '1610612734' })).toEqual([]);
    expect(sequence({ columns, value: '1610612736' })).toEqual(['sequence-exhaustion medium']);
    expect(sequence({ columns, value: '2147483647' })).toEqual(['sequence-exhaustion critical']);
    expect(sequence({ columns, value: '9223372036854775807' })).toEqual(['sequence-exhaustion critical']);
    const [finding] = evaluate({ sequences: [{ ...serial, columns, value: '2147483646' }] });
    expect(finding?.summary).toBe(
      'It has used 99.99 % of what the integer column public.plays.track_id can hold; 1 to go.',
    );
  });

  test('that counts down ends with the column too', () => {
    const columns = [{ column: 'public.tracks.id', type: 'smallint' }];
    const down = { increment: '-1', minimum: '-9223372036854775808', maximum: '-1', columns };
    expect(sequence({ ...down, value: '-32768' })).toEqual(['sequence-exhaustion critical']);
    expect(sequence({ ...down, value: '-20000' })).toEqual([]);
  });

  test('that begins anew at its end never ends, unless a column ends before', () => {
    expect(sequence({ ...hundred, value: '100', isCycling: true })).toEqual([]);
    const columns = [{ column: 'public.tracks.id', type: 'smallint' }];
    expect(sequence({ columns, value: '32767', isCycling: true })).toEqual(['sequence-exhaustion critical']);
    expect(sequence({ columns, value: '30', maximum: '32', isCycling: true })).toEqual([]);
  });

  test('that begins beyond what its column can hold is of no use at all', () => {
    const columns = [{ column: 'public.tracks.id', type: 'smallint' }];
    expect(sequence({ columns, minimum: '100000', value: '100000', isUsed: false })).toEqual([
      'sequence-exhaustion critical',
    ]);
  });

  test('keeps its exact numbers', () => {
    const value = '9223372036854775806';
    const [finding] = evaluate({ sequences: [{ ...serial, value }] });
    expect(finding?.evidence).toMatchObject({ lastValue: value, valuesLeft: '1', usedPercent: 99.99 });
  });
});

describe('a database whose rows are old', () => {
  const old = (transactionAge: number) => broken({ databases: [databaseFacts({ transactionAge })] });
  const locked = (multixactAge: number) => broken({ databases: [databaseFacts({ multixactAge })] });

  test('is told of from the age on that the configuration names, and pages where PostgreSQL makes haste', () => {
    expect(old(999_999_999)).toEqual([]);
    expect(old(1_000_000_000)).toEqual(['transaction-wraparound high']);
    expect(old(1_599_999_999)).toEqual(['transaction-wraparound high']);
    expect(old(1_600_000_000)).toEqual(['transaction-wraparound critical']);
    expect(old(2_147_483_647)).toEqual(['transaction-wraparound critical']);
  });

  test('has multixacts that age on their own', () => {
    expect(locked(999_999_999)).toEqual([]);
    expect(locked(1_000_000_000)).toEqual(['multixact-wraparound high']);
    expect(locked(1_600_000_000)).toEqual(['multixact-wraparound critical']);
  });

  test('is told with what is left, and with its oldest tables', () => {
    const [finding] = evaluate({
      databases: [databaseFacts({ transactionAge: 1_200_000_000, oldestTables: ['listens', 'plays (TOAST)'] })],
    });
    expect(finding?.summary).toBe(
      'Its oldest rows are 1,200 million transactions old; the whole cluster stops writing in 944 million more.',
    );
    expect(finding?.evidence).toEqual({
      age: 1_200_000_000,
      transactionsLeft: 944_000_000,
      oldestTables: ['listens', 'plays (TOAST)'],
    });
  });
});

describe('a prepared transaction', () => {
  const prepared = (minutes: number): PreparedTransactionFacts => ({
    resource: physicalResource('main', 'prepared-transaction', "payout's"),
    gid: "payout's",
    database: 'nycmg',
    owner: 'payouts',
    preparedAt: new Date(now.getTime() - minutes * minuteMs),
    transactionAge: 12,
  });

  test('is forgotten after the time that the configuration names', () => {
    expect(broken({ preparedTransactions: [prepared(59.9)] })).toEqual([]);
    expect(broken({ preparedTransactions: [prepared(60)] })).toEqual(['prepared-transaction-forgotten high']);
    const [finding] = evaluate({ preparedTransactions: [prepared(60)] });
    expect(finding?.remedy).toContain("ROLLBACK PREPARED 'payout''s';");
  });

  test('of a clock that is ahead is not forgotten, unless there is to be none at all', () => {
    expect(broken({ preparedTransactions: [prepared(-5)] })).toEqual([]);
    expect(broken({ preparedTransactions: [prepared(-5)] }, { preparedTransactionMinutes: 0 })).toEqual([
      'prepared-transaction-forgotten high',
    ]);
  });
});

describe('a replication slot', () => {
  const healthy: SlotFacts = {
    resource: physicalResource('main', 'slot', 'replica'),
    name: 'replica',
    kind: 'physical',
    database: undefined,
    isTemporary: false,
    isActive: true,
    isSynced: false,
    retainedBytes: 1024,
    transactionAge: undefined,
    walStatus: 'reserved',
    invalidationReason: undefined,
    inactiveSince: undefined,
  };
  const slot = (given: Partial<SlotFacts>) => broken({ slots: [{ ...healthy, ...given }] });
  const ago = (minutes: number) => new Date(now.getTime() - minutes * minuteMs);

  test('that is read from and keeps up is well', () => {
    expect(slot({})).toEqual([]);
  });

  test('that keeps more log than allowed is behind, whether it is read from or not', () => {
    const limit = 10_240 * 1024 ** 2;
    expect(slot({ retainedBytes: limit })).toEqual([]);
    expect(slot({ retainedBytes: limit + 1 })).toEqual(['replication-slot-behind high']);
    expect(slot({ retainedBytes: limit + 1, isActive: false })).toEqual(['replication-slot-behind high']);
  });

  test('that nobody reads from for long is told of, unless it keeps nothing', () => {
    expect(slot({ isActive: false, inactiveSince: ago(1_439) })).toEqual([]);
    expect(slot({ isActive: false, inactiveSince: ago(1_440) })).toEqual(['replication-slot-behind medium']);
    const unreserved = { isActive: false, inactiveSince: ago(9_000), retainedBytes: undefined };
    expect(slot({ ...unreserved, walStatus: undefined })).toEqual([]);
    expect(slot({ ...unreserved, transactionAge: 3 })).toEqual(['replication-slot-behind medium']);
  });

  test('that is never read from by its nature is not held to be forgotten', () => {
    const idle = { isActive: false, inactiveSince: ago(9_000) };
    expect(slot({ ...idle, isSynced: true })).toEqual([]);
    expect(slot({ ...idle, isTemporary: true })).toEqual([]);
    // Before PostgreSQL 17 nobody knows since when.
    expect(slot({ isActive: false })).toEqual([]);
  });

  test('that keeps old rows is behind', () => {
    expect(slot({ transactionAge: 999_999_999 })).toEqual([]);
    expect(slot({ transactionAge: 1_000_000_000 })).toEqual(['replication-slot-behind high']);
  });

  test('that has lost what its reader needs is told of once, as that', () => {
    expect(slot({ walStatus: 'unreserved' })).toEqual(['replication-slot-behind high']);
    const lost = { isActive: false, inactiveSince: ago(9_000), walStatus: 'lost', invalidationReason: 'wal_removed' };
    expect(slot(lost)).toEqual(['replication-slot-behind high']);
    expect(evaluate({ slots: [{ ...healthy, ...lost }] })[0]?.summary).toBe(
      'What its reader needs has been removed (wal_removed): it can never catch up.',
    );
  });
});

describe('the role that audits', () => {
  const reader: RoleFacts = {
    resource: physicalResource('main', 'database', 'nycmg'),
    name: 'caretaker',
    isSuperuser: false,
    attributes: [],
    memberships: [],
    writableTables: 0,
    writableTableExamples: [],
    schemasToCreateIn: [],
    mayCreateSchemas: false,
  };
  const role = (given: Partial<RoleFacts>) => evaluate({ role: { ...reader, ...given } }).map(({ summary }) => summary);

  test('and may only read is well', () => {
    expect(role({})).toEqual([]);
  });

  test.each([
    [{ isSuperuser: true }, 'is a superuser'],
    [{ memberships: ['pg_write_all_data'] }, 'is a member of pg_write_all_data'],
    [{ attributes: ['CREATEROLE'] }, 'has CREATEROLE'],
    [{ writableTables: 2, writableTableExamples: ['a.b', 'a.c'] }, 'may change 2 tables'],
    [{ schemasToCreateIn: ['public'] }, 'may create in the schema public'],
    [{ mayCreateSchemas: true }, 'may create schemas'],
  ] satisfies [Partial<RoleFacts>, string][])('and has %o is told of', (given, right) => {
    expect(role(given)).toEqual([`The role that audits it, caretaker, ${right}.`]);
  });
});

describe('what belongs to a whole cluster', () => {
  const config = configSchema.parse({});
  const slot = {
    resource: physicalResource('main', 'slot', 'replica'),
    name: 'replica',
    kind: 'physical',
    isTemporary: false,
    isActive: true,
    isSynced: false,
    walStatus: 'lost',
    retainedBytes: undefined,
    transactionAge: undefined,
    invalidationReason: undefined,
    inactiveSince: undefined,
    database: undefined,
  } satisfies SlotFacts;
  const seenFrom = (name: string, database: string, clusterId: string | undefined) =>
    physicalFacts({
      database: name,
      server: serverFacts({ database, clusterId }),
      databases: ['nycmg', 'other', 'template1'].map((each) =>
        databaseFacts({
          resource: physicalResource(name, 'database', each),
          name: each,
          transactionAge: 1_000_000_000,
        }),
      ),
      slots: [{ ...slot, resource: physicalResource(name, 'slot', 'replica') }],
    });
  const told = (...facts: PhysicalFacts[]) =>
    evaluatePhysical(facts, config, now)
      .findings.map(({ resource }) => resource.id)
      .sort();

  test('is told once, however many of its databases are looked at', () => {
    expect(told(seenFrom('main', 'nycmg', '1'), seenFrom('second', 'other', '1'))).toEqual([
      'postgres://main/database/nycmg',
      'postgres://main/database/template1',
      'postgres://main/slot/replica',
      'postgres://second/database/other',
    ]);
  });

  test('is told of a replica too where it is its own, and of the source where a replica does not see it', () => {
    const source = seenFrom('main', 'nycmg', '1');
    const replica = seenFrom('replica', 'nycmg', '1');
    const started = { ...replica, server: serverFacts({ clusterId: '1', database: 'nycmg', startedAtMs: 2_000 }) };
    const slots = (...facts: PhysicalFacts[]) => told(...facts).filter((id) => id.includes('/slot/'));
    expect(slots(source, started)).toEqual(['postgres://main/slot/replica', 'postgres://replica/slot/replica']);
    const prepared = {
      resource: physicalResource('main', 'prepared-transaction', 'x'),
      gid: 'x',
      database: 'billing',
      owner: 'billing',
      preparedAt: new Date(0),
      transactionAge: 1,
    };
    expect(told({ ...started, slots: [] }, { ...source, preparedTransactions: [prepared] })).toContain(
      'postgres://main/prepared-transaction/x',
    );
  });

  test('is told of each cluster, and of all that cannot be told apart', () => {
    expect(told(seenFrom('main', 'nycmg', '1'), seenFrom('second', 'other', '2'))).toHaveLength(8);
    expect(told(seenFrom('main', 'nycmg', undefined), seenFrom('second', 'other', undefined))).toHaveLength(8);
  });
});

test('two names of which one has a dot are two resources', () => {
  expect(physicalResource('main', 'table', 'a.b', 'c').id).not.toBe(physicalResource('main', 'table', 'a', 'b.c').id);
});
