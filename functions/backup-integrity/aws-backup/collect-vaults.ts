import {
  type AggregatedScanResult,
  type BackupVaultListMember,
  GetBackupVaultAccessPolicyCommand,
  paginateListBackupVaults,
  paginateListRecoveryPointsByBackupVault,
  type RecoveryPointByBackupVault,
} from '@aws-sdk/client-backup';
import pMap from 'p-map';
import type { Resource } from '../../../shared/resource.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Context } from '../context.ts';
import type { RecoveryPoint, Vault } from './facts.ts';
import { clientIn, listingIn, type Place, pageSize } from './place.ts';
import { nameOf } from './resource-kind.ts';

const vaultConcurrency = 3;

type Parts = Pick<Context, 'clients' | 'coverage' | 'signal'>;

/**
 * Returns the vaults of one place and what is in them. Each vault stands for itself in the ledger: one that cannot be read, or not
 * to its end, is unchecked, and what was read of it counts. So does an access policy, apart from its vault.
 */
export async function collectVaults(
  place: Place,
  context: Parts,
): Promise<{ vaults: Vault[]; recoveryPoints: RecoveryPoint[] }> {
  const { clients, coverage, signal } = context;
  const client = clientIn(place, clients);
  const listed: { resource: Resource; member: BackupVaultListMember }[] = [];
  await coverage.look(listingIn('vaults', 'backup vaults', place), async () => {
    for await (const page of paginateListBackupVaults({ client, pageSize }, {}, { abortSignal: signal })) {
      for (const member of page.BackupVaultList ?? []) {
        if (member.BackupVaultArn === undefined || member.BackupVaultName === undefined) continue;
        const resource = {
          type: 'backup-vault',
          id: member.BackupVaultArn,
          name: member.BackupVaultName,
          account: place.account.id,
          region: place.region,
        };
        listed.push({ resource, member });
      }
    }
  });
  for (const { resource } of listed) coverage.expect(resource);
  const recoveryPoints: RecoveryPoint[] = [];
  const vaults = await pMap(
    listed,
    async ({ resource, member }) => {
      const accessPolicy = await readAccessPolicy(resource, place, context);
      await readPoints(resource, place, context, recoveryPoints);
      return vault(resource, member, accessPolicy);
    },
    { concurrency: vaultConcurrency },
  );
  return { vaults, recoveryPoints };
}

/** Returns a vault's policy as JSON, undefined when it has none, `null` when it could not be read. */
async function readAccessPolicy(
  vault: Resource,
  place: Place,
  { clients, coverage, signal }: Parts,
): Promise<string | undefined | null> {
  const resource = {
    ...vault,
    type: 'backup-vault-policy',
    id: `${vault.id}/access-policy`,
    name: `access policy of ${vault.name}`,
  };
  const answer = await coverage.look(resource, async () => {
    try {
      const command = new GetBackupVaultAccessPolicyCommand({ BackupVaultName: vault.name });
      const { Policy } = await clientIn(place, clients).send(command, { abortSignal: signal });
      return { policy: Policy };
    } catch (error) {
      // How AWS Backup says that a vault has no policy.
      if (error instanceof Error && error.name === 'ResourceNotFoundException') return { policy: undefined };
      throw error;
    }
  });
  return answer === undefined ? null : answer.policy;
}

async function readPoints(
  vault: Resource,
  place: Place,
  { clients, coverage, signal }: Parts,
  found: RecoveryPoint[],
): Promise<void> {
  const client = clientIn(place, clients);
  await coverage.look(vault, async () => {
    const wanted = { BackupVaultName: vault.name };
    const pages = paginateListRecoveryPointsByBackupVault({ client, pageSize }, wanted, { abortSignal: signal });
    let nameless = 0;
    for await (const page of pages) {
      for (const listed of page.RecoveryPoints ?? []) {
        const point = recoveryPoint(listed, vault);
        if (point === undefined) {
          nameless += 1;
          continue;
        }
        coverage.checked(point.resource);
        found.push(point);
      }
    }
    if (nameless > 0) {
      throw new UncheckedError('aws-error', `AWS Backup lists ${nameless} recovery points without ARNs.`);
    }
  });
}

function vault(resource: Resource, member: BackupVaultListMember, accessPolicy: string | undefined | null): Vault {
  return {
    resource,
    type: member.VaultType ?? 'BACKUP_VAULT',
    kmsKeyArn: member.EncryptionKeyArn,
    isLocked: member.Locked === true,
    minimumRetentionDays: member.MinRetentionDays,
    maximumRetentionDays: member.MaxRetentionDays,
    lockDate: member.LockDate,
    accessPolicy,
  };
}

function recoveryPoint(listed: RecoveryPointByBackupVault, vault: Resource): RecoveryPoint | undefined {
  const { RecoveryPointArn: arn, ResourceArn: protectedArn } = listed;
  if (arn === undefined || protectedArn === undefined) return undefined;
  // https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html: one such point for each resource.
  const isContinuous = arn.includes(':recovery-point:continuous:');
  return {
    resource: { ...vault, type: 'recovery-point', id: arn, name: `${nameOf(protectedArn)} in ${vault.name}` },
    vaultArn: vault.id,
    protectedArn,
    protectedType: listed.ResourceType ?? 'unknown',
    status: listed.Status ?? 'UNKNOWN',
    statusMessage: listed.StatusMessage,
    createdAt: listed.CreationDate,
    completedAt: listed.CompletionDate,
    // Counted from when the continuous backup began, it says nothing of what is in it now.
    deleteAt: isContinuous ? undefined : listed.CalculatedLifecycle?.DeleteAt,
    sizeBytes: listed.BackupSizeInBytes,
    isEncrypted: listed.IsEncrypted,
    // A key that AWS owns is shown to nobody, and cannot be disabled either.
    kmsKeyArn: listed.EncryptionKeyType === 'AWS_OWNED_KMS_KEY' ? undefined : listed.EncryptionKeyArn,
    scan: scanOf(listed.AggregatedScanResult),
    isContinuous,
    continuousDays: isContinuous ? listed.Lifecycle?.DeleteAfterDays : undefined,
    parentArn: listed.ParentRecoveryPointArn,
  };
}

/** Anything found counts as infected, whatever it is called. */
function scanOf(result: AggregatedScanResult | undefined): RecoveryPoint['scan'] {
  if (result === undefined) return undefined;
  if ((result.Findings ?? []).length > 0) return 'infected';
  if (result.FailedScan === true) return 'scan-failed';
  return result.LastComputed === undefined ? undefined : 'clean';
}
