import { BackupClient } from '@aws-sdk/client-backup';
import type { AccessibleAccount } from '../../../shared/aws/accounts.ts';
import type { AwsClients } from '../../../shared/aws/clients.ts';
import { scopeType } from '../../../shared/coverage.ts';
import type { Resource } from '../../../shared/resource.ts';

/** One region of one account. */
export interface Place {
  readonly account: AccessibleAccount;
  readonly region: string;
}

/** Items of a listing's page: as many as AWS Backup gives. */
export const pageSize = 1000;

/** Returns the client of a place; plans, vaults and jobs are known to their own region only. */
export function clientIn({ account, region }: Place, clients: AwsClients): BackupClient {
  return clients.get(BackupClient, account.in(region));
}

/** Returns what the coverage ledger calls one listing of AWS Backup in a place. */
export function listingIn(part: string, name: string, { account, region }: Place): Resource {
  const id = `backup/${part}/${account.id}/${region}`;
  return { type: scopeType, id, name: `${name} in ${region}`, account: account.id, region };
}
