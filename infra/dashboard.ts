import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { metricDimensions, metricNames, metricNamespace } from '../shared/deployment.ts';

/** Returns a dashboard with one line per task for completed runs, findings and what could not be checked. */
export function createDashboard(scope: Construct, id: string, stage: string, taskIds: readonly string[]): Dashboard {
  const graph = (title: string, metricName: string, statistic: string) =>
    new GraphWidget({
      title,
      width: 8,
      left: taskIds.map(
        (task) =>
          new Metric({
            namespace: metricNamespace,
            metricName,
            dimensionsMap: metricDimensions(stage, task),
            statistic,
            period: Duration.hours(1),
            label: task,
          }),
      ),
    });
  return new Dashboard(scope, id, {
    dashboardName: `caretaker-${stage}`,
    defaultInterval: Duration.days(14),
    widgets: [
      [
        graph('Scheduled runs completed', metricNames.scheduledRunCompleted, 'Sum'),
        graph('Findings', metricNames.findings, 'Maximum'),
        graph('Unchecked', metricNames.unchecked, 'Maximum'),
      ],
    ],
  });
}
