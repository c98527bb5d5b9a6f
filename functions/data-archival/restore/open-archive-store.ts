import { S3Client } from '@aws-sdk/client-s3';
import { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import { targetIn } from '../../../shared/aws/accounts.ts';
import type { Destination } from '../../../shared/retention/retention-config.ts';
import type { WorkContext } from '../../../shared/run-task.ts';

/** Returns the place of archives that the configuration describes. */
export function openArchiveStore(
  destination: Destination,
  { clients, estate, signal }: Pick<WorkContext<unknown>, 'clients' | 'estate' | 'signal'>,
): ArchiveStore {
  return new ArchiveStore(clients.get(S3Client, targetIn(estate, clients, destination)), destination, signal);
}
