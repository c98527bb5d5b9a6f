import { Annotations, ArnFormat, Stack } from 'aws-cdk-lib';
import { Alarm, type AlarmProps } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, SmsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Alerts } from '../shared/estate.ts';
import type { MetricAlarm } from '../shared/task.ts';
import { type AlarmId, type AlarmKind, alarmKinds, metricRunbookLink, runbookLink } from './alarms.ts';

/** The two topics through which people hear of results and of alarms, with their subscriptions. */
export class Alerting extends Construct {
  /** What cannot wait: every e-mail address and every telephone. */
  readonly pageTopic: Topic;
  /** What can: every e-mail address. */
  readonly noticeTopic: Topic;

  /** Where the runbook can be read, if the configuration says so. */
  readonly runbookUrl: string | undefined;

  constructor(scope: Construct, id: string, alerts: Alerts) {
    super(scope, id);
    this.runbookUrl = alerts.runbookUrl;
    this.pageTopic = this.#topic('Page', 'Caretaker page');
    this.noticeTopic = this.#topic('Notice', 'Caretaker notice');
    for (const address of alerts.email) {
      this.pageTopic.addSubscription(new EmailSubscription(address));
      this.noticeTopic.addSubscription(new EmailSubscription(address));
    }
    for (const number of alerts.sms) this.pageTopic.addSubscription(new SmsSubscription(number));
    if (alerts.email.length === 0) this.#warn(alerts.sms.length > 0);
  }

  #warn(hasTelephone: boolean): void {
    const consequence = hasTelephone
      ? 'no e-mail address: nobody is told of findings that are not critical, of errors or of throttles'
      : 'no e-mail address and no telephone number: nobody is told of findings or of alarms';
    Annotations.of(this).addWarningV2(
      'caretaker:nobody-is-told',
      `"alerts" in the configuration has ${consequence}, unless somebody subscribes to the topics by hand. See "alerts" ` +
        'in docs/configuration.md.',
    );
  }

  /**
   * Adds an alarm of this kind for a task, in `scope`; people hear when it goes off and when it is over.
   *
   * @param about what the name and the description say it is about: a task's title.
   */
  addAlarm(scope: Construct, kind: AlarmId, about: string, props: AlarmProps): Alarm {
    const { channel, description } = alarmKinds[kind];
    const text = `${about}: ${description} Runbook: ${runbookLink(kind, this.runbookUrl)}`;
    return this.#alarm(scope, `${kind}-alarm`, text, channel, props);
  }

  /** Adds an alarm on a number in a task's reports, in `scope`: one that can wait, until it comes to a finding that cannot. */
  addMetricAlarm(scope: Construct, metric: MetricAlarm, about: string, props: AlarmProps): Alarm {
    const text = `${about}: ${metric.title}. Runbook: ${metricRunbookLink(metric, this.runbookUrl)}`;
    return this.#alarm(scope, `${metric.metric}-alarm`, text, 'notice', props);
  }

  #alarm(
    scope: Construct,
    id: string,
    alarmDescription: string,
    channel: AlarmKind['channel'],
    props: AlarmProps,
  ): Alarm {
    const alarm = new Alarm(scope, id, { ...props, alarmDescription });
    const action = new SnsAction(channel === 'page' ? this.pageTopic : this.noticeTopic);
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
    return alarm;
  }

  #topic(id: string, displayName: string): Topic {
    const topic = new Topic(this, id, { displayName, enforceSSL: true });
    // A topic policy replaces the default one, which is what lets the account's alarms publish:
    // https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    const stack = Stack.of(this);
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarms',
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': stack.account },
          ArnLike: {
            'aws:SourceArn': stack.formatArn({
              service: 'cloudwatch',
              resource: 'alarm',
              resourceName: '*',
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
    return topic;
  }
}
