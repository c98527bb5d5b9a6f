import { glob } from '../../../shared/glob.ts';
import type { Resource } from '../../../shared/resource.ts';
import type { BackupConfig, Policy, Selector } from '../config.ts';
import type { Tags } from '../items.ts';

/** What is asked of one resource: the strictest of all policies that select it. */
export interface Requirement {
  readonly policyIds: readonly string[];
  readonly rpoMinutes: number | undefined;
  readonly rtoMinutes: number | undefined;
  readonly retentionDays: number | undefined;
  readonly copyRegions: readonly string[];
  readonly copyAccounts: readonly string[];
  /** How much older than the original a copy may be. */
  readonly copyLagMinutes: number;
  readonly isImmutable: boolean;
  readonly annualRetentionDays: number | undefined;
  readonly restoreTestDays: number | undefined;
  /** Why the resource needs no backup, where a policy says so and none asks for one. */
  readonly mayBeUnprotected: string | undefined;
}

/**
 * Returns the policies that select a resource, in the configuration's order. Everything that a selector names must match; of a
 * list, one entry is enough.
 *
 * @param tags undefined when they could not be read: policies that ask for tags then do not select it.
 */
export function policiesFor(
  resource: Resource,
  tags: Tags | undefined,
  { policies }: Pick<BackupConfig, 'policies'>,
): Policy[] {
  return policies.filter(({ select }) => isSelected(select, resource, tags));
}

function isSelected(
  { arns, ids, tags: wanted, types }: Selector,
  { id, name, type }: Resource,
  tags: Tags = {},
): boolean {
  if (arns !== undefined && !arns.some((pattern) => glob(pattern)(id))) return false;
  if (ids !== undefined && !ids.some((pattern) => glob(pattern)(name))) return false;
  if (types !== undefined && !types.some((wantedType) => wantedType === type)) return false;
  return Object.entries(wanted ?? {}).every(([key, pattern]) => {
    const value = Object.hasOwn(tags, key) ? tags[key] : undefined;
    return value !== undefined && glob(pattern)(value);
  });
}

/** Returns what these policies ask for together; undefined for none. */
export function requirementOf(policies: readonly Policy[]): Requirement | undefined {
  if (policies.length === 0) return undefined;
  const asking = policies.filter(({ mayBeUnprotected }) => mayBeUnprotected === undefined);
  const copies = asking.flatMap((policy) => policy.copies ?? []);
  return {
    policyIds: policies.map(({ id }) => id),
    rpoMinutes: least(asking.map(({ rpoMinutes }) => rpoMinutes)),
    rtoMinutes: least(asking.map(({ rtoMinutes }) => rtoMinutes)),
    retentionDays: most(asking.map(({ retentionDays }) => retentionDays)),
    copyRegions: [...new Set(copies.flatMap(({ regions }) => regions))],
    copyAccounts: [...new Set(copies.flatMap(({ accounts }) => accounts))],
    copyLagMinutes: least(copies.map(({ lagMinutes }) => lagMinutes)) ?? 0,
    isImmutable: asking.some(({ immutable }) => immutable === true),
    annualRetentionDays: most(asking.map(({ annual }) => annual?.retentionDays)),
    restoreTestDays: least(asking.map(({ restoreTestDays }) => restoreTestDays)),
    mayBeUnprotected: asking.length > 0 ? undefined : policies[0]?.mayBeUnprotected,
  };
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
}

function most(values: readonly (number | undefined)[]): number | undefined {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? undefined : Math.max(...given);
}
