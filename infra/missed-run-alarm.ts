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

export interface MissedRunAlarmProps {
  readonly definition: TaskDefinition;
  readonly stage: string;
  /** EventBridge Scheduler expression, in `timeZone`. */
  readonly expression: string;
  readonly timeZone: string;
  /** From the scheduled time to the end of the last attempt, in seconds: what a run may take without being missed. */
  readonly graceSeconds: number;
  readonly alerting: Alerting;
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
 * Adds the alarm on a scheduled run that did not happen: hours on end without a completed run, where no data is the
 * alarm, not an excuse. Where the schedule does not repeat, or an alarm cannot look back far enough, synthesis warns
 * instead.
 */
export function addMissedRunAlarm(scope: Construct, props: MissedRunAlarmProps): void {
  const { definition, expression } = props;
  const hours = missedRunHours(expression, props.timeZone, props.graceSeconds, new Date());
  if (hours === undefined || hours > maxEvaluationPeriods) {
    const reason =
      hours === undefined
        ? 'which does not repeat, so that no silence is too long'
        : 'because a CloudWatch alarm looks back 7 days at most';
    Annotations.of(scope).addWarningV2(
      'caretaker:missed-run-not-watched',
      `${definition.id}: no alarm watches for missed runs of ${expression}, ${reason}. Runs that fail or cannot be ` +
        'delivered still raise theirs. See "Alarm: missed run" in docs/runbook.md.',
    );
    return;
  }
  props.alerting.addAlarm(scope, 'missed-run', definition.title, {
    metric: new Metric({
      namespace: metricNamespace,
      metricName: metricNames.scheduledRunCompleted,
      dimensionsMap: metricDimensions(props.stage, definition.id),
      statistic: 'Sum',
      period: Duration.seconds(periodSeconds),
    }),
    comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
    threshold: 1,
    evaluationPeriods: hours,
    datapointsToAlarm: hours,
    treatMissingData: TreatMissingData.BREACHING,
  });
}
