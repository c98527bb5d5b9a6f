/** Tags by key. */
export type Tags = Readonly<Record<string, string>>;

/** How a restore point came about. */
export type RestoreMethod =
  /** Continuous backup of the database itself: any second up to the latest restorable time. */
  | 'point-in-time'
  /** The same, replicated by RDS into another region. */
  | 'point-in-time-copy'
  | 'snapshot'
  | 'recovery-point'
  | 'artifact'
  | 'replica';

/** Something from which a resource could be restored, wherever it is. */
export interface RestorePoint {
  readonly method: RestoreMethod;
  /** ARN, or `s3://` location. */
  readonly id: string;
  /** `good`: complete and usable by its state. `unknown`: the service calls it something for which there is no rule. */
  readonly state: 'good' | 'unfinished' | 'bad' | 'unknown';
  /** The state as the service calls it. */
  readonly status: string;
  /** What it restores is the resource as it was then. */
  readonly restorableTo: Date;
  /** When it was made; undefined for continuous backups, which have no such moment. */
  readonly createdAt: Date | undefined;
  /** When it will be deleted; `undefined`: never by itself, or not known. */
  readonly deleteAt: Date | undefined;
  readonly account: string;
  readonly region: string;
  readonly isEncrypted: boolean | undefined;
  readonly kmsKeyArn: string | undefined;
  readonly sizeBytes: number | undefined;
  /** Nobody, root included, can delete it before its time. `undefined`: could not be found out. */
  readonly isImmutable: boolean | undefined;
}

/** What a restore, of a test or in earnest, has shown. */
export interface RestoreProof {
  /** Restore job. */
  readonly id: string;
  readonly status: string;
  readonly startedAt: Date;
  /** Undefined while it runs. */
  readonly finishedAt: Date | undefined;
  readonly isCompleted: boolean;
  /** `SUCCESSFUL`, `FAILED`, `TIMED_OUT`, `VALIDATING`; undefined when nobody validated. */
  readonly validation: string | undefined;
  readonly message: string | undefined;
}

/** A rule of a backup plan that takes a resource in. */
export interface PlanCoverage {
  readonly planName: string;
  readonly planArn: string;
  readonly ruleName: string;
  readonly selectionName: string;
  /** Of what the rule makes; undefined: kept for ever. */
  readonly retentionDays: number | undefined;
  /** When it makes something, such as `cron(0 5 ? * * *)`; undefined when AWS Backup does not say. */
  readonly schedule?: string | undefined;
}
