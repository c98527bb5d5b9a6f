import type { Resource } from '../../../shared/resource.ts';
import type { RestoreProof } from '../items.ts';

export interface Vault {
  /** Type `backup-vault`; its id is the ARN. */
  readonly resource: Resource;
  /** `BACKUP_VAULT`, `LOGICALLY_AIR_GAPPED_BACKUP_VAULT` … */
  readonly type: string;
  readonly kmsKeyArn: string | undefined;
  readonly isLocked: boolean;
  readonly minimumRetentionDays: number | undefined;
  readonly maximumRetentionDays: number | undefined;
  /** From then on the lock cannot be removed; undefined for a lock in governance mode. */
  readonly lockDate: Date | undefined;
  /** The access policy, JSON; undefined when there is none. `null`: could not be read. */
  readonly accessPolicy: string | undefined | null;
}

/** A recovery point in a vault. */
export interface RecoveryPoint {
  /** Type `recovery-point`; its id is the ARN. */
  readonly resource: Resource;
  readonly vaultArn: string;
  readonly protectedArn: string;
  readonly protectedType: string;
  /** `COMPLETED`, `PARTIAL`, `DELETING`, `EXPIRED`, `AVAILABLE`, `STOPPED`, `CREATING`. */
  readonly status: string;
  readonly statusMessage: string | undefined;
  readonly createdAt: Date | undefined;
  readonly completedAt: Date | undefined;
  /** Undefined: kept for ever. */
  readonly deleteAt: Date | undefined;
  readonly sizeBytes: number | undefined;
  readonly isEncrypted: boolean | undefined;
  readonly kmsKeyArn: string | undefined;
  /** `clean`, `infected`, `scan-failed`; undefined: never scanned. */
  readonly scan: 'clean' | 'infected' | 'scan-failed' | undefined;
  /** Its retention starts over with each change: a continuous backup, of which there is one for each resource and vault. */
  readonly isContinuous: boolean;
  /** Of a continuous backup: how far back it reaches; undefined when AWS Backup does not say. */
  readonly continuousDays?: number | undefined;
  /** A part of a composite point, judged with its parent. */
  readonly parentArn: string | undefined;
}

/** A backup or copy job that ended, or is under way. */
export interface BackupJob {
  /** Type `backup-job` or `copy-job`. */
  readonly resource: Resource;
  readonly kind: 'backup' | 'copy';
  readonly protectedArn: string;
  /** Where what the job makes goes: of a copy job, the destination. */
  readonly vaultArn: string;
  /** `COMPLETED`, `FAILED`, `ABORTED`, `EXPIRED`, `PARTIAL`, `RUNNING` … */
  readonly state: string;
  /** What the service says of it; undefined for a job that ended without anything to say. */
  readonly message: string | undefined;
  readonly createdAt: Date;
  readonly completedAt: Date | undefined;
  /** What it makes; of a copy job, what it copies. */
  readonly recoveryPointArn: string | undefined;
  /** Of a copy job: where the copy is. */
  readonly destination:
    | {
        readonly account: string;
        readonly region: string;
        readonly recoveryPointArn: string | undefined;
        /** Whether its vault kept anybody from deleting it when it was copied; undefined: AWS Backup does not say. */
        readonly isImmutable?: boolean | undefined;
      }
    | undefined;
  readonly deleteAt: Date | undefined;
}

/** A rule of a backup plan. */
export interface PlanRule {
  /** Type `backup-plan-rule`; its id is the plan's ARN, `#` and the rule's id. */
  readonly resource: Resource;
  readonly planArn: string;
  readonly planName: string;
  readonly ruleName: string;
  readonly vaultName: string;
  /** Undefined: kept for ever. */
  readonly retentionDays: number | undefined;
  readonly isContinuous: boolean;
  readonly schedule: string | undefined;
  readonly copies: readonly { readonly vaultArn: string; readonly retentionDays: number | undefined }[];
}

export interface TagCondition {
  readonly key: string;
  readonly value: string;
}

/** A selection of a backup plan, as AWS Backup evaluates it. */
export interface PlanSelection {
  readonly planArn: string;
  readonly name: string;
  readonly account: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly notResources: readonly string[];
  /** Any of these tags: `ListOfTags`. */
  readonly listOfTags: readonly TagCondition[];
  readonly stringEquals: readonly TagCondition[];
  readonly stringNotEquals: readonly TagCondition[];
  readonly stringLike: readonly TagCondition[];
  readonly stringNotLike: readonly TagCondition[];
}

/** A restore job, by hand or of a restore testing plan. */
export interface RestoreJob extends RestoreProof {
  /** Type `restore-job`. */
  readonly resource: Resource;
  readonly recoveryPointArn: string;
  readonly protectedArn: string | undefined;
  readonly createdArn: string | undefined;
  /** ARN of the restore testing plan that began it. */
  readonly testingPlanArn: string | undefined;
  /** `DELETING`, `FAILED`, `SUCCESSFUL`; undefined when nothing is to be deleted. */
  readonly deletion: string | undefined;
}

/** What AWS Backup holds in the estate. */
export interface AwsBackupFacts {
  /** `account/region` of all that the run was to look at, read or not: a vault in one of them that is not found is not there. */
  readonly places: ReadonlySet<string>;
  readonly vaults: readonly Vault[];
  readonly recoveryPoints: readonly RecoveryPoint[];
  readonly jobs: readonly BackupJob[];
  readonly rules: readonly PlanRule[];
  readonly selections: readonly PlanSelection[];
  readonly restoreJobs: readonly RestoreJob[];
  /** ARNs that AWS Backup has ever protected, with the type as it names it: `RDS`, `DynamoDB`. */
  readonly protectedResources: readonly {
    readonly arn: string;
    readonly type: string;
    readonly account: string;
    readonly region: string;
  }[];
  /** `account/region/type` that are switched off in the region's settings: AWS Backup then ignores selections by tag. */
  readonly optedOut: ReadonlySet<string>;
}
