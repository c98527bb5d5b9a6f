import {
  type BackupPlansListMember,
  type BackupRule,
  type BackupSelection,
  type BackupSelectionsListMember,
  type ConditionParameter,
  GetBackupPlanCommand,
  GetBackupSelectionCommand,
  type Lifecycle,
  paginateListBackupPlans,
  paginateListBackupSelections,
} from '@aws-sdk/client-backup';
import pMap from 'p-map';
import type { Resource } from '../../../shared/resource.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { Context } from '../context.ts';
import type { PlanRule, PlanSelection, TagCondition } from './facts.ts';
import { clientIn, listingIn, type Place, pageSize } from './place.ts';

const planConcurrency = 3;

type Parts = Pick<Context, 'clients' | 'coverage' | 'signal'>;

interface Plans {
  readonly rules: PlanRule[];
  readonly selections: PlanSelection[];
}

/**
 * Returns the rules and selections of the backup plans of one place, all asked for where the plan is. A plan or a selection that
 * cannot be read is unchecked, and the others are read.
 */
export async function collectPlans(place: Place, context: Parts): Promise<Plans> {
  const { clients, coverage, signal } = context;
  const client = clientIn(place, clients);
  const listed: { resource: Resource; member: BackupPlansListMember }[] = [];
  await coverage.look(listingIn('plans', 'backup plans', place), async () => {
    for await (const page of paginateListBackupPlans({ client, pageSize }, {}, { abortSignal: signal })) {
      for (const member of page.BackupPlansList ?? []) {
        if (member.BackupPlanArn === undefined || member.BackupPlanId === undefined) continue;
        const name = member.BackupPlanName ?? member.BackupPlanId;
        const id = member.BackupPlanArn;
        const resource = { type: 'backup-plan', id, name, account: place.account.id, region: place.region };
        listed.push({ resource, member });
      }
    }
  });
  for (const { resource } of listed) coverage.expect(resource);
  const plans: Plans = { rules: [], selections: [] };
  await pMap(
    listed,
    async ({ resource, member }) => {
      const selections = await readPlan(resource, member, place, context, plans);
      for (const selection of selections) await readSelection(selection, member, resource, place, context, plans);
    },
    { concurrency: planConcurrency },
  );
  return plans;
}

/** Returns the plan's selections as far as they could be listed. */
async function readPlan(
  resource: Resource,
  { BackupPlanId }: BackupPlansListMember,
  place: Place,
  { clients, coverage, signal }: Parts,
  found: Plans,
): Promise<BackupSelectionsListMember[]> {
  const client = clientIn(place, clients);
  const listed: BackupSelectionsListMember[] = [];
  await coverage.look(resource, async () => {
    const { BackupPlan: plan } = await client.send(new GetBackupPlanCommand({ BackupPlanId }), { abortSignal: signal });
    if (plan === undefined) throw new UncheckedError('aws-error', 'backup:GetBackupPlan answered without the plan');
    found.rules.push(...(plan.Rules ?? []).map((rule) => planRule(rule, resource)));
    const pages = paginateListBackupSelections({ client, pageSize }, { BackupPlanId }, { abortSignal: signal });
    for await (const page of pages) listed.push(...(page.BackupSelectionsList ?? []));
  });
  return listed;
}

async function readSelection(
  { SelectionId, SelectionName }: BackupSelectionsListMember,
  { BackupPlanId }: BackupPlansListMember,
  plan: Resource,
  place: Place,
  { clients, coverage, signal }: Parts,
  found: Plans,
): Promise<void> {
  const resource = {
    ...plan,
    type: 'backup-selection',
    id: `${plan.id}/selection/${SelectionId}`,
    name: SelectionName ?? SelectionId ?? 'selection',
  };
  await coverage.look(resource, async () => {
    const command = new GetBackupSelectionCommand({ BackupPlanId, SelectionId });
    const { BackupSelection } = await clientIn(place, clients).send(command, { abortSignal: signal });
    if (BackupSelection === undefined) {
      throw new UncheckedError('aws-error', 'backup:GetBackupSelection answered without the selection');
    }
    found.selections.push(planSelection(BackupSelection, plan, place));
  });
}

function planRule(rule: BackupRule, plan: Resource): PlanRule {
  const ruleName = rule.RuleName ?? rule.RuleId ?? 'rule';
  const airGapped = rule.TargetLogicallyAirGappedBackupVaultArn;
  const retentionDays = retentionOf(rule.Lifecycle);
  return {
    resource: {
      ...plan,
      type: 'backup-plan-rule',
      id: `${plan.id}#${rule.RuleId ?? ruleName}`,
      name: `${plan.name}: ${ruleName}`,
    },
    planArn: plan.id,
    planName: plan.name,
    ruleName,
    vaultName: rule.TargetBackupVaultName ?? '',
    retentionDays,
    isContinuous: rule.EnableContinuousBackup === true,
    schedule: rule.ScheduleExpression,
    copies: [
      ...(airGapped === undefined ? [] : [{ vaultArn: airGapped, retentionDays }]),
      ...(rule.CopyActions ?? []).flatMap(({ DestinationBackupVaultArn: vaultArn, Lifecycle }) =>
        vaultArn === undefined ? [] : [{ vaultArn, retentionDays: retentionOf(Lifecycle) }],
      ),
    ],
  };
}

/** -1 keeps for ever: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_Lifecycle.html */
function retentionOf(lifecycle: Lifecycle | undefined): number | undefined {
  const days = lifecycle?.DeleteAfterDays;
  return days === undefined || days < 0 ? undefined : days;
}

function planSelection(selection: BackupSelection, plan: Resource, { account, region }: Place): PlanSelection {
  const { StringEquals, StringNotEquals, StringLike, StringNotLike } = selection.Conditions ?? {};
  return {
    planArn: plan.id,
    name: selection.SelectionName ?? '',
    account: account.id,
    region,
    resources: selection.Resources ?? [],
    notResources: selection.NotResources ?? [],
    listOfTags: tagConditions(selection.ListOfTags),
    stringEquals: tagConditions(StringEquals),
    stringNotEquals: tagConditions(StringNotEquals),
    stringLike: tagConditions(StringLike),
    stringNotLike: tagConditions(StringNotLike),
  };
}

/** Conditions have keys such as `aws:ResourceTag/backup`; in `ListOfTags` both this and the bare key are met with. */
function tagConditions(conditions: readonly ConditionParameter[] | undefined): TagCondition[] {
  return (conditions ?? []).map(({ ConditionKey = '', ConditionValue = '' }) => ({
    key: ConditionKey.replace(/^aws:ResourceTag\//, ''),
    value: ConditionValue,
  }));
}
