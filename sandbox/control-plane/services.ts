import type { Service } from './service.ts';
import { acm } from './services/acm.ts';
import { iam } from './services/iam.ts';
import { rds } from './services/rds.ts';
import { secretsManager } from './services/secrets-manager.ts';
import { sts } from './services/sts.ts';

/** Every service that the control plane plays. */
export const services: readonly Service[] = [acm, iam, rds, secretsManager, sts];
