import { type Client, DatabaseError, escapeIdentifier, escapeLiteral } from 'pg';
import type * as z from 'zod';
import type { databaseSettingsSchema } from '../../functions/integrity-audit/config.ts';
import type { task } from '../../functions/integrity-audit/task.ts';
import type { RuleOf } from '../../shared/task.ts';
import type { PostgresOptions } from '../postgres/start-postgres.ts';
import type { PlantedCase } from './planted-case.ts';

type RuleId = RuleOf<typeof task>;

/** A fault of a database itself, or something of the kind that is well. */
export interface PhysicalCase extends PlantedCase<readonly Statement[], RuleId> {
  /** What plants it, as a superuser, one after the other. */
  readonly resource: readonly Statement[];
}

/** Some of what leads to a fault fails on its way, as it does in life: the SQLSTATE that it must fail with. */
export type Statement = string | { readonly sql: string; readonly failsWith: string };

/**
 * The server to plant them on. One of its own: transaction ids, prepared transactions and replication slots are those of a whole cluster,
 * and vacuum would find some of the faults, and stumble over others.
 */
export const physicalServer: PostgresOptions = { settings: { max_prepared_transactions: 5, autovacuum: 'off' } };

/** The settings of the database under which these faults are found: what was planted a moment ago has not been forgotten for an hour. */
export const physicalSettings = {
  physical: { indexes: 'heapallindexed', preparedTransactionMinutes: 0, slotInactiveMinutes: 0 },
} satisfies z.input<typeof databaseSettingsSchema>;

/** Returns what makes a role that can audit a database, and nothing else. */
export function auditRole(name: string, password: string): string[] {
  const role = escapeIdentifier(name);
  return [
    'create extension if not exists amcheck',
    `create role ${role} login password ${escapeLiteral(password)}`,
    `grant pg_read_all_data, pg_monitor to ${role}`,
    `grant execute on function bt_index_check(regclass, boolean, boolean) to ${role}`,
    `grant execute on function bt_index_parent_check(regclass, boolean, boolean, boolean) to ${role}`,
    `grant execute on function gin_index_check(regclass) to ${role}`,
    `grant execute on function verify_heapam(regclass, boolean, boolean, text, bigint, bigint) to ${role}`,
  ];
}

/**
 * Plants every fault that rules on databases themselves look for, but for checksums that are off, and returns what an audit must find.
 *
 * @param client connected to the database as a superuser.
 * @param options.database what the configuration calls that database.
 * @param options.role the role that audits it; it is given a right that it must not have.
 */
export async function plantPhysicalFaults(
  client: Client,
  options: { readonly database: string; readonly role: string },
): Promise<PhysicalCase[]> {
  const { rows } = await client.query<{ name: string }>('select current_database() as name');
  const cases = physicalCases({ ...options, databaseName: rows[0]?.name ?? '' });
  for (const { resource } of cases) for (const statement of resource) await run(client, statement);
  return cases;
}

async function run(client: Client, statement: Statement): Promise<void> {
  if (typeof statement === 'string') {
    await client.query(statement);
    return;
  }
  try {
    await client.query(statement.sql);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === statement.failsWith) return;
    throw error;
  }
  throw new Error(`${statement.sql} was to fail with ${statement.failsWith}, and did not`);
}

interface Place {
  readonly database: string;
  readonly role: string;
  /** What the server calls it. */
  readonly databaseName: string;
}

function physicalCases({ database, role, databaseName }: Place): PhysicalCase[] {
  const id = (path: string) => `postgres://${database}/${path}`;
  return [
    {
      resource: [
        'create table plays (id bigint generated always as identity primary key, number integer, region text)',
        "insert into plays (number, region) select g, 'Bronx' from generate_series(1, 2000) g",
        `create function compare_numbers(a integer, b integer) returns integer language sql immutable
          as $$ select case when a = b then 0 when a > b then 1 else -1 end $$`,
        `create operator class number_ops for type integer using btree as
          operator 1 < (integer, integer), operator 2 <= (integer, integer), operator 3 = (integer, integer),
          operator 4 >= (integer, integer), operator 5 > (integer, integer),
          function 1 compare_numbers(integer, integer)`,
        'create index plays_number on plays (number number_ops)',
        `create or replace function compare_numbers(a integer, b integer) returns integer language sql immutable
          as $$ select case when a = b then 0 when a < b then 1 else -1 end $$`,
      ],
      resourceId: id('index/public.plays_number'),
      why: 'the order of its entries is not that of its operators any more, as after an upgrade of a collation',
      findings: [{ rule: 'index-corrupt', severity: 'high' }],
    },
    {
      resource: [
        `create function rounded(number integer) returns integer language sql immutable as $$ select number / 10 $$`,
        'create index plays_rounded on plays (rounded(number))',
        `create or replace function rounded(number integer) returns integer language sql immutable
          as $$ select number / 100 $$`,
      ],
      resourceId: id('index/public.plays_rounded'),
      why: 'a function that is said to be immutable has changed, and rows are not found where they are looked for',
      findings: [{ rule: 'index-corrupt', severity: 'high' }],
    },
    {
      resource: [
        'create table isrcs (isrc char(12))',
        "insert into isrcs values ('USNYC2600001'), ('USNYC2600001'), ('USNYC2600002')",
        'create index isrcs_isrc on isrcs (isrc)',
        "update pg_index set indisunique = true where indexrelid = 'isrcs_isrc'::regclass",
      ],
      resourceId: id('index/public.isrcs_isrc'),
      why: 'a unique index holds duplicates',
      findings: [{ rule: 'index-corrupt', severity: 'high' }],
    },
    {
      resource: [{ sql: 'reindex index concurrently isrcs_isrc', failsWith: '23505' }],
      resourceId: id('index/public.isrcs_isrc_ccnew'),
      why: 'REINDEX CONCURRENTLY failed and left its half of the work',
      findings: [{ rule: 'index-invalid', severity: 'low' }],
    },
    {
      resource: [
        'create table loans (item integer)',
        'insert into loans values (1), (1)',
        { sql: 'create unique index concurrently loans_item on loans (item)', failsWith: '23505' },
      ],
      resourceId: id('index/public.loans_item'),
      why: 'CREATE UNIQUE INDEX CONCURRENTLY met a duplicate',
      findings: [{ rule: 'index-invalid', severity: 'medium' }],
    },
    {
      resource: [
        'create table letters (id integer, body text)',
        "insert into letters select g, 'dear' from generate_series(1, 500) g",
        // From a transaction that is later than those of the rows.
        "update pg_class set relfrozenxid = pg_current_xact_id()::xid where oid = 'letters'::regclass",
      ],
      resourceId: id('table/public.letters'),
      why: 'rows are older than the table says that any can be',
      findings: [{ rule: 'heap-corrupt', severity: 'critical' }],
    },
    {
      resource: [
        'create extension pg_buffercache',
        'create table masters (id integer, body text)',
        "insert into masters select g, repeat('la', 100) from generate_series(1, 500) g",
        'checkpoint',
        "select pg_buffercache_evict_relation('masters')",
        // A file that the server reads, changes in one place of the second page, and writes again.
        `select lo_from_bytea(1000000, set_byte(pg_read_binary_file(pg_relation_filepath('masters')), 8192 + 8000, 0))`,
        `select lo_export(1000000, current_setting('data_directory') || '/' || pg_relation_filepath('masters'))`,
        'select lo_unlink(1000000)',
        { sql: 'select count(body) from masters', failsWith: 'XX001' },
      ],
      resourceId: id('table/public.masters'),
      why: 'a disk has changed a byte of a page',
      findings: [{ rule: 'heap-corrupt', severity: 'critical' }],
    },
    {
      resource: [
        'create table venues (id integer primary key)',
        'create table gigs (venue_id integer)',
        'insert into gigs values (1)',
        'alter table gigs add constraint gigs_venue foreign key (venue_id) references venues not valid',
      ],
      resourceId: id('constraint/public.gigs.gigs_venue'),
      why: 'a foreign key was added without a look at the rows that were there',
      findings: [{ rule: 'constraint-not-valid', severity: 'medium' }],
    },
    {
      resource: ['alter table gigs add constraint gigs_known check (venue_id > 0) not enforced'],
      resourceId: id('constraint/public.gigs.gigs_known'),
      why: 'a constraint is but a remark',
      findings: [{ rule: 'constraint-not-valid', severity: 'low' }],
    },
    {
      resource: [
        'create domain share as numeric',
        'alter domain share add constraint share_positive check (value > 0) not valid',
      ],
      resourceId: id('constraint/public.share.share_positive'),
      why: 'a constraint of a domain was added without a look at the rows that were there',
      findings: [{ rule: 'constraint-not-valid', severity: 'medium' }],
    },
    {
      resource: [
        "create collation directory (provider = icu, locale = 'en-US')",
        'create table people (name text collate directory)',
        'create index people_name on people (name)',
        "update pg_collation set collversion = '1.0' where collname = 'directory'",
      ],
      resourceId: id('collation/public.directory'),
      why: 'ICU was upgraded under an index',
      findings: [{ rule: 'collation-changed', severity: 'high' }],
    },
    {
      resource: [
        'create table tickets (id integer)',
        'create sequence ticket_ids owned by tickets.id start 1900000000',
      ],
      resourceId: id('sequence/public.ticket_ids'),
      why: 'a bigint sequence that fills an integer column has used up 88 % of what that holds',
      findings: [{ rule: 'sequence-exhaustion', severity: 'medium' }],
    },
    {
      resource: ['create table seats (id smallserial)', "select setval('seats_id_seq', 32767)"],
      resourceId: id('sequence/public.seats_id_seq'),
      why: 'no number is left',
      findings: [{ rule: 'sequence-exhaustion', severity: 'critical' }],
    },
    {
      resource: ['create sequence rounds maxvalue 10 cycle', "select setval('rounds', 10)"],
      resourceId: id('sequence/public.rounds'),
      why: 'it begins anew, and fills no column',
      findings: [],
    },
    {
      resource: ['begin', 'insert into loans values (3)', "prepare transaction 'payout-7'"],
      resourceId: id('prepared-transaction/payout-7'),
      why: 'a transaction manager has forgotten its transaction',
      findings: [{ rule: 'prepared-transaction-forgotten', severity: 'high' }],
    },
    {
      resource: ["select pg_create_physical_replication_slot('old_replica', true)"],
      resourceId: id('slot/old_replica'),
      why: 'a replica is gone, and the log is kept for it',
      findings: [{ rule: 'replication-slot-behind', severity: 'medium' }],
    },
    {
      resource: [
        'create table setlists (id integer primary key, body text, tags text[])',
        'insert into setlists select g, repeat(md5(g::text), 300), array[md5(g::text)] from generate_series(1, 300) g',
        'create index setlists_tags on setlists using gin (tags)',
        'create index setlists_id on setlists using hash (id)',
      ],
      resourceId: id('table/public.setlists'),
      why: 'all of it is well, its TOAST table and its indexes',
      findings: [],
    },
    {
      resource: [
        // The newest multixact and transaction are within the first few thousand.
        `update pg_database set datcollversion = '0.9',
          datfrozenxid = ((pg_current_xact_id()::text::bigint + 4294967296 - 1200000000) % 4294967296)::text::xid,
          datminmxid = '2594967296'
        where datname = current_database()`,
        `grant insert on gigs to ${escapeIdentifier(role)}`,
      ],
      resourceId: id(`database/${databaseName}`),
      why: 'its rows have not been frozen for long, its collation was upgraded, it has met the spoilt page, and its auditor may write',
      findings: [
        { rule: 'collation-changed', severity: 'high' },
        { rule: 'checksum-failure', severity: 'critical' },
        { rule: 'transaction-wraparound', severity: 'high' },
        { rule: 'multixact-wraparound', severity: 'critical' },
        { rule: 'audit-role-can-write', severity: 'medium' },
      ],
    },
  ];
}
