import { Aws, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule, type CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Invocation } from '../shared/invocation.ts';
import type { TaskDefinition } from '../shared/task.ts';

/** For how long, in seconds, EventBridge Scheduler tries to hand over a run; after that it goes to the dead-letter queue. */
export const deliveryWindowSeconds = 3600;

/**
 * The event of a scheduled run. EventBridge Scheduler fills these in, the same at every attempt:
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
 */
export const scheduledInvocation: Invocation = {
  schedule: { arn: '<aws.scheduler.schedule-arn>', scheduledTime: '<aws.scheduler.scheduled-time>' },
};

/** What a schedule sets going. */
export interface ScheduleTarget {
  readonly arn: string;
  /** The IAM action that this takes. */
  readonly action: 'lambda:InvokeFunction' | 'states:StartExecution';
}

export interface TaskScheduleProps {
  readonly definition: TaskDefinition;
  /** Sets it apart from the task's other schedules. */
  readonly nameSuffix?: string;
  readonly invocation: Invocation;
  /** EventBridge Scheduler expression, in `timeZone`. */
  readonly expression: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly group: CfnScheduleGroup;
  readonly target: ScheduleTarget;
  readonly deadLetterQueue: IQueue;
}

/** A schedule of one task, and the role with which it may set its target going and do nothing else. */
export class TaskSchedule extends Construct {
  constructor(scope: Construct, id: string, props: TaskScheduleProps) {
    super(scope, id);
    const { definition, group, target, deadLetterQueue } = props;
    const role = new Role(this, 'Role', {
      // Against the confused deputy: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID, 'aws:SourceArn': group.attrArn } },
      }),
      description: `Caretaker: lets EventBridge Scheduler run ${definition.id}`,
    });
    role.addToPolicy(new PolicyStatement({ actions: [target.action], resources: [target.arn] }));
    role.addToPolicy(new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [deadLetterQueue.queueArn] }));

    const schedule = new CfnSchedule(this, 'Schedule', {
      name: `${Stack.of(this).stackName}-${definition.id}${props.nameSuffix ?? ''}`,
      description: definition.title,
      groupName: group.ref,
      scheduleExpression: props.expression,
      scheduleExpressionTimezone: props.timeZone,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: target.arn,
        roleArn: role.roleArn,
        input: JSON.stringify(props.invocation),
        // A scan that is later than this is better reported as missed than run beside the next one.
        retryPolicy: { maximumEventAgeInSeconds: deliveryWindowSeconds, maximumRetryAttempts: 20 },
        deadLetterConfig: { arn: deadLetterQueue.queueArn },
      },
    });
    // The role alone is referred to; without its policy the first run could be denied.
    schedule.node.addDependency(role);
  }
}
