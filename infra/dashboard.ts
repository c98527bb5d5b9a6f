import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { alarmMetricName, metricDimensions, metricNames, metricNamespace } from '../shared/deployment.ts';
import type { TaskDefinition } from '../shared/task.ts';

/**
 * Returns a dashboard with one line per task for completed runs, findings and what could not be checked, and with the numbers that have
 * alarms of their own.
 */
export function createDashboard(
  scope: Construct,
  id: string,
  stage: string,
  tasks: readonly TaskDefinition[],
): Dashboard {
  const graph = (title: string, metricName: string, statistic: string, shown = tasks) =>
    new GraphWidget({
      title,
      width: 8,
      left: shown.map(
        (task) =>
          new Metric({
            namespace: metricNamespace,
            metricName,
            dimensionsMap: metricDimensions(stage, task.id),
            statistic,
            period: Duration.hours(1),
            label: task.id,
          }),
      ),
    });
  const watched = new Map(tasks.flatMap(({ alarms = [] }) => alarms.map((alarm) => [alarm.metric, alarm] as const)));
  const ofTasks = [...watched.values()].map((alarm) =>
    graph(
      alarm.title,
      alarmMetricName(alarm.metric),
      'Maximum',
      tasks.filter(({ alarms = [] }) => alarms.some(({ metric }) => metric === alarm.metric)),
    ),
  );
  return new Dashboard(scope, id, {
    dashboardName: `caretaker-${stage}`,
    defaultInterval: Duration.days(14),
    widgets: [
      [
        graph('Scheduled runs completed', metricNames.scheduledRunCompleted, 'Sum'),
        graph('Findings', metricNames.findings, 'Maximum'),
        graph('Unchecked', metricNames.unchecked, 'Maximum'),
      ],
      ...(ofTasks.length === 0 ? [] : [ofTasks]),
    ],
  });
}
