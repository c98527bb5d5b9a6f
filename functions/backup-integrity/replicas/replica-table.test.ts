import { expect, it } from 'vitest';
import type { Differences, Replica } from './facts.ts';
import { replicaTable } from './replica-table.ts';

const of = (count: number): Differences => ({ count, examples: [], oldest: undefined });

it('has a row for each copy', () => {
  const replica: Replica = {
    resource: { type: 's3-replica', id: 's3://nycmg-audio/ > s3://nycmg-audio-copy/', name: 'audio' },
    configId: 'audio',
    sourceArn: 'arn:aws:s3:::nycmg-audio',
    copy: { bucket: 'nycmg-audio-copy', account: '123456789012', region: 'us-west-2' },
    isWholeBucket: true,
    compared: 22,
    inFlight: 1,
    differences: { missing: of(5), 'replication-failed': of(3), stale: of(4), differs: of(5), extra: of(6) },
  };
  const { rows, columns } = replicaTable([replica]);
  expect(rows).toEqual([
    {
      id: 's3://nycmg-audio/ > s3://nycmg-audio-copy/',
      name: 'audio',
      comparedObjects: 22,
      inFlightObjects: 1,
      missingObjects: 5,
      staleObjects: 4,
      differingObjects: 5,
      extraObjects: 6,
    },
  ]);
  for (const { key } of columns) expect(rows[0]).toHaveProperty(key);
});
