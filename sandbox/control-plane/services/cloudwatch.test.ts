import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { expect, test } from 'vitest';
import { testPlane } from '../test-plane.ts';

const home = '123456789012';
const dimensions = { DBInstanceIdentifier: 'nycmg-main' };
const burst = { namespace: 'AWS/RDS', name: 'BurstBalance', dimensions, value: 87.5 };

const tested = testPlane({
  homeAccount: home,
  accounts: { [home]: { regions: { 'us-east-1': { cloudWatch: { metrics: [burst] } } } } },
});

const ask = (changes: { readonly instance?: string; readonly minutes?: number; readonly region?: string } = {}) =>
  tested.client(CloudWatchClient, { region: changes.region ?? 'us-east-1' }).send(
    new GetMetricDataCommand({
      StartTime: new Date('2026-11-20T12:00:00Z'),
      EndTime: new Date(Date.parse('2026-11-20T12:00:00Z') + (changes.minutes ?? 3) * 60_000),
      MetricDataQueries: [
        {
          Id: 'burst',
          MetricStat: {
            Metric: {
              Namespace: 'AWS/RDS',
              MetricName: 'BurstBalance',
              Dimensions: [{ Name: 'DBInstanceIdentifier', Value: changes.instance ?? 'nycmg-main' }],
            },
            Period: 60,
            Stat: 'Minimum',
          },
        },
      ],
    }),
  );

test('answers with a value for each period, the newest first', async () => {
  const { MetricDataResults } = await ask();
  expect(MetricDataResults).toMatchObject([
    {
      Id: 'burst',
      StatusCode: 'Complete',
      Values: [87.5, 87.5, 87.5],
      Timestamps: ['2026-11-20T12:02:00Z', '2026-11-20T12:01:00Z', '2026-11-20T12:00:00Z'].map((at) => new Date(at)),
    },
  ]);
});

test.each([{ instance: 'another' }, { region: 'us-west-2' }])('has no values for %j', async (changes) => {
  const { MetricDataResults } = await ask(changes);
  expect(MetricDataResults).toMatchObject([{ Id: 'burst', Values: [] }]);
});

test('refuses a time that ends before it begins', async () => {
  await expect(ask({ minutes: 0 })).rejects.toMatchObject({ $fault: 'client' });
});
