import { CloudWatchClient, GetMetricDataCommand, type MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { targetIn } from '../aws/accounts.ts';
import { uncheckedReason } from '../aws/unchecked-reason.ts';
import type { WorkContext } from '../run-task.ts';
import { UncheckedError } from '../unchecked-error.ts';

/** What is left of an instance's credits. */
export interface LowestBalance {
  /** As CloudWatch calls it. */
  readonly metric: string;
  readonly percent: number;
}

/** Tells how much an RDS instance has left of what it may take beyond its share. */
export interface BurstBalance {
  /**
   * Returns the lowest balance; undefined for an instance that has none.
   *
   * @throws UncheckedError `no-metrics` when CloudWatch knows nothing of the instance, or does not say it.
   */
  lowest(): Promise<LowestBalance | undefined>;
}

type Surroundings = Pick<WorkContext<unknown>, 'clients' | 'estate' | 'homeRegion' | 'signal'>;

/** Metrics come every minute, or every five. */
const readEveryMs = 60_000;

const deadlineMs = 5_000;

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/**
 * Metrics that are percentages: of the credits of gp2 storage, and of the instance's own path to its storage.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
 */
const balances = ['BurstBalance', 'EBSByteBalance%', 'EBSIOBalance%'] as const;

/**
 * Returns what tells the burst balance of an instance, asking CloudWatch once a minute. Credits of processors are numbers, of which the
 * largest possible is not told: they are taken as a share of the most that there were in two weeks, none being nothing.
 *
 * @param instance the instance's identifier, or its ARN where it is in another region than the estate's first.
 */
export function burstBalance(instance: string, surroundings: Surroundings): BurstBalance {
  let known: { readonly atMs: number; readonly answer: Promise<LowestBalance | undefined> } | undefined;
  return {
    lowest() {
      const atMs = performance.now();
      if (known === undefined || atMs - known.atMs >= readEveryMs) {
        const answer = readLowest(instance, surroundings);
        // Whoever asks is told; somebody has to have listened.
        answer.catch(() => {});
        known = { atMs, answer };
      }
      return known.answer;
    },
  };
}

async function readLowest(
  instance: string,
  { clients, estate, homeRegion, signal }: Surroundings,
): Promise<LowestBalance | undefined> {
  const arn = /^arn:[^:]+:rds:([^:]+):[^:]*:db:(.+)$/.exec(instance);
  const id = arn?.[2] ?? instance;
  const client = clients.get(
    CloudWatchClient,
    targetIn(estate, clients, { account: undefined, region: arn?.[1] ?? homeRegion }),
  );
  const values = await latestValues(client, id, signal);
  if (values.get('CPUUtilization') === undefined) {
    throw new UncheckedError('no-metrics', `CloudWatch has no metrics of an instance ${id}.`);
  }
  const credits = values.get('CPUCreditBalance');
  const most = values.get('most credits') ?? 0;
  const lowest = [
    ...balances.map((metric) => ({ metric: metric as string, percent: values.get(metric) })),
    {
      metric: 'CPUCreditBalance',
      percent: credits === undefined ? undefined : most > 0 ? (100 * credits) / most : 0,
    },
  ].filter((balance): balance is LowestBalance => balance.percent !== undefined);
  return lowest.sort((a, b) => a.percent - b.percent)[0];
}

/** Returns the newest value of each metric that has any. */
async function latestValues(client: CloudWatchClient, id: string, signal: AbortSignal): Promise<Map<string, number>> {
  const now = Date.now();
  const asked = [
    ...[...balances, 'CPUCreditBalance', 'CPUUtilization'].map((metric) => ({
      name: metric,
      query: metricOf(id, metric, 'Average', 300),
      fromMs: now - 30 * minuteMs,
    })),
    {
      name: 'most credits',
      query: metricOf(id, 'CPUCreditBalance', 'Maximum', dayMs / 1000),
      fromMs: now - 14 * dayMs,
    },
  ];
  const values = new Map<string, number>();
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  for (const fromMs of new Set(asked.map((metric) => metric.fromMs))) {
    const together = asked.filter((metric) => metric.fromMs === fromMs);
    try {
      const { MetricDataResults = [] } = await client.send(
        new GetMetricDataCommand({
          StartTime: new Date(fromMs),
          EndTime: new Date(now),
          ScanBy: 'TimestampDescending',
          MetricDataQueries: together.map(({ query }, index) => ({ Id: `m${index}`, ...query })),
        }),
        { abortSignal },
      );
      for (const { Id = '', Values = [] } of MetricDataResults) {
        const metric = together[Number(Id.slice(1))];
        if (metric === undefined || Values.length === 0) continue;
        values.set(metric.name, metric.name === 'most credits' ? Math.max(...Values) : (Values[0] as number));
      }
    } catch (error) {
      const reason = uncheckedReason(error);
      if (reason === undefined) throw error;
      // Not the server's own trouble, for which it would be waited.
      throw new UncheckedError('no-metrics', `CloudWatch: ${reason.detail}`, { cause: error });
    }
  }
  return values;
}

function metricOf(id: string, metric: string, stat: string, periodSeconds: number): Omit<MetricDataQuery, 'Id'> {
  return {
    MetricStat: {
      Metric: {
        Namespace: 'AWS/RDS',
        MetricName: metric,
        Dimensions: [{ Name: 'DBInstanceIdentifier', Value: id }],
      },
      Period: periodSeconds,
      Stat: stat,
    },
  };
}
