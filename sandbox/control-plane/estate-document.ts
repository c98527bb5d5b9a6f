import type { AcmDocument } from './services/acm.ts';
import type { IamDocument } from './services/iam.ts';
import type { RdsDocument } from './services/rds.ts';
import type { SecretsManagerDocument } from './services/secrets-manager.ts';
import type { StsDocument } from './services/sts.ts';

/** What one region of an account holds, by service. */
export interface RegionDocument {
  readonly acm?: AcmDocument;
  readonly rds?: RdsDocument;
  readonly secretsManager?: SecretsManagerDocument;
}

/** What an account holds: global services beside its regions. A region that is not named is empty. */
export interface AccountDocument {
  readonly sts?: StsDocument;
  readonly iam?: IamDocument;
  readonly regions: Readonly<Record<string, RegionDocument>>;
}

/** Everything that the control plane answers from. */
export interface EstateDocument {
  /** Account of the access key that the sandbox hands out. */
  readonly homeAccount: string;
  readonly accounts: Readonly<Record<string, AccountDocument>>;
}
