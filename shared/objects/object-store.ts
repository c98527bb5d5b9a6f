import { S3Client } from '@aws-sdk/client-s3';
import { targetIn } from '../aws/accounts.ts';
import type { ClientTarget } from '../aws/clients.ts';
import type { Resource } from '../resource.ts';
import type { WorkContext } from '../run-task.ts';
import type { Location } from './location.ts';

type Place = Pick<Location, 'account' | 'region'>;

/** What of a run decides where its clients work. */
type Surroundings = Pick<WorkContext<unknown>, 'clients' | 'estate' | 'homeRegion' | 'scope'>;

/**
 * Returns where clients work for a bucket: in the account and region that the configuration says it is in. Without a region that is the
 * estate's first, also in a run that is narrowed to others.
 */
export function targetOf({ clients, estate, homeRegion }: Surroundings, { account, region }: Place): ClientTarget {
  return targetIn(estate, clients, { account, region: region ?? homeRegion });
}

/** Returns the client for a bucket, where {@link targetOf} says. */
export function s3For(context: Surroundings, place: Place): S3Client {
  return context.clients.get(S3Client, targetOf(context, place));
}

/** Returns whether a run takes a place in: one that is narrowed to other accounts has no credentials for it. */
export function isInScope({ scope, homeRegion }: Surroundings, { account, region = homeRegion }: Place): boolean {
  if (scope.regions !== undefined && !scope.regions.includes(region)) return false;
  return account === undefined || scope.accounts === undefined || scope.accounts.includes(account);
}

/** Returns `s3://bucket/prefix`. */
export function s3Url({ bucket, prefix }: Pick<Location, 'bucket' | 'prefix'>): string {
  return `s3://${bucket}/${prefix}`;
}

/** Returns what the configuration calls a place in S3, as a resource that findings and coverage can name. */
export function s3Resource(type: string, name: string, location: Location, { homeRegion }: Surroundings): Resource {
  return {
    type,
    id: s3Url(location),
    name,
    ...(location.account === undefined ? {} : { account: location.account }),
    region: location.region ?? homeRegion,
  };
}
