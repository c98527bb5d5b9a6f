import { CfnOutput, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import type { Configuration } from '../config/schema.ts';
import * as registry from '../functions/index.ts';
import type { TaskDefinition } from '../shared/task.ts';
import { Alerting } from './alerting.ts';
import { createDashboard } from './dashboard.ts';
import { LedgerBucket } from './ledger-bucket.ts';
import { ReportBucket } from './report-bucket.ts';
import { ScheduledTask } from './scheduled-task.ts';
import { createStateTable } from './state-table.ts';

export interface CaretakerStackProps extends StackProps {
  readonly stage: string;
  readonly configuration: Configuration;
  /** Those of the registry unless given. */
  readonly tasks?: readonly TaskDefinition[];
  /** Extra environment variables for the functions. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One stage of Caretaker: what the tasks share, and every task of the registry that the configuration enables. */
export class CaretakerStack extends Stack {
  constructor(scope: Construct, id: string, props: CaretakerStackProps) {
    super(scope, id, { description: `Caretaker (${props.stage})`, ...props });
    const { stage, configuration, tasks = Object.values(registry) } = props;
    Tags.of(this).add('application', 'caretaker');
    Tags.of(this).add('stage', stage);

    const alerting = new Alerting(this, 'Alerting', configuration.alerts);
    const reportBucket = new ReportBucket(this, 'ReportBucket');
    const ledgerBucket = new LedgerBucket(this, 'LedgerBucket', { stage, accessLogs: reportBucket.accessLogs }).bucket;
    const stateTable = createStateTable(this, 'State', stage);
    const scheduleGroup = new CfnScheduleGroup(this, 'ScheduleGroup', { name: `caretaker-${stage}` });

    const deployed: TaskDefinition[] = [];
    for (const definition of tasks) {
      const settings = configuration.tasks[definition.id];
      if (!settings?.enabled) continue;
      const task = new ScheduledTask(this, definition.id, {
        stage,
        definition,
        settings,
        estate: configuration.estate,
        databases: configuration.databases,
        network: configuration.network,
        environment: props.environment ?? {},
        alerting,
        reportBucket,
        ledgerBucket,
        stateTable,
        scheduleGroup,
      });
      new CfnOutput(task, 'FunctionName', { value: task.function.functionName, description: definition.title });
      deployed.push(definition);
    }
    createDashboard(this, 'Dashboard', stage, deployed);

    this.#output('PageTopicArn', alerting.pageTopic.topicArn);
    this.#output('NoticeTopicArn', alerting.noticeTopic.topicArn);
    this.#output('ReportBucketName', reportBucket.bucket.bucketName);
    this.#output('LedgerBucketName', ledgerBucket.bucketName);
    this.#output('StateTableName', stateTable.tableName);
  }

  /** Outputs under a fixed name, which scripts can rely on. */
  #output(name: string, value: string): void {
    new CfnOutput(this, `${name}Output`, { value }).overrideLogicalId(name);
  }
}
