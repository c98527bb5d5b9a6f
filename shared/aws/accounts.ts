import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { AwsCredentialIdentity } from '@aws-sdk/types';
import type { CoverageLedger } from '../coverage.ts';
import { scopeType } from '../coverage.ts';
import type { Estate } from '../estate.ts';
import type { Resource } from '../resource.ts';
import type { AwsClients, ClientTarget } from './clients.ts';

/** An account that could be entered. */
export interface AccessibleAccount {
  readonly id: string;
  /** Returns where clients work in a region of this account. */
  in(region: string): ClientTarget;
}

/** Names of temporary sessions, as CloudTrail shows them. */
const roleSessionName = 'caretaker';

/**
 * Returns the estate's accounts that can be entered, each proved by sts:GetCallerIdentity: credentials of another account
 * than the configured one would otherwise report a strange, empty estate as clean. An account that cannot be entered is
 * unchecked in `coverage`, with the reason, and nowhere else.
 *
 * @param accountIds narrows the estate's accounts, when given.
 */
export async function enterAccounts(
  estate: Estate,
  clients: AwsClients,
  coverage: CoverageLedger,
  accountIds?: readonly string[],
): Promise<AccessibleAccount[]> {
  const homeRegion = estate.regions[0] as string;
  if (estate.accounts.length === 0) {
    const resource = accountResource('current', 'the current AWS account');
    const id = await coverage.look(resource, () => callerAccount(clients, { region: homeRegion }));
    return id === undefined ? [] : [{ id, in: (region) => ({ region }) }];
  }
  const wanted = estate.accounts.filter(({ id }) => accountIds === undefined || accountIds.includes(id));
  const entered = await Promise.all(
    wanted.map(async ({ id, roleArn, externalId }): Promise<AccessibleAccount | undefined> => {
      const inRegion = (region: string): ClientTarget =>
        roleArn === undefined
          ? { region }
          : {
              region,
              credentialsKey: id,
              credentials: () => assumeRole(clients, homeRegion, roleArn, externalId),
            };
      const resource = accountResource(id, `AWS account ${id}`);
      const actual = await coverage.look(resource, () => callerAccount(clients, inRegion(homeRegion)));
      if (actual === undefined) return undefined;
      if (actual === id) return { id, in: inRegion };
      const mend = roleArn === undefined ? 'Give the account a roleArn in estate.accounts' : 'Correct its roleArn';
      coverage.unchecked(resource, 'wrong-account', `The credentials belong to account ${actual}. ${mend}.`);
      return undefined;
    }),
  );
  return entered.filter((account) => account !== undefined);
}

function accountResource(id: string, name: string): Resource {
  return { type: scopeType, id: `account/${id}`, name, ...(id === 'current' ? {} : { account: id }) };
}

async function callerAccount(clients: AwsClients, target: ClientTarget): Promise<string> {
  const { Account } = await clients.get(STSClient, target).send(new GetCallerIdentityCommand({}));
  if (Account === undefined) throw new Error('sts:GetCallerIdentity answered without an account');
  return Account;
}

/** The SDK calls this again when the credentials are about to expire. */
async function assumeRole(
  clients: AwsClients,
  region: string,
  roleArn: string,
  externalId: string | undefined,
): Promise<AwsCredentialIdentity> {
  const { Credentials } = await clients
    .get(STSClient, { region })
    .send(new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: roleSessionName, ExternalId: externalId }));
  if (!Credentials?.AccessKeyId || !Credentials.SecretAccessKey) {
    throw new Error(`sts:AssumeRole answered without credentials for ${roleArn}`);
  }
  return {
    accessKeyId: Credentials.AccessKeyId,
    secretAccessKey: Credentials.SecretAccessKey,
    ...(Credentials.SessionToken === undefined ? {} : { sessionToken: Credentials.SessionToken }),
    ...(Credentials.Expiration === undefined ? {} : { expiration: Credentials.Expiration }),
  };
}
