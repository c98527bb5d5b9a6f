import { GetBucketVersioningCommand } from '@aws-sdk/client-s3';
import { s3For } from '../../../shared/objects/object-store.ts';
import type { WorkProgress } from '../../../shared/run-task.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { ObjectsPolicy } from '../config.ts';
import type { PurgeContext } from '../context.ts';
import { CurrentSource, type SourceScope } from './current-source.ts';
import { NoncurrentSource } from './noncurrent-source.ts';
import type { ObjectSource } from './object-source.ts';
import type { ObjectWork } from './object-work.ts';
import { purgeListed } from './purge-listed.ts';
import { runningClock } from './running-clock.ts';
import { UploadSource } from './upload-source.ts';

/** Deletes objects, noncurrent versions or uploads past their retention, as far as the time allows. */
export async function purgeObjects(
  policy: ObjectsPolicy,
  context: PurgeContext,
  progress: WorkProgress | undefined,
): Promise<WorkProgress> {
  const client = s3For(context, policy);
  const { bucket, prefix } = policy;
  const work: ObjectWork = {
    policy,
    context,
    client,
    applies: context.mode === 'apply' && policy.mode === 'apply',
    // A page that was asked for is waited for: listings go on where they were, and no page is half.
    sourceAt: (cutoffMs) =>
      sourceOf(policy, { client, bucket, prefix, cutoffMs, signal: new AbortController().signal }),
    guards: async () => {
      if (policy.what === 'noncurrent') await requireNoMfaDelete(client, bucket);
      return [];
    },
    clock: runningClock(context.now),
  };
  return purgeListed(work, progress);
}

function sourceOf(policy: ObjectsPolicy, scope: SourceScope): ObjectSource {
  switch (policy.what) {
    case 'current':
      return new CurrentSource(scope);
    case 'noncurrent':
      return new NoncurrentSource(scope, policy.keepNoncurrent);
    case 'uploads':
      return new UploadSource(scope);
  }
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/MultiFactorAuthenticationDelete.html */
async function requireNoMfaDelete(client: SourceScope['client'], bucket: string): Promise<void> {
  const { MFADelete } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }));
  if (MFADelete !== 'Enabled') return;
  const detail = `Versions in ${bucket} are deleted with a second factor only, by the owner of its account and nobody else.`;
  throw new UncheckedError('mfa-delete', detail);
}
