import type { ReportTable } from '../../../shared/report.ts';
import type { Replica } from './facts.ts';

const columns: ReportTable['columns'] = [
  { key: 'name', title: 'Copy' },
  { key: 'comparedObjects', title: 'Compared' },
  { key: 'inFlightObjects', title: 'On their way' },
  { key: 'missingObjects', title: 'Missing' },
  { key: 'staleObjects', title: 'Stale' },
  { key: 'differingObjects', title: 'Different' },
  { key: 'extraObjects', title: 'Extra' },
];

/** Returns what comparing each source with its copy has counted. */
export function replicaTable(replicas: readonly Replica[]): ReportTable {
  const rows = replicas.map(({ resource, compared, inFlight, differences }) => ({
    id: resource.id,
    name: resource.name,
    comparedObjects: compared,
    inFlightObjects: inFlight,
    missingObjects: differences.missing.count,
    staleObjects: differences.stale.count,
    differingObjects: differences.differs.count,
    extraObjects: differences.extra.count,
  }));
  return { title: 'Copies compared', columns, rows };
}
