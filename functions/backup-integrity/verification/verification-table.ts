import type { ReportTable } from '../../../shared/report.ts';
import type { Verification } from './facts.ts';

const dayMs = 86_400_000;

const columns: ReportTable['columns'] = [
  { key: 'name', title: 'Objects' },
  { key: 'objects', title: 'In all' },
  { key: 'sizeBytes', title: 'Size' },
  { key: 'verifiedObjects', title: 'Read now' },
  { key: 'verifiedBytes', title: 'Bytes read' },
  { key: 'alteredObjects', title: 'Altered' },
  { key: 'oldestUnverifiedDays', title: 'Longest unread' },
];

/** Returns how far reading the objects of each set again has come. */
export function verificationTable(verifications: readonly Verification[], now: Date): ReportTable {
  const rows = verifications.map((verification) => ({
    id: verification.resource.id,
    name: verification.resource.name,
    objects: verification.objects,
    sizeBytes: verification.bytes,
    verifiedObjects: verification.verifiedObjects,
    verifiedBytes: verification.verifiedBytes,
    alteredObjects: verification.alteredCount,
    oldestUnverifiedDays:
      verification.oldestUnverifiedSince === undefined
        ? null
        : Math.floor((now.getTime() - verification.oldestUnverifiedSince.getTime()) / dayMs),
  }));
  return { title: 'Objects read again', columns, rows };
}
