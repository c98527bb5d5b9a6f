import { UncheckedError } from '../unchecked-error.ts';

/**
 * Returns why reading was ended by a signal: the signal's own reason where that is one to leave things unchecked for.
 */
export function readingEnded({ reason }: AbortSignal): UncheckedError {
  if (reason instanceof UncheckedError) return reason;
  return new UncheckedError('not-reached', 'The run ran out of time before the answer came.', { cause: reason });
}
