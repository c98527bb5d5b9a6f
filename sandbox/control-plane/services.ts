import type { Service } from './service.ts';
import { acm } from './services/acm.ts';
import { backup } from './services/backup.ts';
import { cloudWatch } from './services/cloudwatch.ts';
import { iam } from './services/iam.ts';
import { kms } from './services/kms.ts';
import { rds } from './services/rds.ts';
import { s3 } from './services/s3.ts';
import { secretsManager } from './services/secrets-manager.ts';
import { sts } from './services/sts.ts';
import { tagging } from './services/tagging.ts';

/** Every service that the control plane plays. */
export const services: readonly Service[] = [acm, backup, cloudWatch, iam, kms, rds, s3, secretsManager, sts, tagging];
