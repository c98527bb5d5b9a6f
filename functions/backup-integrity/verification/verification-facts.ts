import type { FinishedWork } from '../../../shared/run-task.ts';
import type { Context } from '../context.ts';
import type { Verification } from './facts.ts';
import { type VerificationState, verificationStateSchema } from './verification-state.ts';
import { verificationResource, verificationsInScope, verificationWorkId } from './verification-work.ts';

/**
 * Returns what the run's verifications have shown and settles each in the context's coverage: one whose objects could not all be
 * read, or whose memory could not, is unchecked, and what it did show is returned all the same.
 *
 * @throws ZodError when a result is not what {@link workVerification} returns.
 */
export function verificationFacts(work: readonly FinishedWork[], context: Context): Verification[] {
  const progressById = new Map(work.map(({ item, progress }) => [item.id, progress]));
  return verificationsInScope(context).flatMap((config) => {
    const resource = verificationResource(config, context);
    const { coverage } = context;
    coverage.expect(resource);
    const progress = progressById.get(verificationWorkId(config));
    if (progress === undefined) {
      coverage.unchecked(resource, 'not-reached', 'The run ended before it came to this.');
      return [];
    }
    const state = verificationStateSchema.parse(progress.state);
    const obstacle = obstacleIn(state, progress.isDone);
    if (obstacle === undefined) coverage.checked(resource);
    else coverage.unchecked(resource, obstacle.reason, obstacle.detail);
    // Of what was never listed there is nothing to say.
    if (state.failure !== null && state.objects === 0) return [];
    const { oldest, altered, unreadable } = state;
    return [
      {
        resource,
        configId: config.id,
        objects: state.objects,
        bytes: state.bytes,
        verifiedObjects: state.verifiedObjects,
        verifiedBytes: state.verifiedBytes,
        archivedObjects: state.archivedObjects,
        oldestUnverifiedSince: oldest === null ? undefined : new Date(oldest.sinceMs),
        oldestUnverifiedKey: oldest?.key,
        altered,
        alteredCount: state.alteredCount,
        unreadable,
        unreadableCount: state.unreadableCount,
      },
    ];
  });
}

/** Returns why a verification does not count as done; the first of several reasons. */
function obstacleIn(
  { failure, memoryFault, unreadable, unreadableCount }: VerificationState,
  isDone: boolean,
): { readonly reason: string; readonly detail: string } | undefined {
  if (failure !== null) return failure;
  if (!isDone) {
    return { reason: 'not-reached', detail: 'The time was up before the bytes of this run had all been read.' };
  }
  if (memoryFault !== null) {
    const detail = `What earlier runs had verified could not be read, and counts as unread: ${memoryFault}`;
    return { reason: 'memory-unreadable', detail };
  }
  const example = unreadable[0];
  if (example === undefined) return undefined;
  const count = unreadableCount === 1 ? 'One object' : `${unreadableCount} objects`;
  const detail = `${count} could not be read, such as ${example.key} (${example.reason}: ${example.detail}).`;
  return { reason: 'objects-unreadable', detail };
}
