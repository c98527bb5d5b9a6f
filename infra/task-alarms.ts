import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { alarmMetricName, metricDimensions, metricNamespace } from '../shared/deployment.ts';
import type { TaskDefinition } from '../shared/task.ts';
import type { Alerting } from './alerting.ts';

export interface TaskAlarmsProps {
  readonly definition: TaskDefinition;
  /** The task's parsed configuration. */
  readonly config: unknown;
  readonly stage: string;
  readonly alerting: Alerting;
  readonly function: IFunction;
  readonly failureQueue: IQueue;
  readonly deadLetterQueue: IQueue;
  /** Performs the runs of a task in steps; others have none. */
  readonly stateMachine: IStateMachine | undefined;
}

/** Adds the alarms on a single occurrence: of an error, a throttle, a run that was given up; and those on numbers in its reports. */
export function addTaskAlarms(scope: Construct, props: TaskAlarmsProps): void {
  const { alerting, failureQueue, deadLetterQueue, stateMachine } = props;
  const { title } = props.definition;
  const period = Duration.minutes(5);
  const onAny = (metric: Metric, treatMissingData: TreatMissingData) => ({
    metric,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    threshold: 1,
    evaluationPeriods: 1,
    treatMissingData,
  });
  alerting.addAlarm(
    scope,
    'errors',
    title,
    onAny(props.function.metricErrors({ period }), TreatMissingData.NOT_BREACHING),
  );
  alerting.addAlarm(
    scope,
    'throttles',
    title,
    onAny(props.function.metricThrottles({ period }), TreatMissingData.NOT_BREACHING),
  );
  // SQS stops counting a queue that nobody has used for six hours; its messages are still there, so the alarm must stay:
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
  alerting.addAlarm(
    scope,
    'failed-run',
    title,
    onAny(failureQueue.metricApproximateNumberOfMessagesVisible({ period }), TreatMissingData.IGNORE),
  );
  alerting.addAlarm(
    scope,
    'undelivered-schedule',
    title,
    onAny(deadLetterQueue.metricApproximateNumberOfMessagesVisible({ period }), TreatMissingData.IGNORE),
  );
  addMetricAlarms(scope, props);
  if (stateMachine === undefined) return;
  const ends = {
    ExecutionsFailed: stateMachine.metricFailed({ period }),
    ExecutionsTimedOut: stateMachine.metricTimedOut({ period }),
    ExecutionsAborted: stateMachine.metricAborted({ period }),
  };
  for (const [id, metric] of Object.entries(ends)) {
    alerting.addAlarm(
      new Construct(scope, id),
      'failed-execution',
      title,
      onAny(metric, TreatMissingData.NOT_BREACHING),
    );
  }
}

/** A task reports once a run, and in between nothing is known to have changed: no data is neither good nor bad. */
function addMetricAlarms(scope: Construct, { definition, config, stage, alerting }: TaskAlarmsProps): void {
  for (const alarm of definition.alarms ?? []) {
    alerting.addMetricAlarm(scope, alarm, definition.title, {
      metric: new Metric({
        namespace: metricNamespace,
        metricName: alarmMetricName(alarm.metric),
        dimensionsMap: metricDimensions(stage, definition.id),
        statistic: 'Maximum',
        period: Duration.hours(1),
      }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: alarm.threshold(config),
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.IGNORE,
    });
  }
}
