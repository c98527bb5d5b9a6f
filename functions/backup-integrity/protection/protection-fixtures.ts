import type * as z from 'zod';
import { type BackupConfig, configSchema } from '../config.ts';
import { database as databaseNamed } from '../databases/database-fixtures.ts';
import type { Database } from '../databases/facts.ts';
import type { RestorePoint, RestoreProof } from '../items.ts';
import { policiesFor, requirementOf } from './policies.ts';
import type { ProtectedResource } from './protected-resource.ts';

/** What unit tests of these rules are built from; everything is relative to this moment. */
export const now = new Date('2026-11-22T03:00:00Z');

const minuteMs = 60_000;

export const minutesAgo = (minutes: number): Date => new Date(now.getTime() - minutes * minuteMs);
export const daysAgo = (days: number): Date => minutesAgo(days * 1440);

/** Returns a configuration with one policy, on everything named `nycmg-*`. */
export function configWith(
  policy: Partial<NonNullable<z.input<typeof configSchema>['policies']>[number]>,
): BackupConfig {
  return configSchema.parse({ policies: [{ id: 'nycmg', select: { ids: ['nycmg-*'] }, ...policy }] });
}

/** A good snapshot of an hour ago that is kept for a month. */
export function point(details: Partial<RestorePoint> = {}): RestorePoint {
  const restorableTo = details.restorableTo ?? minutesAgo(60);
  return {
    method: 'snapshot',
    id: 'arn:aws:rds:us-east-1:123456789012:snapshot:nycmg-1',
    state: 'good',
    status: 'available',
    restorableTo,
    createdAt: restorableTo,
    deleteAt: new Date(restorableTo.getTime() + 30 * 1440 * minuteMs),
    account: '123456789012',
    region: 'us-east-1',
    isEncrypted: true,
    kmsKeyArn: undefined,
    sizeBytes: 1_000_000,
    isImmutable: false,
    ...details,
  };
}

/** A restore of yesterday that took half an hour and was validated. */
export function proof(details: Partial<RestoreProof> = {}): RestoreProof {
  return {
    id: 'restore-1',
    status: 'COMPLETED',
    startedAt: minutesAgo(1470),
    finishedAt: minutesAgo(1440),
    isCompleted: true,
    validation: 'SUCCESSFUL',
    message: undefined,
    ...details,
  };
}

/** A healthy instance, the one that {@link protectedResource} is about. */
export const database = (details: Partial<Database> = {}): Database => databaseNamed('nycmg-rights', details);

/** A database of some years with one good snapshot, as `config` asks of it. */
export function protectedResource(config: BackupConfig, details: Partial<ProtectedResource> = {}): ProtectedResource {
  const resource = details.resource ?? {
    type: 'rds-instance',
    id: 'arn:aws:rds:us-east-1:123456789012:db:nycmg-rights',
    name: 'nycmg-rights',
    account: '123456789012',
    region: 'us-east-1',
  };
  return {
    resource,
    tags: {},
    createdAt: daysAgo(900),
    requirement: requirementOf(policiesFor(resource, details.tags ?? {}, config)),
    points: [point()],
    plans: [],
    proofs: [],
    database: undefined,
    keys: new Map(),
    blindSpots: [],
    ...details,
  };
}
