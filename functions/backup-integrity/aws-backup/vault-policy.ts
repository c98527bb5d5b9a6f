import * as z from 'zod';
import { glob } from '../../../shared/glob.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';

const texts = z.union([z.string(), z.array(z.string())]).transform((given) => (Array.isArray(given) ? given : [given]));

const principal = z
  .union([z.literal('*'), z.record(z.string(), texts)])
  .transform((given) => (given === '*' ? { AWS: ['*'] } : given) as Record<string, string[]>);

const statementSchema = z.object({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Principal: principal.optional(),
  NotPrincipal: principal.optional(),
  Action: texts.optional(),
  NotAction: texts.optional(),
  Resource: texts.optional(),
  Condition: z.record(z.string(), z.record(z.string(), texts)).optional(),
});

type Statement = z.output<typeof statementSchema>;

const policySchema = z.object({
  Statement: z
    .union([statementSchema, z.array(statementSchema)])
    .transform((given) => (Array.isArray(given) ? given : [given])),
});

/** What AWS Config asks a vault's policy to deny to everybody. */
const guardedActions = [
  'backup:DeleteRecoveryPoint',
  'backup:UpdateRecoveryPointLifecycle',
  'backup:PutBackupVaultAccessPolicy',
] as const;

/** What takes recovery points away, or takes away what keeps them. */
const destructiveActions = [
  ...guardedActions,
  'backup:DisassociateRecoveryPoint',
  'backup:DeleteBackupVault',
  'backup:DeleteBackupVaultAccessPolicy',
  'backup:DeleteBackupVaultLockConfiguration',
] as const;

const copyInto = 'backup:CopyIntoBackupVault';

/** What a vault's access policy comes to. */
export interface VaultAccess {
  /** Destructive actions that somebody is allowed and that no statement denies to everybody. */
  readonly allowed: readonly string[];
  /** Who is allowed them; `*` for everybody in the account. */
  readonly allowedTo: readonly string[];
  /** Of what AWS Config asks to be denied to everybody, what is not. */
  readonly notDenied: readonly string[];
  /** Accounts that may copy into the vault; `*` for any account whatever. */
  readonly sharedWith: readonly string[];
}

/**
 * Returns what a vault's access policy lets be done to the vault. A denial counts when it is to everybody, for every resource, and
 * at most spares some by a negated condition or by NotPrincipal.
 *
 * AWS Backup refuses other accounts everything but backup:CopyIntoBackupVault, whatever a policy says:
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/create-a-vault-access-policy.html. What should be denied:
 * https://docs.aws.amazon.com/config/latest/developerguide/backup-recovery-point-manual-deletion-disabled.html
 *
 * @param policy JSON; undefined: the vault has none.
 * @throws UncheckedError when the policy cannot be understood.
 */
export function vaultAccess(policy: string | undefined): VaultAccess {
  const statements = policy === undefined ? [] : parse(policy);
  const isDenied = (action: string) => statements.some((statement) => deniesEverybody(statement, action));
  const allowing = statements.filter(({ Effect }) => Effect === 'Allow');
  const allowed = destructiveActions.filter(
    (action) => !isDenied(action) && allowing.some((statement) => isAbout(statement, action)),
  );
  const to = allowing.filter((statement) => allowed.some((action) => isAbout(statement, action)));
  return {
    allowed,
    allowedTo: [...new Set(to.flatMap(principalsOf))],
    notDenied: guardedActions.filter((action) => !isDenied(action)),
    sharedWith: isDenied(copyInto)
      ? []
      : [...new Set(allowing.filter((statement) => isAbout(statement, copyInto)).flatMap(accountsOf))],
  };
}

function parse(policy: string): Statement[] {
  let document: unknown;
  try {
    document = JSON.parse(policy);
  } catch (cause) {
    throw new UncheckedError('unreadable-policy', 'The access policy of the vault is no JSON.', { cause });
  }
  const { success, data, error } = policySchema.safeParse(document);
  if (success) return data.Statement;
  const detail = `The access policy of the vault has a form that is not understood: ${z.prettifyError(error)}`;
  throw new UncheckedError('unreadable-policy', detail);
}

function isAbout({ Action, NotAction }: Statement, action: string): boolean {
  if (Action !== undefined) return Action.some((pattern) => glob(pattern)(action));
  return NotAction !== undefined && !NotAction.some((pattern) => glob(pattern)(action));
}

function deniesEverybody(statement: Statement, action: string): boolean {
  if (statement.Effect !== 'Deny' || !isAbout(statement, action)) return false;
  const isToAll = statement.NotPrincipal !== undefined || principalsOf(statement).includes('*');
  const operators = Object.keys(statement.Condition ?? {});
  return isToAll && (statement.Resource ?? ['*']).includes('*') && operators.every((operator) => /Not/.test(operator));
}

/** Services of AWS act on behalf of somebody who is allowed to anyway. */
function principalsOf({ Principal, NotPrincipal }: Statement): string[] {
  if (NotPrincipal !== undefined) return ['*'];
  return [...(Principal?.AWS ?? []), ...(Principal?.Federated ?? [])];
}

/** Returns the accounts that a statement reaches; none for one that is bound to the organization. */
function accountsOf(statement: Statement): string[] {
  const conditions = Object.entries(statement.Condition ?? {}).filter(([operator]) => !/Not/.test(operator));
  const keys = conditions.flatMap(([, tests]) => Object.entries(tests));
  const valuesOf = (pattern: RegExp) => keys.filter(([key]) => pattern.test(key)).flatMap(([, values]) => values);
  const organizations = valuesOf(/^aws:(Principal|Source)Org(ID|Paths)$/i);
  if (organizations.some((value) => value !== '*')) return [];
  const accounts = valuesOf(/^aws:(Principal|Source)Account$/i);
  if (accounts.length > 0) return accounts;
  return principalsOf(statement).flatMap((name) => (name === '*' ? '*' : (/\d{12}/.exec(name)?.[0] ?? [])));
}
