import type { RDSClient } from '@aws-sdk/client-rds';
import { type CoverageLedger, scopeType } from '../../../shared/coverage.ts';
import type { Resource } from '../../../shared/resource.ts';

/** One account and region, with what reading RDS there takes. */
export interface RdsPlace {
  readonly client: RDSClient;
  readonly account: string;
  readonly region: string;
  readonly coverage: CoverageLedger;
  readonly signal: AbortSignal;
}

/** Returns the resource that stands for a whole listing of RDS: `part` is in its id, `name` is what people call it. */
export function listingOf({ account, region }: RdsPlace, part: string, name: string): Resource {
  return { type: scopeType, id: `rds/${part}/${account}/${region}`, name: `${name} in ${region}`, account, region };
}

/** Returns a resource of RDS in this place. */
export function resourceIn({ account, region }: RdsPlace, type: string, id: string, name = id): Resource {
  return { type, id, name, account, region };
}
