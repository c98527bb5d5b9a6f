import type { ReportTable } from '../../../shared/report.ts';
import { isOfRestoreTest } from '../aws-backup/leaked-restore.ts';
import type { RestorePoint } from '../items.ts';
import { postureOf } from './posture.ts';
import { goodPoints, type ProtectedResource } from './protected-resource.ts';

const columns: ReportTable['columns'] = [
  { key: 'name', title: 'Resource' },
  { key: 'policies', title: 'Policies' },
  { key: 'rpoTargetMinutes', title: 'RPO' },
  { key: 'rpoActualMinutes', title: 'actual' },
  { key: 'rtoTargetMinutes', title: 'RTO' },
  { key: 'rtoMeasuredMinutes', title: 'measured' },
  { key: 'retentionTargetDays', title: 'Keep' },
  { key: 'retentionDays', title: 'kept' },
  { key: 'copies', title: 'Copies' },
  { key: 'isImmutable', title: 'Immutable' },
  { key: 'restoreProvenAt', title: 'Restore proven' },
];

/** What stands for a retention without end: a thousand years. */
const foreverDays = 365_250;

/**
 * Returns what is asked of each resource beside what was measured, resources at fault first.
 *
 * @param atFault ids of resources that break a rule.
 */
export function protectionTable(
  items: readonly ProtectedResource[],
  atFault: ReadonlySet<string>,
  now: Date,
): ReportTable {
  const isAtFault = ({ resource }: ProtectedResource) => Number(atFault.has(resource.id));
  const rows = items
    .filter(({ resource }) => !isOfRestoreTest(resource.name))
    .sort(
      (a, b) =>
        isAtFault(b) - isAtFault(a) ||
        a.resource.name.localeCompare(b.resource.name, 'en') ||
        a.resource.id.localeCompare(b.resource.id, 'en'),
    )
    .map((item) => protectionRow(item, now));
  return { title: 'What could be restored', columns, rows };
}

function protectionRow(item: ProtectedResource, now: Date): ReportTable['rows'][number] {
  const { requirement } = item;
  const posture = postureOf(item, now);
  const good = goodPoints(item);
  const places = [...new Set(good.map((point) => placeOf(point, item)))];
  const isUnknown = posture.newestImmutable === undefined && good.some(({ isImmutable }) => isImmutable === undefined);
  return {
    id: item.resource.id,
    name: item.resource.name,
    type: item.resource.type,
    policies: requirement?.policyIds.join(', ') ?? null,
    rpoTargetMinutes: requirement?.rpoMinutes ?? null,
    rpoActualMinutes: rounded(posture.actualRpoMinutes),
    rtoTargetMinutes: requirement?.rtoMinutes ?? null,
    rtoMeasuredMinutes: rounded(posture.measuredRtoMinutes),
    retentionTargetDays: requirement?.retentionDays ?? null,
    retentionDays: rounded(
      posture.retentionDays === undefined ? undefined : Math.min(posture.retentionDays, foreverDays),
    ),
    copies: places.length === 0 ? null : places.sort().join(', '),
    isImmutable: isUnknown ? null : posture.newestImmutable !== undefined,
    restoreProvenAt: posture.lastProof?.finishedAt?.toISOString() ?? null,
  };
}

/** Names the account only where it is another one than the resource's own. */
function placeOf({ account, region }: RestorePoint, { resource }: ProtectedResource): string {
  const isOwn = account === '' || resource.account === undefined || account === resource.account;
  return isOwn ? region : `${region} (${account})`;
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value);
}
