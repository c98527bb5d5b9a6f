import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { AwsCredentialIdentity } from '@aws-sdk/types';
import pMap from 'p-map';
import { type CoverageLedger, scopeType } from '../coverage.ts';
import type { Estate } from '../estate.ts';
import type { Resource } from '../resource.ts';
import { UncheckedError } from '../unchecked-error.ts';
import type { AwsClients, ClientTarget } from './clients.ts';

/** An account that could be entered. */
export interface AccessibleAccount {
  readonly id: string;
  /** Returns where clients work in a region of this account. */
  in(region: string): ClientTarget;
}

/** Names of temporary sessions, as CloudTrail shows them. */
const roleSessionName = 'caretaker';

const accountConcurrency = 8;

/** As the SDK does: credentials that would end during a call are renewed before it. */
const renewBeforeMs = 5 * 60_000;

/**
 * Returns the estate's accounts that can be entered, each proved by sts:GetCallerIdentity: credentials of another account
 * than the configured one would otherwise report a strange, empty estate as clean. An account that cannot be entered is
 * unchecked in `coverage`, with the reason, and nowhere else.
 */
export async function enterAccounts(
  estate: Estate,
  clients: AwsClients,
  coverage: CoverageLedger,
): Promise<AccessibleAccount[]> {
  const homeRegion = estate.regions[0] as string;
  if (estate.accounts.length === 0) {
    const resource = accountResource('current', 'the current AWS account');
    const id = await coverage.look(resource, () => callerAccount(clients, { region: homeRegion }));
    return id === undefined ? [] : [{ id, in: (region) => ({ region }) }];
  }
  const entered = await pMap(
    estate.accounts,
    async ({ id, roleArn, externalId }): Promise<AccessibleAccount | undefined> => {
      const credentials = roleArn === undefined ? undefined : assumedRole(clients, homeRegion, roleArn, externalId);
      const inRegion = (region: string): ClientTarget =>
        credentials === undefined ? { region } : { region, credentialsKey: id, credentials };
      const resource = accountResource(id, `AWS account ${id}`);
      const actual = await coverage.look(resource, () => callerAccount(clients, inRegion(homeRegion)));
      if (actual === undefined) return undefined;
      if (actual === id) return { id, in: inRegion };
      const mend = roleArn === undefined ? 'Give the account a roleArn in estate.accounts' : 'Correct its roleArn';
      coverage.unchecked(resource, 'wrong-account', `The credentials belong to account ${actual}. ${mend}.`);
      return undefined;
    },
    { concurrency: accountConcurrency },
  );
  return entered.filter((account) => account !== undefined);
}

/**
 * Returns where clients work in a region of an account of the estate; without an account, or for one without a role, with the
 * credentials at hand. Proves nothing: {@link enterAccounts} does.
 */
export function targetIn(
  estate: Estate,
  clients: AwsClients,
  { account, region }: { readonly account?: string | undefined; readonly region?: string | undefined },
): ClientTarget {
  const homeRegion = estate.regions[0] as string;
  const place = region ?? homeRegion;
  const entry = estate.accounts.find(({ id }) => id === account);
  if (entry?.roleArn === undefined) return { region: place };
  const credentials = assumedRole(clients, homeRegion, entry.roleArn, entry.externalId);
  return { region: place, credentialsKey: entry.id, credentials };
}

function accountResource(id: string, name: string): Resource {
  return { type: scopeType, id: `account/${id}`, name, ...(id === 'current' ? {} : { account: id }) };
}

async function callerAccount(clients: AwsClients, target: ClientTarget): Promise<string> {
  const { Account } = await clients.get(STSClient, target).send(new GetCallerIdentityCommand({}));
  if (Account === undefined) throw new UncheckedError('aws-error', 'sts:GetCallerIdentity answered without an account');
  return Account;
}

/** Returns a provider of one account's credentials that all its clients share: each would assume the role for itself. */
function assumedRole(
  clients: AwsClients,
  region: string,
  roleArn: string,
  externalId: string | undefined,
): () => Promise<AwsCredentialIdentity> {
  let current: Promise<AwsCredentialIdentity> | undefined;
  return async () => {
    const known = await current?.catch(() => undefined);
    const isFresh = known !== undefined && (known.expiration?.getTime() ?? 0) - Date.now() > renewBeforeMs;
    if (isFresh) return known;
    current = assumeRole(clients, region, roleArn, externalId);
    return current;
  };
}

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
    throw new UncheckedError('aws-error', `sts:AssumeRole answered without credentials for ${roleArn}`);
  }
  return {
    accessKeyId: Credentials.AccessKeyId,
    secretAccessKey: Credentials.SecretAccessKey,
    ...(Credentials.SessionToken === undefined ? {} : { sessionToken: Credentials.SessionToken }),
    ...(Credentials.Expiration === undefined ? {} : { expiration: Credentials.Expiration }),
  };
}
