import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import type { Database, DatabaseConnection } from '../../../shared/databases.ts';
import { s3For } from '../../../shared/objects/object-store.ts';
import { connectionConfig } from '../../../shared/postgres/connection.ts';
import { openReader } from '../../../shared/postgres/reader.ts';
import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { OrphansPolicy } from '../config.ts';
import type { PurgeContext } from '../context.ts';
import { emptyOutcome, type ObjectWork } from './object-work.ts';
import { OrphanSource } from './orphan-source.ts';
import { purgeListed } from './purge-listed.ts';
import { RowKeys } from './row-keys.ts';
import { runningClock } from './running-clock.ts';

/** Of a question about 1,000 keys. */
const statementTimeoutSeconds = 60;
const lockTimeoutSeconds = 5;

/** Deletes objects that no row names, as far as the time allows. While the database cannot be asked, nothing is deleted. */
export async function purgeOrphans(
  policy: OrphansPolicy,
  context: PurgeContext,
  progress: WorkProgress | undefined,
): Promise<WorkProgress> {
  const applies = context.mode === 'apply' && policy.mode === 'apply';
  const { bucket, prefix } = policy;
  const client = s3For(context, policy);
  let isAsked = false;
  try {
    await using reader = await openReader({
      config: await connectionConfig(connectionOf(context.databases[policy.database], policy), context),
      connections: 1,
      statementTimeoutSeconds,
      lockTimeoutSeconds,
      timeZone: 'UTC',
      // A batch that was begun is brought to its end: a question takes no longer than its timeout.
      signal: new AbortController().signal,
    });
    const rows = await RowKeys.open(reader, policy, { onPrimary: applies });
    isAsked = true;
    const work: ObjectWork = {
      policy,
      context,
      client,
      applies,
      sourceAt: (cutoffMs) =>
        new OrphanSource(
          { client, bucket, prefix, cutoffMs, signal: new AbortController().signal },
          rows,
          policy.keyPrefix,
        ),
      guards: () => rows.guards(),
      clock: runningClock(context.now),
    };
    return await purgeListed(work, progress);
  } catch (error) {
    if (isAsked) throw error;
    const reason =
      error instanceof UncheckedError
        ? { reason: error.reason, detail: error.detail }
        : (uncheckedReason(error) ?? postgresUncheckedReason(error));
    if (reason === undefined) throw error;
    return { isDone: true, state: { ...emptyOutcome({ policy, applies }), state: 'stopped', unchecked: [reason] } };
  }
}

/** The primary: a replica may not have heard yet of a row, and its object would be taken for orphaned. */
function connectionOf(database: Database | undefined, { database: name }: OrphansPolicy): DatabaseConnection {
  if (database === undefined) throw new TypeError(`the database ${name} is not configured`);
  return database.writer ?? database;
}
