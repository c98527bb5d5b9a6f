import {
  type BackupJob,
  type BackupPlan,
  type BackupPlansListMember,
  type BackupSelection,
  type BackupSelectionsListMember,
  type BackupVaultListMember,
  type CopyJob,
  DescribeBackupVault$,
  type DescribeBackupVaultInput,
  type DescribeBackupVaultOutput,
  DescribeRegionSettings$,
  type DescribeRegionSettingsInput,
  type DescribeRegionSettingsOutput,
  GetBackupPlan$,
  type GetBackupPlanInput,
  type GetBackupPlanOutput,
  GetBackupSelection$,
  type GetBackupSelectionInput,
  type GetBackupSelectionOutput,
  GetBackupVaultAccessPolicy$,
  type GetBackupVaultAccessPolicyInput,
  type GetBackupVaultAccessPolicyOutput,
  ListBackupJobs$,
  type ListBackupJobsInput,
  type ListBackupJobsOutput,
  ListBackupPlans$,
  type ListBackupPlansInput,
  type ListBackupPlansOutput,
  ListBackupSelections$,
  type ListBackupSelectionsInput,
  type ListBackupSelectionsOutput,
  ListBackupVaults$,
  type ListBackupVaultsInput,
  type ListBackupVaultsOutput,
  ListCopyJobs$,
  type ListCopyJobsInput,
  type ListCopyJobsOutput,
  ListProtectedResources$,
  type ListProtectedResourcesInput,
  type ListProtectedResourcesOutput,
  ListRecoveryPointsByBackupVault$,
  type ListRecoveryPointsByBackupVaultInput,
  type ListRecoveryPointsByBackupVaultOutput,
  ListRestoreJobs$,
  type ListRestoreJobsInput,
  type ListRestoreJobsOutput,
  ListRestoreTestingPlans$,
  type ListRestoreTestingPlansInput,
  type ListRestoreTestingPlansOutput,
  type ProtectedResource,
  type RecoveryPointByBackupVault,
  type RestoreJobsListMember,
  type RestoreTestingPlanForList,
} from '@aws-sdk/client-backup';
import { Refusal } from '../refusal.ts';
import { restJsonWire } from '../rest-json-wire.ts';
import { type Call, operation, refuseOthers, type Service } from '../service.ts';

/** A vault with its recovery points. */
export interface BackupVaultDocument {
  readonly vault: BackupVaultListMember;
  /** JSON; without it, the vault has none. */
  readonly accessPolicy?: string;
  readonly recoveryPoints: readonly RecoveryPointByBackupVault[];
}

/** A backup plan with what it is for. */
export interface BackupPlanDocument {
  readonly plan: BackupPlansListMember;
  readonly document: BackupPlan;
  readonly selections: readonly {
    readonly listed: BackupSelectionsListMember;
    readonly selection: BackupSelection;
  }[];
}

/** What AWS Backup holds in one region. */
export interface BackupDocument {
  readonly vaults?: readonly BackupVaultDocument[];
  readonly plans?: readonly BackupPlanDocument[];
  readonly jobs?: readonly BackupJob[];
  readonly copyJobs?: readonly CopyJob[];
  readonly restoreJobs?: readonly RestoreJobsListMember[];
  readonly protectedResources?: readonly ProtectedResource[];
  readonly restoreTestingPlans?: readonly RestoreTestingPlanForList[];
  readonly regionSettings?: DescribeRegionSettingsOutput;
}

/** AWS Backup. */
export const backup: Service = {
  name: 'backup',
  serviceId: 'Backup',
  wire: restJsonWire,
  errorCodes: {
    invalidInput: { code: 'InvalidParameterValueException', status: 400 },
    internalError: { code: 'ServiceUnavailableException', status: 500 },
  },
  operations: [
    operation(ListBackupVaults$, (input: ListBackupVaultsInput, call): ListBackupVaultsOutput => {
      const { ByVaultType, NextToken, MaxResults, ...others } = input;
      refuseOthers(others);
      const vaults = (call.regional.backup?.vaults ?? []).map(({ vault }) => vault);
      const listed = vaults.filter((vault) => equals(vault.VaultType ?? 'BACKUP_VAULT', ByVaultType));
      const { items, next } = call.page(listed, NextToken, MaxResults);
      return { BackupVaultList: items, NextToken: next };
    }),

    operation(DescribeBackupVault$, (input: DescribeBackupVaultInput, call): DescribeBackupVaultOutput => {
      const { BackupVaultName, BackupVaultAccountId, ...others } = input;
      refuseOthers(others);
      return vaultOf(call, BackupVaultName, BackupVaultAccountId).vault;
    }),

    operation(
      GetBackupVaultAccessPolicy$,
      (input: GetBackupVaultAccessPolicyInput, call): GetBackupVaultAccessPolicyOutput => {
        const { vault, accessPolicy } = vaultOf(call, input.BackupVaultName);
        if (accessPolicy === undefined) throw notFound(`Backup vault ${vault.BackupVaultName} has no access policy.`);
        const { BackupVaultName, BackupVaultArn } = vault;
        return { BackupVaultName, BackupVaultArn, Policy: accessPolicy };
      },
    ),

    operation(
      ListRecoveryPointsByBackupVault$,
      (input: ListRecoveryPointsByBackupVaultInput, call): ListRecoveryPointsByBackupVaultOutput => {
        const { BackupVaultName, BackupVaultAccountId, NextToken, MaxResults, ...filters } = input;
        const { ByResourceArn, ByResourceType, ByBackupPlanId, ByParentRecoveryPointArn, ...times } = filters;
        const { ByCreatedAfter, ByCreatedBefore, ...others } = times;
        refuseOthers(others);
        const listed = vaultOf(call, BackupVaultName, BackupVaultAccountId).recoveryPoints.filter(
          (point) =>
            equals(point.ResourceArn, ByResourceArn) &&
            equals(point.ResourceType, ByResourceType) &&
            equals(point.CreatedBy?.BackupPlanId, ByBackupPlanId) &&
            equals(point.ParentRecoveryPointArn, ByParentRecoveryPointArn) &&
            isBetween(point.CreationDate, ByCreatedAfter, ByCreatedBefore),
        );
        const { items, next } = call.page(listed, NextToken, MaxResults);
        return { RecoveryPoints: items, NextToken: next };
      },
    ),

    operation(ListBackupPlans$, (input: ListBackupPlansInput, call): ListBackupPlansOutput => {
      const { IncludeDeleted = false, NextToken, MaxResults, ...others } = input;
      refuseOthers(others);
      const plans = (call.regional.backup?.plans ?? []).map(({ plan }) => plan);
      const listed = plans.filter(({ DeletionDate }) => IncludeDeleted || DeletionDate === undefined);
      const { items, next } = call.page(listed, NextToken, MaxResults);
      return { BackupPlansList: items, NextToken: next };
    }),

    operation(GetBackupPlan$, (input: GetBackupPlanInput, call): GetBackupPlanOutput => {
      const { BackupPlanId, ...others } = input;
      refuseOthers(others);
      const { plan, document } = planOf(call, BackupPlanId);
      const { BackupPlanName: _, ...listed } = plan;
      return { ...listed, BackupPlan: document };
    }),

    operation(ListBackupSelections$, (input: ListBackupSelectionsInput, call): ListBackupSelectionsOutput => {
      const { BackupPlanId, NextToken, MaxResults, ...others } = input;
      refuseOthers(others);
      const listed = planOf(call, BackupPlanId).selections.map((selection) => selection.listed);
      const { items, next } = call.page(listed, NextToken, MaxResults);
      return { BackupSelectionsList: items, NextToken: next };
    }),

    operation(GetBackupSelection$, (input: GetBackupSelectionInput, call): GetBackupSelectionOutput => {
      const { BackupPlanId, SelectionId: id } = input;
      const found = planOf(call, BackupPlanId).selections.find(({ listed }) => listed.SelectionId === id);
      if (found === undefined) throw notFound(`Cannot find selection ${id} of backup plan ${BackupPlanId}.`);
      const { CreationDate, CreatorRequestId } = found.listed;
      return { BackupPlanId, SelectionId: id, CreationDate, CreatorRequestId, BackupSelection: found.selection };
    }),

    operation(ListBackupJobs$, (input: ListBackupJobsInput, call): ListBackupJobsOutput => {
      const { ByBackupVaultName, ByState, NextToken, MaxResults, ...filters } = input;
      const listed = selectJobs(call.regional.backup?.jobs ?? [], filters).filter(
        (job) => equals(job.BackupVaultName, ByBackupVaultName) && equals(job.State, ByState),
      );
      const { items, next } = call.page(listed, NextToken, MaxResults);
      return { BackupJobs: items, NextToken: next };
    }),

    operation(ListCopyJobs$, (input: ListCopyJobsInput, call): ListCopyJobsOutput => {
      const { ByDestinationVaultArn, BySourceRecoveryPointArn, ByState, NextToken, MaxResults, ...filters } = input;
      const listed = selectJobs(call.regional.backup?.copyJobs ?? [], filters).filter(
        (job) =>
          equals(job.DestinationBackupVaultArn, ByDestinationVaultArn) &&
          equals(job.SourceRecoveryPointArn, BySourceRecoveryPointArn) &&
          equals(job.State, ByState),
      );
      const { items, next } = call.page(listed, NextToken, MaxResults);
      return { CopyJobs: items, NextToken: next };
    }),

    operation(ListRestoreJobs$, (input: ListRestoreJobsInput, call): ListRestoreJobsOutput => {
      const { ByStatus, ByRestoreTestingPlanArn, NextToken, MaxResults, ...filters } = input;
      const listed = selectJobs(call.regional.backup?.restoreJobs ?? [], filters).filter(
        (job) => equals(job.Status, ByStatus) && equals(job.CreatedBy?.RestoreTestingPlanArn, ByRestoreTestingPlanArn),
      );
      const { items, next } = call.page(listed, NextToken, MaxResults);
      return { RestoreJobs: items, NextToken: next };
    }),

    operation(ListProtectedResources$, (input: ListProtectedResourcesInput, call): ListProtectedResourcesOutput => {
      const { items, next } = call.page(
        call.regional.backup?.protectedResources ?? [],
        input.NextToken,
        input.MaxResults,
      );
      return { Results: items, NextToken: next };
    }),

    operation(DescribeRegionSettings$, (_: DescribeRegionSettingsInput, call): DescribeRegionSettingsOutput => {
      return call.regional.backup?.regionSettings ?? {};
    }),

    operation(ListRestoreTestingPlans$, (input: ListRestoreTestingPlansInput, call): ListRestoreTestingPlansOutput => {
      const { items, next } = call.page(
        call.regional.backup?.restoreTestingPlans ?? [],
        input.NextToken,
        input.MaxResults,
      );
      return { RestoreTestingPlans: items, NextToken: next };
    }),
  ],
};

/** Members that the three kinds of jobs have in common, and what they can be filtered by. */
type Job = Pick<BackupJob, 'AccountId' | 'ResourceType' | 'CreationDate' | 'CompletionDate' | 'ParentJobId'> &
  Pick<Partial<BackupJob>, 'ResourceArn' | 'MessageCategory'>;
type JobFilters = Omit<ListBackupJobsInput, 'ByState' | 'ByBackupVaultName' | 'NextToken' | 'MaxResults'>;

function selectJobs<T extends Job>(jobs: readonly T[], filters: JobFilters): T[] {
  const { ByResourceArn, ByResourceType, ByAccountId, ByParentJobId, ByMessageCategory, ...times } = filters;
  const { ByCreatedAfter, ByCreatedBefore, ByCompleteAfter, ByCompleteBefore, ...others } = times;
  refuseOthers(others);
  return jobs.filter(
    (job) =>
      equals(job.ResourceArn, ByResourceArn) &&
      equals(job.ResourceType, ByResourceType) &&
      equals(job.AccountId, ByAccountId) &&
      equals(job.ParentJobId, ByParentJobId) &&
      equals(job.MessageCategory, ByMessageCategory) &&
      isBetween(job.CreationDate, ByCreatedAfter, ByCreatedBefore) &&
      isBetween(job.CompletionDate, ByCompleteAfter, ByCompleteBefore),
  );
}

function equals(value: string | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || value === wanted;
}

/** What has no such time, as a job that still runs, is in no interval. */
function isBetween(time: Date | undefined, after: Date | undefined, before: Date | undefined): boolean {
  if (after === undefined && before === undefined) return true;
  if (time === undefined) return false;
  return (after === undefined || time > after) && (before === undefined || time < before);
}

function vaultOf(call: Call, name: string | undefined, account = call.caller.account): BackupVaultDocument {
  const region = call.accountOf(account)?.regions[call.region];
  const found = region?.backup?.vaults?.find(({ vault }) => vault.BackupVaultName === name);
  if (found === undefined) throw notFound(`Backup vault ${name} does not exist.`);
  return found;
}

function planOf(call: Call, id: string | undefined): BackupPlanDocument {
  const found = call.regional.backup?.plans?.find(({ plan }) => plan.BackupPlanId === id);
  if (found === undefined) throw notFound(`Cannot find backup plan ${id}.`);
  return found;
}

function notFound(message: string): Refusal {
  return new Refusal({ code: 'ResourceNotFoundException', status: 400 }, message);
}
