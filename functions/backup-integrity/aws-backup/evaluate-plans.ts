import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { FindingDraft } from '../../../shared/finding.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { BackupEvaluation } from '../context.ts';
import { daysText } from '../protection/duration-text.ts';
import type { AwsBackupFacts, PlanRule, Vault } from './facts.ts';
import { nameOf } from './resource-kind.ts';

interface RuleContext {
  readonly vaults: readonly Vault[];
  /** `account/region` pairs of the estate. */
  readonly places: ReadonlySet<string>;
}

type PlanRuleId = 'plan-below-vault-minimum';

type PlanRuleTest = RuleTest<PlanRule, RuleContext, PlanRuleId>;

/** Returns the broken rules on what backup plans ask for. */
export function evaluatePlans({
  rules: items,
  vaults,
  places,
}: AwsBackupFacts): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  return evaluateRules(items, rules, { vaults, places });
}

/**
 * Policy: a plan keeps its backups within the limits of the vaults that it puts them into. Where it does not, everything declared
 * looks right and every job fails: https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html
 *
 * Limits of vaults outside the estate are not known, and not judged.
 */
const planBelowVaultMinimum: PlanRuleTest = (rule, { vaults, places }) => {
  const { account, region } = rule.resource;
  const target = vaults.find(
    ({ resource }) => resource.name === rule.vaultName && resource.account === account && resource.region === region,
  );
  const copies = rule.copies.flatMap((copy) => {
    const vault = vaults.find(({ resource }) => resource.id === copy.vaultArn);
    return vault === undefined ? [] : beyond(rule, copy.retentionDays, vault, 'copies to');
  });
  const own = target === undefined ? [] : beyond(rule, rule.retentionDays, target, 'keeps backups in');
  const unknown =
    target === undefined
      ? rule.vaultName
      : rule.copies.find(
          ({ vaultArn }) => isInside(vaultArn, places) && !vaults.some(({ resource }) => resource.id === vaultArn),
        )?.vaultArn;
  const findings = [...own, ...copies];
  if (unknown === undefined || findings.length > 0) return findings;
  throw new UncheckedError('vault-not-found', `The vault ${nameOf(unknown)} that it puts backups into was not found.`);
};

/** `arn:aws:backup:us-west-2:123456789012:backup-vault:nycmg-locked` is in `123456789012/us-west-2`. */
function isInside(vaultArn: string, places: ReadonlySet<string>): boolean {
  const [, , , region, account] = vaultArn.split(':');
  return places.has(`${account}/${region}`);
}

function beyond(
  rule: PlanRule,
  retentionDays: number | undefined,
  { resource, minimumRetentionDays: minimum, maximumRetentionDays: maximum }: Vault,
  what: string,
): FindingDraft<PlanRuleId>[] {
  const isBelow = minimum !== undefined && retentionDays !== undefined && retentionDays < minimum;
  const isAbove = maximum !== undefined && (retentionDays === undefined || retentionDays > maximum);
  if (!isBelow && !isAbove) return [];
  const kept = retentionDays === undefined ? 'for ever' : `for ${daysText(retentionDays)}`;
  const limit = isBelow ? `at least ${daysText(minimum)}` : `at most ${daysText(maximum ?? 0)}`;
  return [
    {
      rule: 'plan-below-vault-minimum',
      discriminator: resource.id,
      severity: 'high',
      resource: rule.resource,
      summary: `The rule ${what} ${nameOf(resource.id)} ${kept}, which takes ${limit}: every job of it fails.`,
      evidence: {
        vault: resource.id,
        ...(retentionDays === undefined ? {} : { retentionDays }),
        ...(minimum === undefined ? {} : { vaultMinimumDays: minimum }),
        ...(maximum === undefined ? {} : { vaultMaximumDays: maximum }),
      },
      remedy: 'Correct the retention in the plan; the limits of a vault that is locked for good cannot be changed.',
    },
  ];
}

const rules = {
  'plan-below-vault-minimum': planBelowVaultMinimum,
} satisfies Record<PlanRuleId, PlanRuleTest>;
