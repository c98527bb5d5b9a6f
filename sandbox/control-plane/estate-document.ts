import type { AcmDocument } from './services/acm.ts';
import type { BackupDocument } from './services/backup.ts';
import type { CloudWatchDocument } from './services/cloudwatch.ts';
import type { IamDocument } from './services/iam.ts';
import type { KmsDocument } from './services/kms.ts';
import type { RdsDocument } from './services/rds.ts';
import type { S3Document } from './services/s3-document.ts';
import type { SecretsManagerDocument } from './services/secrets-manager.ts';
import type { StsDocument } from './services/sts.ts';
import type { TaggingDocument } from './services/tagging.ts';

/** What one region of an account holds, by service. */
export interface RegionDocument {
  readonly acm?: AcmDocument;
  readonly backup?: BackupDocument;
  readonly cloudWatch?: CloudWatchDocument;
  readonly kms?: KmsDocument;
  readonly rds?: RdsDocument;
  readonly secretsManager?: SecretsManagerDocument;
  readonly tagging?: TaggingDocument;
}

/** What an account holds: global services beside its regions. A region that is not named is empty. */
export interface AccountDocument {
  readonly sts?: StsDocument;
  readonly iam?: IamDocument;
  /** Of all regions: each bucket knows its own. */
  readonly s3?: S3Document;
  readonly regions: Readonly<Record<string, RegionDocument>>;
}

/** Everything that the control plane answers from. */
export interface EstateDocument {
  /** Account of the access key that the sandbox hands out. */
  readonly homeAccount: string;
  readonly accounts: Readonly<Record<string, AccountDocument>>;
}
