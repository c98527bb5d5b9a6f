import { GetObjectLegalHoldCommand, GetObjectRetentionCommand, type S3Client } from '@aws-sdk/client-s3';
import type { EntryOutcome } from './entry-outcome.ts';
import type { ListEntry } from './list-entry.ts';

/** What S3 answers where there is no lock: on the version, or in the bucket at all. */
const withoutLock = ['NoSuchObjectLockConfiguration', 'InvalidRequest', 'ObjectLockConfigurationNotFoundError'];

/**
 * Returns why S3 has denied to delete a version: a legal hold, a retention that is not over, or else a permission that is missing.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
 */
export async function whyKept(
  client: S3Client,
  bucket: string,
  { key, versionId }: Pick<ListEntry, 'key' | 'versionId'>,
  now: Date,
): Promise<EntryOutcome> {
  const denied: EntryOutcome = { outcome: 'failed', code: 'AccessDenied' };
  if (versionId === undefined) return denied;
  const of = { Bucket: bucket, Key: key, VersionId: versionId };
  try {
    const hold = await lockOrNone(() => client.send(new GetObjectLegalHoldCommand(of)));
    if (hold?.LegalHold?.Status === 'ON') return { outcome: 'legal-hold' };
    const { Mode, RetainUntilDate } =
      (await lockOrNone(() => client.send(new GetObjectRetentionCommand(of))))?.Retention ?? {};
    if (Mode === undefined || RetainUntilDate === undefined || RetainUntilDate <= now) return denied;
    return { outcome: 'retention', mode: Mode, until: RetainUntilDate.toISOString() };
  } catch (error) {
    // Who may not ask either is told that it is denied.
    if (error instanceof Error && '$fault' in error) return denied;
    throw error;
  }
}

async function lockOrNone<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Error && withoutLock.includes(error.name)) return undefined;
    throw error;
  }
}
