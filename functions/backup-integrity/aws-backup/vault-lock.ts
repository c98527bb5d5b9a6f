import type { Vault } from './facts.ts';

/**
 * How a vault is locked. `compliance`: for good, nobody can delete what is in it before its time. `cooling-off`: it will be, and
 * until then the lock can be removed. `governance`: whoever has the permission can remove it at any time.
 */
export type VaultLock = 'compliance' | 'cooling-off' | 'governance' | 'none';

const airGapped = 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT';

/**
 * Returns how a vault is locked at `now`. Logically air-gapped vaults are always locked in compliance mode.
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html,
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/logicallyairgappedvault.html
 */
export function vaultLock(
  { type, isLocked, lockDate }: Pick<Vault, 'type' | 'isLocked' | 'lockDate'>,
  now: Date,
): VaultLock {
  if (type === airGapped) return 'compliance';
  if (!isLocked) return 'none';
  if (lockDate === undefined) return 'governance';
  return lockDate <= now ? 'compliance' : 'cooling-off';
}
