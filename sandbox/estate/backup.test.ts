import { expect, it } from 'vitest';
import { configSchema } from '../../functions/backup-integrity/config.ts';
import { steps } from '../../functions/backup-integrity/steps.ts';
import { task } from '../../functions/backup-integrity/task.ts';
import { runTask } from '../../shared/run-task.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import { mergeEstates } from '../control-plane/merge-estates.ts';
import { awsCertificates } from './aws-certificates.ts';
import { backupEstate } from './backup.ts';
import { account, inEstate } from './estate-fixtures.ts';

it.each([
  '2026-11-23T04:59:59.500Z',
  '2026-03-08T07:00:01Z',
  '2026-11-01T06:30:00Z',
  '2026-12-31T23:59:59.999Z',
  '2028-02-29T00:00:00Z',
])('the planted faults are the same at %s: none of them is a matter of the day or the hour', async (time) => {
  const now = new Date(time);
  const planted = backupEstate(account, now);
  const report = await inEstate(mergeEstates(awsCertificates(now).document, planted.document), (clients) =>
    runTask(task, steps, {
      estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1', 'us-west-2'], accounts: [] },
      config: configSchema.parse(planted.config),
      configSource: 'sandbox',
      invocation: {},
      clients,
      store: new MemoryStateStore(),
      clock: () => now,
      timeBudgetSeconds: 60,
    }),
  );
  const expected = planted.expectations.flatMap(({ resourceId, findings, unchecked }) => [
    ...findings.map(({ rule, severity }) => `${resourceId} ${rule} ${severity}`),
    ...(unchecked === undefined ? [] : [`${resourceId} unchecked: ${unchecked}`]),
  ]);
  const reported = [
    ...report.findings.map(({ resource, rule, severity }) => `${resource.id} ${rule} ${severity}`),
    ...report.coverage.unchecked.map(({ resource, reason }) => `${resource.id} unchecked: ${reason}`),
  ];
  expect(reported.sort()).toEqual(expected.sort());
});
