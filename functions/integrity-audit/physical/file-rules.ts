import { formatTableName, qualified, type TableName } from '../../../shared/postgres/sql.ts';
import type { CollationFacts, CorruptHeap, CorruptIndex, InvalidIndex } from './facts.ts';
import type { PhysicalRule } from './rule-context.ts';

/**
 * Policy: an index finds what is in its table. A corrupt one gives wrong answers, and lets duplicates in where it is unique; the rows
 * themselves are not lost by it, and it can be built again.
 * https://www.postgresql.org/docs/current/amcheck.html
 */
const indexCorrupt: PhysicalRule<CorruptIndex, 'index-corrupt'> = ({
  resource,
  index,
  toastOf,
  isUnique,
  sqlState,
  message,
}) => [
  {
    rule: 'index-corrupt',
    severity: 'high',
    resource,
    summary: `It is corrupt, and queries that use it give wrong answers: ${message}.`,
    evidence: { sqlState, message, isUnique },
    remedy:
      `Find out why first (the disk, a collation that changed, a function that is not immutable); then ` +
      `\`${toastOf === undefined ? reindex(index) : `REINDEX TABLE CONCURRENTLY ${qualified(toastOf).text};`}\`` +
      (isUnique ? '. First resolve the duplicates that it has let in: it is unique.' : ''),
  },
];

/**
 * Policy: every row of a table can be read, and is as it was written. What is corrupt may be lost, and may be in the backups too.
 * https://www.postgresql.org/docs/current/amcheck.html#AMCHECK-FUNCTIONS
 */
const heapCorrupt: PhysicalRule<CorruptHeap, 'heap-corrupt'> = ({
  resource,
  corruptBlocks,
  isAtLeast,
  firstBlock,
  message,
}) => [
  {
    rule: 'heap-corrupt',
    severity: 'critical',
    resource,
    summary:
      `${isAtLeast ? 'At least ' : ''}${corruptBlocks} ${corruptBlocks === 1 ? 'block is' : 'blocks are'} corrupt: ` +
      `${message}.`,
    evidence: {
      corruptBlocks,
      ...(isAtLeast ? { isAtLeast } : {}),
      message,
      ...(firstBlock === undefined ? {} : { firstBlock }),
    },
    remedy:
      'Keep every backup that there is, copy the data directory before anything else is tried, and compare the table with ' +
      'a replica and with the newest backup that is whole.',
  },
];

/**
 * Policy: an index that is paid for at every write is used. One whose building has failed stays behind, invalid, is kept up to date and
 * helps no query; a unique one does not keep duplicates out that were there before.
 * https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
 */
const indexInvalid: PhysicalRule<InvalidIndex, 'index-invalid'> = (invalid) => {
  const { resource, index, table, isUnique, isPartitioned, isLeftover, isMaintained, wouldSeeBuild } = invalid;
  const unless = wouldSeeBuild ? '' : ' Unless the source of this standby is just building it:';
  const name = qualified(index).text;
  const drop = `\`DROP INDEX CONCURRENTLY ${name};\``;
  const remedy = isPartitioned
    ? `Build the index on each partition that lacks it, and \`ALTER INDEX ${name} ATTACH PARTITION …;\`.`
    : `${unless} ${isLeftover ? drop : `${drop} and create it again, or \`${reindex(index)}\``}`.trim();
  const what = isPartitioned ? 'A partition lacks its part of it' : 'It was not built to its end';
  const cost = isMaintained ? ', while every write keeps it up to date' : '';
  return [
    {
      rule: 'index-invalid',
      severity: isLeftover ? 'low' : 'medium',
      resource,
      summary: `${what}: no query on ${formatTableName(table)} uses it${isPartitioned ? '' : cost}.`,
      evidence: { table: formatTableName(table), isUnique, isPartitioned, isLeftover, isMaintained },
      remedy,
    },
  ];
};

/**
 * Policy: what is ordered by a collation is ordered by the version of it that is in use. When an operating system or ICU brings another,
 * indexes that were built before are out of order: they miss rows, and let duplicates in.
 * https://www.postgresql.org/docs/current/sql-altercollation.html#SQL-ALTERCOLLATION-NOTES
 */
const collationChanged: PhysicalRule<CollationFacts, 'collation-changed'> = (collation) => {
  const { resource, name, isDefault, recordedVersion, actualVersion, indexes, partitionedTables, examples } = collation;
  if (recordedVersion === undefined || recordedVersion === actualVersion) return [];
  const what = isDefault ? 'Its default collation' : 'It';
  const refresh = isDefault ? 'ALTER DATABASE … REFRESH COLLATION VERSION' : 'ALTER COLLATION … REFRESH VERSION';
  return [
    {
      rule: 'collation-changed',
      severity: 'high',
      resource,
      summary:
        `${what} is of version ${actualVersion ?? 'none'} now, and was of ${recordedVersion} when it ordered ` +
        `${count(indexes, 'index', 'indexes')}${
          partitionedTables === 0 ? '' : ` and ${count(partitionedTables, 'partitioned table', 'partitioned tables')}`
        }.`,
      evidence: {
        collation: name,
        recordedVersion,
        actualVersion: actualVersion ?? 'none',
        indexes,
        partitionedTables,
        examples: [...examples],
      },
      remedy: `REINDEX what depends on it (${examples[0] ?? 'its indexes'} among others), and only then ${refresh}.`,
    },
  ];
};

function reindex(index: TableName): string {
  return `REINDEX INDEX CONCURRENTLY ${qualified(index).text};`;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

export const corruptIndexRules = { 'index-corrupt': indexCorrupt };
export const corruptHeapRules = { 'heap-corrupt': heapCorrupt };
export const invalidIndexRules = { 'index-invalid': indexInvalid };
export const collationRules = { 'collation-changed': collationChanged };
