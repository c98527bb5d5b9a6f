import { RDSClient } from '@aws-sdk/client-rds';
import pMap from 'p-map';
import type { AccessibleAccount } from '../../../shared/aws/accounts.ts';
import type { Context } from '../context.ts';
import type { Database, DatabaseFacts, Snapshot } from './facts.ts';
import type { RdsPlace } from './rds-place.ts';
import { type ListedBackup, readReplicatedBackups } from './read-automated-backups.ts';
import { type LocalDatabase, readDatabases } from './read-databases.ts';
import { type ListedSnapshot, readSnapshots } from './read-snapshots.ts';
import { timeInName } from './snapshot-name.ts';

/** Accounts and regions read at a time; RDS limits calls for each of them alone. */
const placeConcurrency = 4;

/** A copy of a copy of a copy; an end, in case copies ever name each other. */
const longestCopyChain = 10;

/**
 * Returns the databases of the estate, their snapshots, and the automated backups that are replicated from one of the estate's regions
 * into another. What could not be read is in the coverage ledger.
 */
export async function collectDatabases(
  accounts: readonly AccessibleAccount[],
  { clients, coverage, estate, signal }: Context,
): Promise<DatabaseFacts> {
  const places = accounts.flatMap((account) =>
    estate.regions.map(
      (region): RdsPlace => ({
        client: clients.get(RDSClient, account.in(region)),
        account: account.id,
        region,
        coverage,
        signal,
      }),
    ),
  );
  const read = await pMap(
    places,
    async (place) => {
      const [databases, snapshots, backups] = await Promise.all([
        readDatabases(place),
        readSnapshots(place),
        readReplicatedBackups(place),
      ]);
      return { databases, snapshots, backups };
    },
    { concurrency: placeConcurrency },
  );
  return {
    databases: withReplicatedBackups(
      read.flatMap(({ databases }) => databases),
      read.flatMap(({ backups }) => backups),
    ),
    snapshots: withOriginalTimes(read.flatMap(({ snapshots }) => snapshots)),
  };
}

/** A database that was created anew has the ARN of its predecessor, whose copies are not its own: the id decides. */
function withReplicatedBackups(databases: readonly LocalDatabase[], backups: readonly ListedBackup[]): Database[] {
  const byDatabase = new Map<string, ListedBackup[]>();
  for (const listed of backups) {
    const key = listed.immutableId?.toLowerCase() ?? listed.databaseArn;
    if (key !== undefined) byDatabase.set(key, [...(byDatabase.get(key) ?? []), listed]);
  }
  return databases.map((database) => {
    const { immutableId, resource } = database;
    const own = [...(byDatabase.get(immutableId.toLowerCase()) ?? []), ...(byDatabase.get(resource.id) ?? [])];
    const replicatedBackups = [...new Set(own)]
      .map(({ backup }) => backup)
      .filter(({ account }) => account === resource.account);
    return { ...database, replicatedBackups };
  });
}

/**
 * A copied cluster snapshot has the time of the copy only; the one that it was copied from, or the name of that, says how old the data
 * in it is.
 */
function withOriginalTimes(listed: readonly ListedSnapshot[]): Snapshot[] {
  const byArn = new Map(listed.map((found) => [found.snapshot.resource.id, found]));
  return listed.map(({ snapshot, sourceArn }) => {
    let original = snapshot.originalCreatedAt;
    let arn = sourceArn;
    for (let hops = 0; arn !== undefined && hops < longestCopyChain; hops += 1) {
      const source = byArn.get(arn);
      original = source?.snapshot.originalCreatedAt ?? timeInName(nameIn(arn)) ?? original;
      arn = source?.sourceArn;
    }
    return { ...snapshot, originalCreatedAt: original };
  });
}

/** The names of automated snapshots have a colon in them: `arn:aws:rds:us-east-1:123456789012:cluster-snapshot:rds:nycmg-…`. */
function nameIn(snapshotArn: string): string {
  return snapshotArn.split(':').slice(6).join(':');
}
