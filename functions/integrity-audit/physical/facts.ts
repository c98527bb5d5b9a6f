import type { TableName } from '../../../shared/postgres/sql.ts';
import type { Resource } from '../../../shared/resource.ts';

/**
 * What was seen of a database's files and housekeeping. What could not be read is missing here, and unchecked in the coverage ledger.
 */
export interface PhysicalFacts {
  /** As the configuration calls it. */
  readonly database: string;
  /** Undefined when nothing at all could be read. */
  readonly server: ServerFacts | undefined;
  readonly corruptIndexes: readonly CorruptIndex[];
  readonly corruptHeaps: readonly CorruptHeap[];
  readonly invalidIndexes: readonly InvalidIndex[];
  readonly unprovenConstraints: readonly UnprovenConstraint[];
  readonly collations: readonly CollationFacts[];
  readonly sequences: readonly SequenceFacts[];
  /** All of the cluster: the oldest stops them all. */
  readonly databases: readonly DatabaseFacts[];
  /** All of the cluster. */
  readonly preparedTransactions: readonly PreparedTransactionFacts[];
  readonly slots: readonly SlotFacts[];
  readonly role: RoleFacts | undefined;
}

/** The server, and who asks it. */
export interface ServerFacts {
  /** `server_version_num`: 180004 is 18.4. */
  readonly version: number;
  /** It replays what another server writes. */
  readonly isStandby: boolean;
  /** Its storage is Aurora's, which keeps checksums of its own. */
  readonly isAurora: boolean;
  /** Tells clusters apart, and is the same on their replicas; undefined where it may not be read. */
  readonly clusterId: string | undefined;
  /** Milliseconds since 1970: tells the servers of a cluster apart. */
  readonly startedAtMs: number;
  /** What the database is called on the server. */
  readonly database: string;
  readonly role: string;
  readonly hasChecksums: boolean;
  readonly maxPreparedTransactions: number;
}

/** An index in which something was found that cannot be. */
export interface CorruptIndex {
  readonly resource: Resource;
  readonly index: TableName;
  /** The table whose TOAST table it is on, if it is: it is rebuilt with that. */
  readonly toastOf: TableName | undefined;
  readonly isUnique: boolean;
  readonly sqlState: string;
  /** What PostgreSQL says; of pages and places, never of values. */
  readonly message: string;
}

/** A table with blocks in which something was found that cannot be. */
export interface CorruptHeap {
  readonly resource: Resource;
  readonly corruptBlocks: number;
  /** It was not looked at to the end: there was too much, or it cannot be read on. */
  readonly isAtLeast: boolean;
  readonly firstBlock: number | undefined;
  /** What PostgreSQL says of the first of them; of blocks and transactions, never of values. */
  readonly message: string;
}

/** An index that is not used, or not even kept. */
export interface InvalidIndex {
  readonly resource: Resource;
  readonly index: TableName;
  readonly table: TableName;
  readonly isUnique: boolean;
  /** It has no rows of its own: one of its partitions lacks an index. */
  readonly isPartitioned: boolean;
  /** What REINDEX CONCURRENTLY leaves behind when it fails. */
  readonly isLeftover: boolean;
  /** Writes still keep it up to date. */
  readonly isMaintained: boolean;
  /** Whether one that is being built would have been seen; a standby does not know what its source builds. */
  readonly wouldSeeBuild: boolean;
}

/** A constraint that rows may break. */
export interface UnprovenConstraint {
  readonly resource: Resource;
  /** A table or a domain. */
  readonly on: TableName;
  readonly name: string;
  readonly isOnDomain: boolean;
  readonly kind: 'check' | 'foreign-key' | 'not-null';
  /** It is tested for new rows. */
  readonly isEnforced: boolean;
}

/** A collation by which indexes or partitions are ordered. */
export interface CollationFacts {
  /** The database, for its default collation. */
  readonly resource: Resource;
  /** `schema.name`. */
  readonly name: string;
  readonly isDefault: boolean;
  /** When what depends on it was made. */
  readonly recordedVersion: string | undefined;
  /** What the operating system or ICU has now. */
  readonly actualVersion: string | undefined;
  readonly indexes: number;
  readonly partitionedTables: number;
  /** The first of what depends on it. */
  readonly examples: readonly string[];
}

/** A sequence; its numbers are texts, because JavaScript's are not exact enough. */
export interface SequenceFacts {
  readonly resource: Resource;
  /** The last that was given out, or the first that will be. */
  readonly value: string;
  readonly isUsed: boolean;
  readonly minimum: string;
  readonly maximum: string;
  readonly increment: string;
  readonly isCycling: boolean;
  /** The columns that it fills. */
  readonly columns: readonly FilledColumn[];
}

export interface FilledColumn {
  /** `schema.table.column`. */
  readonly column: string;
  /** What a domain is made of, for a column of a domain. */
  readonly type: string;
}

/** How far a database is from needing what it has not: a new transaction id. */
export interface DatabaseFacts {
  readonly resource: Resource;
  readonly name: string;
  /** Transactions since its oldest row that is not frozen. */
  readonly transactionAge: number;
  readonly multixactAge: number;
  /** Pages whose checksum was wrong, since statistics were last reset; undefined without checksums. */
  readonly checksumFailures: number | undefined;
  readonly lastChecksumFailureAt: Date | undefined;
  /** Tables with the oldest rows, the oldest first; only of the database that is read. */
  readonly oldestTables: readonly string[];
  readonly oldestMultixactTables: readonly string[];
}

/** A transaction that waits for COMMIT PREPARED. */
export interface PreparedTransactionFacts {
  readonly resource: Resource;
  readonly gid: string;
  readonly database: string;
  readonly owner: string;
  readonly preparedAt: Date;
  readonly transactionAge: number;
}

/** A replication slot. */
export interface SlotFacts {
  readonly resource: Resource;
  readonly name: string;
  readonly kind: string;
  /** Of a logical slot. */
  readonly database: string | undefined;
  readonly isTemporary: boolean;
  readonly isActive: boolean;
  /** A copy of its source's, kept by a standby; never active. */
  readonly isSynced: boolean;
  readonly retainedBytes: number | undefined;
  /** Transactions since the oldest that it keeps rows for. */
  readonly transactionAge: number | undefined;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | undefined;
  readonly invalidationReason: string | undefined;
  /** From PostgreSQL 17 on. */
  readonly inactiveSince: Date | undefined;
}

/** What the role that reads could do beside that. */
export interface RoleFacts {
  readonly resource: Resource;
  readonly name: string;
  readonly isSuperuser: boolean;
  /** Attributes such as `CREATEROLE`, of it or of a role that it is a member of. */
  readonly attributes: readonly string[];
  /** Predefined roles that may write, and that it is a member of. */
  readonly memberships: readonly string[];
  readonly writableTables: number;
  readonly writableTableExamples: readonly string[];
  readonly schemasToCreateIn: readonly string[];
  readonly mayCreateSchemas: boolean;
}
