import { Annotations, Duration } from 'aws-cdk-lib';
import { ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { metricDimensions, metricNames, metricNamespace } from '../shared/deployment.ts';
import { longestGapSeconds } from '../shared/schedule/longest-gap.ts';
import { parseScheduleExpression } from '../shared/schedule/schedule-expression.ts';
import type { TaskDefinition } from '../shared/task.ts';
import type { Alerting } from './alerting.ts';

const periodSeconds = 3600;

/**
 * An alarm with periods of an hour or more looks back seven days at most:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
 */
const maxEvaluationPeriods = (7 * 86_400) / periodSeconds;

/** How often a task that runs rarely is asked when it last ran. */
const watchSchedule = 'rate(6 hours)';
const watchSeconds = 6 * 3600;

export interface MissedRunAlarmProps {
  readonly definition: TaskDefinition;
  readonly stage: string;
  /** EventBridge Scheduler expression, in `timeZone`. */
  readonly expression: string;
  readonly timeZone: string;
  /** From the scheduled time to the end of the last attempt, in seconds: what a run may take without being missed. */
  readonly graceSeconds: number;
  readonly alerting: Alerting;
  /** Adds a schedule that has the function say how long ago its last scheduled run was. */
  readonly addWatch: (expression: string) => void;
}

/**
 * Returns how many hours without a completed run mean that one was missed, or `undefined` when the schedule does not
 * repeat.
 */
export function missedRunHours(
  expression: string,
  timeZone: string,
  graceSeconds: number,
  from: Date,
): number | undefined {
  const gapSeconds = longestGapSeconds(parseScheduleExpression(expression), timeZone, from);
  // One more, because the hours of an alarm need not begin when the run does.
  return gapSeconds === undefined ? undefined : Math.ceil((gapSeconds + graceSeconds) / periodSeconds) + 1;
}

/**
 * Adds the alarm on a scheduled run that did not happen, where no data is the alarm, not an excuse: hours on end without a
 * completed run; or, where that is longer than an alarm can look back, too many hours since the last one, which the function is
 * then made to say several times a day. A schedule that does not repeat cannot be missed, and synthesis says so.
 */
export function addMissedRunAlarm(scope: Construct, props: MissedRunAlarmProps): void {
  const { definition, expression, alerting } = props;
  const hours = missedRunHours(expression, props.timeZone, props.graceSeconds, new Date());
  if (hours === undefined) {
    Annotations.of(scope).addWarningV2(
      'caretaker:missed-run-not-watched',
      `${definition.id}: no alarm watches for missed runs of ${expression}, which does not repeat, so that no silence is too ` +
        'long. Runs that fail or cannot be delivered still raise theirs. See "Alarm: missed run" in docs/runbook.md.',
    );
    return;
  }
  const metric = (metricName: string, statistic: string, seconds: number) =>
    new Metric({
      namespace: metricNamespace,
      metricName,
      dimensionsMap: metricDimensions(props.stage, definition.id),
      statistic,
      period: Duration.seconds(seconds),
    });
  const isRare = hours > maxEvaluationPeriods;
  if (isRare) props.addWatch(watchSchedule);
  alerting.addAlarm(scope, 'missed-run', definition.title, {
    ...(isRare
      ? {
          metric: metric(metricNames.hoursSinceScheduledRun, 'Maximum', watchSeconds),
          comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
          threshold: hours,
          // One answer that is late or lost is no alarm yet; two are.
          evaluationPeriods: 2,
          datapointsToAlarm: 2,
        }
      : {
          metric: metric(metricNames.scheduledRunCompleted, 'Sum', periodSeconds),
          comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
          threshold: 1,
          evaluationPeriods: hours,
          datapointsToAlarm: hours,
        }),
    treatMissingData: TreatMissingData.BREACHING,
  });
}
