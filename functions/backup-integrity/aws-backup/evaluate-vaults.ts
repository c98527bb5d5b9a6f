import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { FindingDraft, Severity } from '../../../shared/finding.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { BackupEvaluation, Config } from '../context.ts';
import { daysText } from '../protection/duration-text.ts';
import type { AwsBackupFacts, Vault } from './facts.ts';
import { type VaultLock, vaultLock } from './vault-lock.ts';
import { vaultAccess } from './vault-policy.ts';

interface RuleContext {
  readonly now: Date;
  readonly trusted: ReadonlySet<string>;
  /** Some policy asks for backups that nobody can delete. */
  readonly asksImmutable: boolean;
  /** ARNs of the vaults that hold something. */
  readonly filled: ReadonlySet<string>;
}

type VaultRuleId = 'vault-not-locked' | 'vault-deletable';

type VaultRule = RuleTest<Vault, RuleContext, VaultRuleId>;

const dayMs = 86_400_000;

/** A view of another account's vault, which is guarded there. */
const restoreAccess = 'RESTORE_ACCESS_BACKUP_VAULT';

/** Returns the broken rules on how vaults are guarded. */
export function evaluateVaults(
  facts: AwsBackupFacts,
  config: Config,
  now: Date,
): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  const own = [...facts.places].map((place) => place.split('/')[0] ?? '');
  return evaluateRules(
    facts.vaults.filter(({ type }) => type !== restoreAccess),
    rules,
    {
      now,
      trusted: new Set([...config.trustedAccounts, ...own]),
      asksImmutable: config.policies.some(({ immutable }) => immutable === true),
      filled: new Set(facts.recoveryPoints.map(({ vaultArn }) => vaultArn)),
    },
  );
}

/** How bad a lock is that is none for good: whether somebody counts on it first, then the lock. */
const lockSeverities: Readonly<
  Record<'asked' | 'not-asked', Readonly<Record<Exclude<VaultLock, 'compliance'>, Severity>>>
> = {
  asked: { none: 'medium', governance: 'medium', 'cooling-off': 'low' },
  'not-asked': { none: 'low', governance: 'informational', 'cooling-off': 'informational' },
};

/**
 * Policy: a vault that holds recovery points is locked in compliance mode, and its cooling-off time is over. Until then, whoever
 * takes over the account can remove the lock: https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html
 */
const vaultNotLocked: VaultRule = (vault, { now, asksImmutable, filled }) => {
  const lock = vaultLock(vault, now);
  if (lock === 'compliance' || !filled.has(vault.resource.id)) return [];
  const daysLeft = ((vault.lockDate?.getTime() ?? 0) - now.getTime()) / dayMs;
  const texts = {
    none: 'Nothing locks the vault: its backups can be deleted by whoever has the permission.',
    governance: 'The vault is locked in governance mode, which whoever has the permission can end at any time.',
    'cooling-off': `The lock of the vault can still be removed, for ${daysLeft < 1 ? 'less than a day' : daysText(daysLeft)}: until ${vault.lockDate?.toISOString()}.`,
  };
  return [
    {
      rule: 'vault-not-locked',
      severity: lockSeverities[asksImmutable ? 'asked' : 'not-asked'][lock],
      resource: vault.resource,
      summary: texts[lock],
      evidence: { lock, ...(vault.lockDate === undefined ? {} : { lockDate: vault.lockDate.toISOString() }) },
      remedy:
        lock === 'cooling-off'
          ? 'Nothing, if its retention limits are right: the lock closes by itself.'
          : 'Lock it in compliance mode (aws backup put-backup-vault-lock-configuration --changeable-for-days 3 …), after looking twice at the retention limits.',
    },
  ];
};

/**
 * Policy: the access policy of a vault that is not locked for good lets nobody delete what is in it, denies that to everybody, and
 * lets no strange account copy into the vault.
 */
const vaultDeletable: VaultRule = (vault, context) => {
  if (vault.accessPolicy === null) {
    throw new UncheckedError(
      'access-policy-unread',
      'Who may delete from the vault is not known: its policy was not read.',
    );
  }
  const access = vaultAccess(vault.accessPolicy);
  return [...deletable(vault, access, context), ...shared(vault, access, context)];
};

function deletable(
  vault: Vault,
  { allowed, allowedTo, notDenied }: ReturnType<typeof vaultAccess>,
  { now, asksImmutable, filled }: RuleContext,
): FindingDraft<VaultRuleId>[] {
  const lock = vaultLock(vault, now);
  if (lock === 'compliance') return [];
  if (allowed.length > 0) {
    const isAnybody = allowedTo.includes('*');
    return [
      {
        rule: 'vault-deletable',
        severity: lock === 'none' && isAnybody ? 'high' : 'medium',
        resource: vault.resource,
        summary: `The vault's access policy lets ${isAnybody ? 'everybody in the account' : `${allowedTo.length} principals`} ${wordsOf(allowed)}.`,
        evidence: { actions: [...allowed], principals: [...allowedTo], lock },
        remedy: 'Take the statement out of the access policy, and deny these actions to everybody.',
      },
    ];
  }
  // While a vault is locked in any way, what is in it cannot be deleted, whatever its policy leaves open.
  if (lock !== 'none' || notDenied.length === 0 || !filled.has(vault.resource.id)) return [];
  return [
    {
      rule: 'vault-deletable',
      severity: asksImmutable && notDenied.includes('backup:DeleteRecoveryPoint') ? 'medium' : 'low',
      resource: vault.resource,
      summary: `The vault is not locked, and ${vault.accessPolicy === undefined ? 'has no access policy' : 'its access policy does not'} to deny everybody to ${wordsOf(notDenied)}.`,
      evidence: { notDenied: [...notDenied] },
      remedy: 'Deny these actions to everybody in the access policy, or lock the vault.',
    },
  ];
}

function shared(
  vault: Vault,
  { sharedWith }: ReturnType<typeof vaultAccess>,
  { trusted }: RuleContext,
): FindingDraft<VaultRuleId>[] {
  const strange = sharedWith.filter((account) => account !== vault.resource.account && !trusted.has(account));
  if (strange.length === 0) return [];
  const isAnybody = strange.includes('*');
  return [
    {
      rule: 'vault-deletable',
      discriminator: 'shared',
      severity: isAnybody ? 'medium' : 'low',
      resource: vault.resource,
      summary: `${isAnybody ? 'Any AWS account' : `The account ${strange.join(', ')}`} may copy backups into the vault, and nobody could delete them.`,
      evidence: { accounts: strange },
      remedy:
        'Limit backup:CopyIntoBackupVault to the organization (aws:PrincipalOrgID), or name the account in trustedAccounts.',
    },
  ];
}

/** `backup:DeleteRecoveryPoint` is what an operator searches for: kept, without the prefix. */
function wordsOf(actions: readonly string[]): string {
  return actions.map((action) => action.replace('backup:', '')).join(', ');
}

const rules = {
  'vault-not-locked': vaultNotLocked,
  'vault-deletable': vaultDeletable,
} satisfies Record<VaultRuleId, VaultRule>;
