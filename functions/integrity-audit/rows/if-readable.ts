import { postgresUncheckedReason } from '../../../shared/postgres/unchecked-reason.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

/**
 * Returns what can be told of a rule that is broken, beside that it is; without it, and as a fact the reason, where it cannot be read:
 * a rule that is known to be broken is so whether or not it can be said which rows break it.
 *
 * @param name the fact is `samplesUnread` for `samples`.
 * @throws whatever `read` throws that is not a reason to leave something unread.
 */
export async function ifReadable<T>(
  name: 'samples' | 'details',
  read: () => Promise<T>,
): Promise<{ readonly value?: T; readonly whyNot: Readonly<Record<string, string>> }> {
  try {
    return { value: await read(), whyNot: {} };
  } catch (error) {
    const reason = error instanceof UncheckedError ? error : postgresUncheckedReason(error);
    if (reason === undefined) throw error;
    return { whyNot: { [`${name}Unread`]: reason.reason } };
  }
}
