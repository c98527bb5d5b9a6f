import { evaluateRules, type RuleTest } from '../../../shared/evaluate-rules.ts';
import type { FindingDraft } from '../../../shared/finding.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { BackupEvaluation } from '../context.ts';
import { daysText } from '../protection/duration-text.ts';
import type { AwsBackupFacts, PlanRule, Vault } from './facts.ts';
import { nameOf } from './resource-kind.ts';

interface RuleContext {
  readonly vaults: readonly Vault[];
}

type PlanRuleId = 'plan-below-vault-minimum';

type PlanRuleTest = RuleTest<PlanRule, RuleContext, PlanRuleId>;

/** Returns the broken rules on what backup plans ask for. */
export function evaluatePlans({
  rules: items,
  vaults,
}: AwsBackupFacts): Pick<BackupEvaluation, 'findings' | 'unchecked'> {
  return evaluateRules(items, rules, { vaults });
}

/**
 * Policy: a plan keeps its backups within the limits of the vaults that it puts them into. Where it does not, everything declared
 * looks right and every job fails: https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html
 *
 * Limits of vaults outside the estate are not known, and not judged.
 */
const planBelowVaultMinimum: PlanRuleTest = (rule, { vaults }) => {
  const { account, region } = rule.resource;
  const target = vaults.find(
    ({ resource }) => resource.name === rule.vaultName && resource.account === account && resource.region === region,
  );
  const copies = rule.copies.flatMap((copy) => {
    const vault = vaults.find(({ resource }) => resource.id === copy.vaultArn);
    return vault === undefined ? [] : beyond(rule, copy.retentionDays, vault, 'copies to');
  });
  if (target !== undefined) return [...beyond(rule, rule.retentionDays, target, 'keeps backups in'), ...copies];
  if (copies.length > 0) return copies;
  throw new UncheckedError('vault-not-found', `The vault ${rule.vaultName} that it puts backups into was not found.`);
};

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
