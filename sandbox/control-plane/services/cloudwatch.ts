import {
  type Dimension,
  GetMetricData$,
  type GetMetricDataInput,
  type GetMetricDataOutput,
  type MetricDataResult,
} from '@aws-sdk/client-cloudwatch';
import { jsonWire } from '../json-wire.ts';
import { Refusal } from '../refusal.ts';
import { operation, refuseOthers, type Service } from '../service.ts';

/** A metric that has had the same value for as long as anybody asks. */
export interface MetricDocument {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What CloudWatch knows in one region. */
export interface CloudWatchDocument {
  readonly metrics: readonly MetricDocument[];
}

/** Amazon CloudWatch, whose requests are signed for `monitoring`. */
export const cloudWatch: Service = {
  name: 'monitoring',
  serviceId: 'CloudWatch',
  wire: jsonWire,
  operations: [
    operation(GetMetricData$, (input: GetMetricDataInput, call): GetMetricDataOutput => {
      const { MetricDataQueries = [], StartTime, EndTime, ScanBy, MaxDatapoints: _, ...others } = input;
      refuseOthers(others);
      if (StartTime === undefined || EndTime === undefined || StartTime >= EndTime) {
        throw new Refusal('invalidInput', 'The parameter StartTime must be less than the parameter EndTime.');
      }
      const metrics = call.regional.cloudWatch?.metrics ?? [];
      const results = MetricDataQueries.map(({ Id, MetricStat, Label, ReturnData: __, ...rest }): MetricDataResult => {
        refuseOthers(rest);
        const { Metric: asked, Period = 60 } = MetricStat ?? {};
        const found = metrics.find(
          ({ namespace, name, dimensions }) =>
            namespace === asked?.Namespace && name === asked.MetricName && isSame(dimensions, asked.Dimensions ?? []),
        );
        const times = found === undefined ? [] : periods(StartTime, EndTime, Period);
        return {
          Id,
          Label: Label ?? asked?.MetricName,
          Timestamps: ScanBy === 'TimestampAscending' ? times.toReversed() : times,
          Values: times.map(() => found?.value ?? 0),
          StatusCode: 'Complete',
        };
      });
      return { MetricDataResults: results, Messages: [] };
    }),
  ],
};

/** The newest first, as CloudWatch has it unless asked otherwise. */
function periods(from: Date, to: Date, seconds: number): Date[] {
  const periodMs = seconds * 1000;
  const times: Date[] = [];
  for (let time = Math.floor((to.getTime() - 1) / periodMs) * periodMs; time >= from.getTime(); time -= periodMs) {
    times.push(new Date(time));
  }
  return times;
}

/** A metric is another one with other dimensions, or with fewer. */
function isSame(dimensions: Readonly<Record<string, string>>, asked: readonly Dimension[]): boolean {
  return (
    Object.keys(dimensions).length === asked.length && asked.every(({ Name = '', Value }) => dimensions[Name] === Value)
  );
}
