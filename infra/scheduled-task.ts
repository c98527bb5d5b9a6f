import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Alias, Architecture, Function as LambdaFunction, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { TaskSettings } from '../config/schema.ts';
import { type Databases, forTask } from '../shared/databases.ts';
import {
  environmentNames,
  functionName,
  listRetentionDays,
  listStatePrefix,
  liveAlias,
  metricNamespace,
  nodeOptions,
  runStatePrefix,
  stateMachineTimeoutSeconds,
} from '../shared/deployment.ts';
import type { Estate, Network } from '../shared/estate.ts';
import type { TaskDefinition } from '../shared/task.ts';
import type { Alerting } from './alerting.ts';
import { bundledHandler } from './bundle.ts';
import { warnOfNoWriter } from './database-access.ts';
import { createFailureQueue } from './failure-queue.ts';
import { addMissedRunAlarm } from './missed-run-alarm.ts';
import { placeInNetwork, rdsAuthoritiesPath, warnOfNoNetwork } from './network.ts';
import type { ReportBucket } from './report-bucket.ts';
import { addTaskAlarms } from './task-alarms.ts';
import { runtime, taskCode } from './task-code.ts';
import { createTaskRole } from './task-role.ts';
import { deliveryWindowSeconds, type ScheduleTarget, scheduledInvocation, TaskSchedule } from './task-schedule.ts';
import { TaskStateMachine } from './task-state-machine.ts';

/** Lambda's attempts at an asynchronous invocation are one more than this. */
const retryAttempts = 2;

/** For how long, in seconds, Lambda keeps an asynchronous invocation that it cannot run. */
const maxEventAgeSeconds = 3600;

export interface ScheduledTaskProps {
  readonly stage: string;
  readonly definition: TaskDefinition;
  readonly settings: TaskSettings;
  readonly estate: Estate;
  /** Every one that is configured. */
  readonly databases: Databases;
  readonly network: Network | undefined;
  /** Extra environment variables. */
  readonly environment: Readonly<Record<string, string>>;
  readonly alerting: Alerting;
  readonly reportBucket: ReportBucket;
  readonly ledgerBucket: IBucket;
  readonly stateTable: ITable;
  readonly scheduleGroup: CfnScheduleGroup;
}

/**
 * Everything that one task has in the cloud: function, alias, role, log group, schedule, queues for what fails, alarms; and a state
 * machine when its runs may be too long for one invocation.
 */
export class ScheduledTask extends Construct {
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: ScheduledTaskProps) {
    super(scope, id);
    const { definition, settings, estate, alerting } = props;
    const databases = forTask(definition, settings.config, props.databases);
    const readsDatabases = Object.keys(databases).length > 0;
    const network = readsDatabases ? props.network : undefined;
    const name = functionName(props.stage, definition.id);
    const reportBucket = props.reportBucket.bucket;
    // Named by CloudFormation, so that a stack or a task that is deployed again does not meet the logs it left behind.
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_YEAR,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const failureQueue = createFailureQueue(this, 'FailedRuns');
    const deadLetterQueue = createFailureQueue(this, 'UndeliveredSchedules');
    const role = createTaskRole(this, 'Role', {
      definition,
      config: settings.config,
      accounts: estate.accounts,
      topics: [alerting.pageTopic, alerting.noticeTopic],
      reportBucket,
      ledgerBucket: props.ledgerBucket,
      stateTable: props.stateTable,
      logGroup,
      failureQueue,
      databases,
      nameInNetwork: network === undefined ? undefined : name,
    });

    // No reserved concurrency: the lease keeps a scheduled run from being done twice, a run by hand must not be turned
    // away by a scheduled one, and an account with the initial quota of 10 has none to reserve.
    this.function = new LambdaFunction(this, 'Function', {
      functionName: name,
      description: definition.title,
      runtime,
      architecture: Architecture.ARM_64,
      handler: bundledHandler,
      code: taskCode(definition.id, { estate, runbookUrl: alerting.runbookUrl, databases, config: settings.config }),
      memorySize: definition.memoryMiB,
      timeout: Duration.seconds(definition.timeoutSeconds),
      role,
      logGroup,
      tracing: Tracing.ACTIVE,
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
      environment: {
        ...props.environment,
        NODE_OPTIONS: nodeOptions,
        ...(readsDatabases ? { NODE_EXTRA_CA_CERTS: rdsAuthoritiesPath } : {}),
        POWERTOOLS_SERVICE_NAME: definition.id,
        POWERTOOLS_METRICS_NAMESPACE: metricNamespace,
        [environmentNames.stage]: props.stage,
        [environmentNames.pageTopicArn]: alerting.pageTopic.topicArn,
        [environmentNames.noticeTopicArn]: alerting.noticeTopic.topicArn,
        [environmentNames.reportBucket]: reportBucket.bucketName,
        [environmentNames.ledgerBucket]: props.ledgerBucket.bucketName,
        [environmentNames.stateTable]: props.stateTable.tableName,
      },
    });
    if (network !== undefined) placeInNetwork(this.function, network);
    else if (readsDatabases) warnOfNoNetwork(this, definition.id);
    for (const database of definition.writes?.(settings.config, Object.keys(props.databases)) ?? []) {
      if (databases[database]?.writer === undefined) warnOfNoWriter(this, definition.id, database);
    }
    const alias = new Alias(this, 'Live', {
      aliasName: liveAlias,
      version: this.function.currentVersion,
      retryAttempts,
      maxEventAge: Duration.seconds(maxEventAgeSeconds),
      // The role may send to it already; the construct in aws-lambda-destinations would let it read as well.
      onFailure: { bind: () => ({ destination: failureQueue.queueArn }) },
    });
    const isInSteps = definition.resumable === true;
    const stateMachine = isInSteps
      ? new TaskStateMachine(this, 'Steps', { stage: props.stage, definition, target: alias }).stateMachine
      : undefined;
    if (isInSteps) props.reportBucket.expireSoon(`runs-of-${definition.id}`, runStatePrefix(definition.id));

    if (definition.applies === true) {
      props.reportBucket.expireSoon(`lists-of-${definition.id}`, listStatePrefix(definition.id), listRetentionDays);
    }

    const schedule = { definition, timeZone: estate.timeZone, group: props.scheduleGroup, deadLetterQueue };
    const invocation: ScheduleTarget = { arn: alias.functionArn, action: 'lambda:InvokeFunction' };
    new TaskSchedule(this, 'Schedule', {
      ...schedule,
      target:
        stateMachine === undefined
          ? invocation
          : { arn: stateMachine.stateMachineArn, action: 'states:StartExecution' },
      expression: settings.schedule,
      invocation: scheduledInvocation,
    });

    addMissedRunAlarm(this, {
      definition,
      stage: props.stage,
      expression: settings.schedule,
      timeZone: estate.timeZone,
      graceSeconds:
        deliveryWindowSeconds +
        (isInSteps ? stateMachineTimeoutSeconds : maxEventAgeSeconds + definition.timeoutSeconds),
      alerting,
      addWatch: (expression) =>
        new TaskSchedule(this, 'Watch', {
          ...schedule,
          target: invocation,
          nameSuffix: '-watch',
          expression,
          invocation: { watch: true },
        }),
    });
    addTaskAlarms(this, {
      definition,
      config: settings.config,
      stage: props.stage,
      alerting,
      function: this.function,
      failureQueue,
      deadLetterQueue,
      stateMachine,
    });
  }
}
