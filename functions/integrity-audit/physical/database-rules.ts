import type { FindingDraft } from '../../../shared/finding.ts';
import type { Resource } from '../../../shared/resource.ts';
import type { RuleId } from '../context.ts';
import type { DatabaseFacts, ServerFacts } from './facts.ts';
import type { PhysicalRule } from './rule-context.ts';

const million = 1e6;

/** The default of vacuum_failsafe_age, where PostgreSQL drops everything else to freeze old rows. */
const failsafeAge = 1_600 * million;
/** PostgreSQL gives out no new ids from here on; 3 million are kept for whoever repairs it. */
const stopAge = 2_147 * million - 3 * million;

/**
 * Policy: pages have checksums, so that what a disk returns is known to be what was written. Aurora's storage has its own.
 * https://www.postgresql.org/docs/current/checksums.html
 */
const checksumsOff: PhysicalRule<ServerFacts & { readonly resource: Resource }, 'checksums-off'> = (server) => {
  const { resource, hasChecksums, isAurora } = server;
  if (hasChecksums || isAurora) return [];
  return [
    {
      rule: 'checksums-off',
      severity: 'medium',
      resource,
      summary: 'Its pages have no checksums: what a disk spoils goes unnoticed, into every backup.',
      evidence: { dataChecksums: 'off' },
      remedy:
        'Stop the server and run pg_checksums --enable, on the replicas as well; or move to a server that was set up with ' +
        'initdb --data-checksums.',
    },
  ];
};

/**
 * Policy: no page with a wrong checksum was ever met. The count stays until statistics are reset.
 * https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW
 */
const checksumFailure: PhysicalRule<DatabaseFacts, 'checksum-failure'> = ({
  resource,
  checksumFailures = 0,
  lastChecksumFailureAt,
}) => {
  if (checksumFailures === 0) return [];
  const last = lastChecksumFailureAt?.toISOString();
  const when = last === undefined ? '' : `, last at ${last}`;
  return [
    {
      rule: 'checksum-failure',
      severity: 'critical',
      resource,
      summary: `The server has met pages with wrong checksums ${checksumFailures === 1 ? 'once' : `${checksumFailures.toLocaleString('en-US')} times`}${when}.`,
      evidence: { checksumFailures, ...(last === undefined ? {} : { lastChecksumFailureAt: last }) },
      remedy:
        'Keep every backup that there is; find the pages in the server log, restore them from a backup or a replica, ' +
        'replace the disk, and then call pg_stat_reset() in this database.',
    },
  ];
};

/**
 * Policy: old rows are frozen long before transaction ids run out, when the whole cluster stops writing. Told at
 * `wraparoundAgeMillions`, when there is time to find out what keeps vacuum from it.
 * https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
 */
const transactionWraparound: PhysicalRule<DatabaseFacts, 'transaction-wraparound'> = (database, { settings }) =>
  wraparound({
    rule: 'transaction-wraparound',
    database,
    age: database.transactionAge,
    limit: settings.wraparoundAgeMillions * million,
    what: 'transactions',
    oldestTables: database.oldestTables,
  });

/**
 * Policy: the same for multixact ids, by which rows are locked by several transactions at once, as foreign keys do: they run out on their
 * own. https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-MULTIXACT-WRAPAROUND
 */
const multixactWraparound: PhysicalRule<DatabaseFacts, 'multixact-wraparound'> = (database, { settings }) =>
  wraparound({
    rule: 'multixact-wraparound',
    database,
    age: database.multixactAge,
    limit: settings.multixactAgeMillions * million,
    what: 'multixacts',
    oldestTables: database.oldestMultixactTables,
  });

interface Wraparound<Rule> {
  readonly rule: Rule;
  readonly database: DatabaseFacts;
  readonly age: number;
  readonly limit: number;
  /** What is counted. */
  readonly what: string;
  readonly oldestTables: readonly string[];
}

function wraparound<Rule extends RuleId>({
  rule,
  database,
  age,
  limit,
  what,
  oldestTables,
}: Wraparound<Rule>): FindingDraft<Rule>[] {
  if (age < limit) return [];
  const left = Math.max(0, stopAge - age);
  const millions = (number: number) => `${Math.floor(number / million).toLocaleString('en')} million`;
  return [
    {
      rule,
      severity: age >= failsafeAge ? 'critical' : 'high',
      resource: database.resource,
      summary: `Its oldest rows are ${millions(age)} ${what} old; the whole cluster stops writing in ${millions(left)} more.`,
      evidence: {
        age,
        [`${what}Left`]: left,
        ...(oldestTables.length === 0 ? {} : { oldestTables: [...oldestTables] }),
      },
      remedy:
        'Find what holds back vacuum (old transactions, prepared transactions, replication slots, orphaned temporary tables), ' +
        `end it, and VACUUM (FREEZE) in the database ${database.name}, the oldest tables first.`,
    },
  ];
}

export const serverRules = { 'checksums-off': checksumsOff };
export const databaseRules = {
  'checksum-failure': checksumFailure,
  'transaction-wraparound': transactionWraparound,
  'multixact-wraparound': multixactWraparound,
};
