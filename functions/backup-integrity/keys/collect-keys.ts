import { DescribeKeyCommand, type KeyMetadata, KMSClient, NotFoundException } from '@aws-sdk/client-kms';
import pMap from 'p-map';
import type { AccessibleAccount } from '../../../shared/aws/accounts.ts';
import type { Resource } from '../../../shared/resource.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Context } from '../context.ts';

/** Whether what was encrypted with a key could be decrypted now. */
export interface KeyState {
  /** As it was asked for: of a key, or of an alias. */
  readonly arn: string;
  readonly state: 'usable' | 'blocked';
  /** Completes “the key is …”: `Enabled`, `Disabled`, `PendingDeletion, deleted on 2026-03-01`. */
  readonly detail: string;
  readonly managedBy: 'aws' | 'customer';
}

/** DescribeKey is granted thousands of times a second; this is for the sake of sockets. */
const describeConcurrency = 8;

/**
 * States in which a key decrypts. A multi-Region key that is `Updating` only exchanges its primary:
 * https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
 */
const usableStates: ReadonlySet<string> = new Set(['Enabled', 'Updating']);

/** A multi-Region primary that waits for its replicas' deletion is scheduled for its own, and decrypts nothing either. */
const blockedStates: ReadonlySet<string> = new Set([
  'Creating',
  'Disabled',
  'PendingDeletion',
  'PendingImport',
  'PendingReplicaDeletion',
  'Unavailable',
]);

/**
 * Returns the state of each key, asked for in the key's own region, with the credentials of the account that owns it where the estate
 * has that account, and otherwise with those of the home account, which the key's policy may let in. A key that could not be looked
 * at is unchecked in `coverage`, and not in the result.
 *
 * @param keyArns ARNs of keys, multi-Region keys among them, or of aliases.
 */
export async function collectKeys(
  keyArns: ReadonlySet<string>,
  accounts: readonly AccessibleAccount[],
  { clients, coverage, estate, signal }: Context,
): Promise<ReadonlyMap<string, KeyState>> {
  const homeId = estate.accounts.find(({ roleArn }) => roleArn === undefined)?.id;
  const home = accounts.find(({ id }) => id === homeId) ?? accounts[0];

  async function describe(arn: string, place: KeyPlace | undefined): Promise<KeyState> {
    if (place === undefined) throw new UncheckedError('unreadable', `${arn} is not the ARN of a KMS key.`);
    const account = accounts.find(({ id }) => id === place.account) ?? home;
    if (account === undefined) throw new UncheckedError('not-reached', 'No account of the estate could be entered.');
    const client = clients.get(KMSClient, account.in(place.region));
    try {
      const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: arn }), { abortSignal: signal });
      return keyState(arn, KeyMetadata);
    } catch (error) {
      if (!(error instanceof NotFoundException)) throw error;
      // An alias can be deleted or moved while the key that it stood for goes on.
      if (place.isAlias) throw new UncheckedError('alias-not-found', `${arn} no longer says which key it was.`);
      // What AWS manages for an account is deleted only with it; of a key that was deleted nothing is left but its name.
      return { arn, state: 'blocked', detail: 'gone: it no longer exists', managedBy: 'customer' };
    }
  }

  const states = await pMap(
    [...keyArns].sort(),
    (arn) => {
      const place = keyPlace(arn);
      return coverage.look(keyResource(arn, place), () => describe(arn, place));
    },
    { concurrency: describeConcurrency },
  );
  return new Map(states.filter((state) => state !== undefined).map((state) => [state.arn, state]));
}

interface KeyPlace {
  readonly account: string;
  readonly region: string;
  readonly isAlias: boolean;
  /** Id of the key, or name of the alias. */
  readonly name: string;
}

/** `arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd…`, or `…:alias/aws/rds`. */
function keyPlace(arn: string): KeyPlace | undefined {
  const match = /^arn:aws[\w-]*:kms:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):(?:key\/([\w-]+)|(alias\/[\w/-]+))$/.exec(arn);
  const [, region, account, key, alias] = match ?? [];
  const name = key ?? alias;
  if (region === undefined || account === undefined || name === undefined) return undefined;
  return { account, region, isAlias: alias !== undefined, name };
}

function keyResource(arn: string, place: KeyPlace | undefined): Resource {
  if (place === undefined) return { type: 'kms-key', id: arn, name: arn };
  const { name, account, region } = place;
  return { type: 'kms-key', id: arn, name, account, region };
}

/** @throws UncheckedError for an answer that says nothing, or a state for which there is no rule. */
function keyState(arn: string, metadata: KeyMetadata | undefined): KeyState {
  const state = metadata?.KeyState;
  if (metadata === undefined || state === undefined) {
    throw new UncheckedError('aws-error', 'kms:DescribeKey answered without the state of the key');
  }
  const managedBy = metadata.KeyManager === 'AWS' ? 'aws' : 'customer';
  if (usableStates.has(state)) return { arn, state: 'usable', detail: state, managedBy };
  if (!blockedStates.has(state)) {
    throw new UncheckedError('unknown-status', `KMS calls the key ${state}, for which there is no rule.`);
  }
  return { arn, state: 'blocked', detail: blockedDetail(state, metadata), managedBy };
}

function blockedDetail(state: string, { DeletionDate, PendingDeletionWindowInDays }: KeyMetadata): string {
  if (state === 'PendingDeletion' && DeletionDate !== undefined) {
    return `${state}, deleted on ${DeletionDate.toISOString().slice(0, 10)}`;
  }
  if (state === 'PendingReplicaDeletion' && PendingDeletionWindowInDays !== undefined) {
    return `${state}, deleted ${PendingDeletionWindowInDays} days after the last of its replicas`;
  }
  return state;
}
