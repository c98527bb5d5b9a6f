import { UncheckedError } from '../../../shared/unchecked-error.ts';

const dayMs = 86_400_000;

/** How AWS Backup names what it restores for a test: https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html */
const testPrefix = 'awsbackup-restore-test-';

/** A test may be validated for 168 hours, and its data is deleted thereafter: after this it should be long gone. */
const testDays = 8;

/**
 * Returns for how long something that a restore test created has been there, when it should have been deleted; undefined for what
 * no test made, or one that may still be under way.
 *
 * @throws UncheckedError when nobody says when it was created.
 */
export function leakedRestore(name: string, createdAt: Date | undefined, now: Date): { ageDays: number } | undefined {
  if (!isOfRestoreTest(name)) return undefined;
  if (createdAt === undefined) {
    throw new UncheckedError('date-unreadable', 'A restore test made it, and nothing says when.');
  }
  const ageDays = (now.getTime() - createdAt.getTime()) / dayMs;
  return ageDays > testDays ? { ageDays } : undefined;
}

/** Returns whether a restore test made it: then it is no resource of the estate, and needs no backup. */
export function isOfRestoreTest(name: string): boolean {
  return name.startsWith(testPrefix);
}
