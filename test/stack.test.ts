import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { App, type Stack, Validations } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { configurationSchema, type TaskSettings } from '../config/schema.ts';
import * as registry from '../functions/index.ts';
import { alarmIdsOf, alarmKinds, metricRunbookLink, runbookLink } from '../infra/alarms.ts';
import { parseAppOptions } from '../infra/app-options.ts';
import { bundle } from '../infra/bundle.ts';
import { CaretakerStack } from '../infra/caretaker-stack.ts';
import { missedRunHours } from '../infra/missed-run-alarm.ts';
import { ConfigError } from '../shared/config-error.ts';
import {
  alarmMetricName,
  deployedConfigFileName,
  deployedConfigSchema,
  environmentNames,
  functionName,
  metricDimensions,
  metricNames,
  metricNamespace,
  nodeOptions,
  stateMachineName,
  stateMachineTimeoutSeconds,
  workWindowSeconds,
} from '../shared/deployment.ts';
import { invocationSchema } from '../shared/invocation.ts';
import { permissionsFor, type TaskDefinition } from '../shared/task.ts';

// biome-ignore lint/suspicious/noExplicitAny: a template is JSON whose shape is what these tests are about.
type Properties = Record<string, any>;

interface Resource {
  readonly Type: string;
  readonly Properties: Properties;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: readonly string[];
}

const tasks: readonly TaskDefinition[] = Object.values(registry);
const cdkContext = JSON.parse(readFileSync(new URL('../cdk.json', import.meta.url), 'utf8')).context;
const stage = 'test';

const accounts = [{ id: '111111111111', roleArn: 'arn:aws:iam::111111111111:role/caretaker', externalId: 'nycmg' }];
const alerts = { email: ['ops@nycmg.example', 'legal@nycmg.example'], sms: ['+12125550123'] };
const estate = { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1'], accounts };

/** Where the stacks of these tests are synthesized to. */
const directory = mkdtempSync(join(tmpdir(), 'caretaker-stack-'));

afterAll(() => rmSync(directory, { recursive: true }));

function createStack(options: {
  readonly alerts?: object;
  readonly tasks?: Record<string, object>;
  readonly definitions?: readonly TaskDefinition[];
  readonly stage?: string;
  readonly environment?: Record<string, string>;
  readonly region?: string;
  readonly databases?: Record<string, object>;
  readonly network?: object;
  /** Settings of tasks as they are once they have been parsed, in place of what the registry's schemas make of them. */
  readonly configured?: Record<string, TaskSettings>;
}): CaretakerStack {
  const app = new App({
    context: { ...cdkContext, 'aws:cdk:bundling-stacks': [] },
    outdir: mkdtempSync(join(directory, 'cdk.out-')),
  });
  const configuration = configurationSchema.parse({
    estate,
    alerts: options.alerts ?? alerts,
    tasks: options.tasks,
    databases: options.databases,
    network: options.network,
  });
  return new CaretakerStack(app, 'stack', {
    stage: options.stage ?? stage,
    configuration: { ...configuration, tasks: { ...configuration.tasks, ...options.configured } },
    environment: options.environment,
    tasks: options.definitions,
    env: { region: options.region ?? 'us-east-1' },
  });
}

/** The resources of a synthesized stack, with the questions that these tests ask of them. */
class Resources {
  readonly #all: Record<string, Resource>;

  constructor(stack: Stack) {
    this.#all = Template.fromStack(stack).toJSON().Resources;
  }

  ofType(type: string): [logicalId: string, resource: Resource][] {
    return Object.entries(this.#all).filter(([, resource]) => resource.Type === type);
  }

  /** The one resource of this type for which `test` holds. */
  one(type: string, test: (properties: Properties) => boolean = () => true): [string, Resource] {
    const found = this.ofType(type).filter(([, { Properties }]) => test(Properties));
    expect(found, `resources of type ${type}`).toHaveLength(1);
    return found[0] as [string, Resource];
  }

  at(reference: { Ref: string } | { 'Fn::GetAtt': string[] }): Resource {
    const id = 'Ref' in reference ? reference.Ref : reference['Fn::GetAtt'][0];
    const resource = this.#all[id ?? ''];
    expect(resource, id).toBeDefined();
    return resource as Resource;
  }

  /** What the role's policies allow: `action on resource`, with the condition if there is one, sorted. */
  allowedTo(roleId: string): string[] {
    const policies = this.ofType('AWS::IAM::Policy').filter(([, { Properties }]) =>
      Properties.Roles.some((role: { Ref: string }) => role.Ref === roleId),
    );
    return policies
      .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement)
      .filter(({ Effect }) => Effect !== 'Deny')
      .flatMap((statement) => {
        expect(statement.Effect).toBe('Allow');
        const { Action, Effect: _, Resource, Condition, ...others } = statement;
        expect(others).toEqual({});
        return [Action]
          .flat()
          .flatMap((action) => [Resource].flat().map((resource) => allowed(action, resource, Condition)));
      })
      .sort();
  }
}

function allowed(action: string, resource: unknown, condition?: object): string {
  const where = typeof resource === 'string' ? resource : JSON.stringify(resource);
  return `${action} on ${where}${condition === undefined ? '' : ` if ${JSON.stringify(condition)}`}`;
}

/** The bucket of reports, and that of the ledgers. */
const isReportBucket = (p: Properties) => p.VersioningConfiguration !== undefined && p.ObjectLockEnabled !== true;
const isLedgerBucket = (p: Properties) => p.ObjectLockEnabled === true;

const stack = createStack({});
const resources = new Resources(stack);
const template = Template.fromStack(stack);
const [reportBucketId, reportBucket] = resources.one('AWS::S3::Bucket', isReportBucket);
const [ledgerBucketId, ledgerBucket] = resources.one('AWS::S3::Bucket', isLedgerBucket);
const [stateTableId, stateTable] = resources.one('AWS::DynamoDB::Table');
const [pageTopicId] = resources.one('AWS::SNS::Topic', (p) => p.DisplayName === 'Caretaker page');
const [noticeTopicId] = resources.one('AWS::SNS::Topic', (p) => p.DisplayName === 'Caretaker notice');

describe.each(tasks)('the deployment of $id', (definition) => {
  const [functionId, lambda] = resources.one(
    'AWS::Lambda::Function',
    (p) => p.FunctionName === functionName(stage, definition.id),
  );
  const [aliasId, alias] = resources.one('AWS::Lambda::Alias', (p) => p.FunctionName.Ref === functionId);
  const [, schedule] = resources.one('AWS::Scheduler::Schedule', (p) => p.Name.endsWith(`-${definition.id}`));
  const [, eventInvokeConfig] = resources.one(
    'AWS::Lambda::EventInvokeConfig',
    (p) => p.FunctionName.Ref === functionId,
  );
  const deadLetterArn = schedule.Properties.Target.DeadLetterConfig.Arn;
  const failureArn = eventInvokeConfig.Properties.DestinationConfig.OnFailure.Destination;
  const logGroup = lambda.Properties.LoggingConfig.LogGroup;
  const stateMachineId = () =>
    resources.one(
      'AWS::StepFunctions::StateMachine',
      (p) => p.StateMachineName === stateMachineName(stage, definition.id),
    )[0];

  it('runs on Node 24 on arm64 with the memory and the timeout of its definition, traced', () => {
    expect(lambda.Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      MemorySize: definition.memoryMiB,
      Timeout: definition.timeoutSeconds,
      TracingConfig: { Mode: 'Active' },
    });
  });

  it('is told its surroundings by the names that the handler reads', () => {
    expect(lambda.Properties.Environment.Variables).toEqual({
      NODE_OPTIONS: nodeOptions,
      POWERTOOLS_SERVICE_NAME: definition.id,
      POWERTOOLS_METRICS_NAMESPACE: metricNamespace,
      [environmentNames.stage]: stage,
      [environmentNames.pageTopicArn]: { Ref: pageTopicId },
      [environmentNames.noticeTopicArn]: { Ref: noticeTopicId },
      [environmentNames.reportBucket]: { Ref: reportBucketId },
      [environmentNames.ledgerBucket]: { Ref: ledgerBucketId },
      [environmentNames.stateTable]: { Ref: stateTableId },
    });
  });

  it('may do exactly what its definition declares and what every task needs', () => {
    const roleId = lambda.Properties.Role['Fn::GetAtt'][0];
    const role = resources.at({ Ref: roleId });
    expect(role.Properties.ManagedPolicyArns).toBeUndefined();
    expect(role.Properties.Policies).toBeUndefined();
    const everyTask: [action: string, resource: unknown][] = [
      ['logs:CreateLogStream', { 'Fn::GetAtt': [logGroup.Ref, 'Arn'] }],
      ['logs:PutLogEvents', { 'Fn::GetAtt': [logGroup.Ref, 'Arn'] }],
      ['xray:PutTelemetryRecords', '*'],
      ['xray:PutTraceSegments', '*'],
      ['sns:Publish', { Ref: pageTopicId }],
      ['sns:Publish', { Ref: noticeTopicId }],
      [
        's3:PutObject',
        { 'Fn::Join': ['', [{ 'Fn::GetAtt': [reportBucketId, 'Arn'] }, `/reports/${definition.id}/*`]] },
      ],
      ...['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'].map((action): [string, unknown] => [
        action,
        { 'Fn::Join': ['', [{ 'Fn::GetAtt': [reportBucketId, 'Arn'] }, `/state/${definition.id}/*`]] },
      ]),
      ['s3:ListBucket', { 'Fn::GetAtt': [reportBucketId, 'Arn'] }],
      ['dynamodb:GetItem', { 'Fn::GetAtt': [stateTableId, 'Arn'] }],
      ['dynamodb:UpdateItem', { 'Fn::GetAtt': [stateTableId, 'Arn'] }],
      ['sqs:SendMessage', failureArn],
      ...accounts.map(({ roleArn }): [string, unknown] => ['sts:AssumeRole', roleArn]),
    ];
    const declared = permissionsFor(definition, definition.config.parse({})).flatMap(({ actions, resources: on }) =>
      actions.flatMap((action) => on.map((resource) => allowed(action, resource))),
    );
    const ledgerObjects = { 'Fn::Join': ['', [{ 'Fn::GetAtt': [ledgerBucketId, 'Arn'] }, `/${definition.id}/*`]] };
    const ofLedger = [
      ...['s3:GetObject', 's3:PutObject'].map((action) => allowed(action, ledgerObjects)),
      ...['s3:ListBucket', 's3:ListBucketVersions'].map((action) =>
        allowed(
          action,
          { 'Fn::GetAtt': [ledgerBucketId, 'Arn'] },
          { StringLikeIfExists: { 's3:prefix': `${definition.id}/*` } },
        ),
      ),
    ];
    const expected = new Set([
      ...declared,
      ...everyTask.map(([action, resource]) => allowed(action, resource)),
      ...(definition.applies === true ? ofLedger : []),
    ]);
    expect(resources.allowedTo(roleId)).toEqual([...expected].sort());
  });

  it('may not delete what Caretaker remembers or has written down, whatever its configuration takes', () => {
    const roleId = lambda.Properties.Role['Fn::GetAtt'][0];
    const denied = resources
      .ofType('AWS::IAM::Policy')
      .filter(([, { Properties }]) => Properties.Roles.some((role: { Ref: string }) => role.Ref === roleId))
      .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Properties[])
      .filter(({ Effect }) => Effect === 'Deny');
    const objectsOf = (id: string) => ({ 'Fn::Join': ['', [{ 'Fn::GetAtt': [id, 'Arn'] }, '/*']] });
    const includes = (all: readonly object[], one: object) => all.some((other) => isDeepStrictEqual(other, one));
    const kept = {
      Effect: 'Deny',
      Action: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
      Resource: expect.toSatisfy(
        (on: object[]) =>
          on.length === 2 && [reportBucketId, ledgerBucketId].every((id) => includes(on, objectsOf(id))),
      ),
    };
    expect(denied).toEqual(definition.applies === true ? [kept] : []);
  });

  it('has names and descriptions that AWS takes, of which an emulator may take more', () => {
    const longestStage = 'x'.repeat(16);
    expect(functionName(longestStage, definition.id).length).toBeLessThanOrEqual(64);
    expect(`caretaker-${longestStage}-${definition.id}`.length, 'name of the schedule').toBeLessThanOrEqual(64);
    expect(lambda.Properties.Description.length).toBeLessThanOrEqual(256);
    for (const [, { Properties }] of resources.ofType('AWS::IAM::Role')) {
      // https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
      expect(Properties.Description).toMatch(/^[\t\n\r -~\u00a1-\u00ff]{0,1000}$/);
    }
  });

  it('may send to its failure queue before Lambda is told of that queue, which checks it', () => {
    const roleId = lambda.Properties.Role['Fn::GetAtt'][0];
    const [policyId] = resources.one('AWS::IAM::Policy', (p) =>
      p.Roles.some((role: { Ref: string }) => role.Ref === roleId),
    );
    expect(resources.at({ Ref: functionId }).DependsOn).toContain(policyId);
  });

  it('keeps its logs for a year, and beyond the stack', () => {
    const group = resources.at(logGroup);
    expect(group.Properties.RetentionInDays).toBe(365);
    expect(group.DeletionPolicy).toBe('Retain');
  });

  it('is run by its alias, or in steps, at the times of its definition, in the time zone of the estate', () => {
    expect(alias.Properties.Name).toBe('live');
    expect(schedule.Properties.Target.Arn).toEqual(definition.resumable ? { Ref: stateMachineId() } : { Ref: aliasId });
    expect(schedule.Properties).toMatchObject({
      ScheduleExpression: definition.schedule,
      ScheduleExpressionTimezone: estate.timeZone,
      FlexibleTimeWindow: { Mode: 'OFF' },
    });
    expect(resources.at(schedule.Properties.GroupName).Properties.Name).toBe(`caretaker-${stage}`);
  });

  it('is handed an event that its handler accepts and that names the scheduled time', () => {
    const event = JSON.parse(schedule.Properties.Target.Input);
    expect(event).toEqual({
      schedule: { arn: '<aws.scheduler.schedule-arn>', scheduledTime: '<aws.scheduler.scheduled-time>' },
    });
    expect(invocationSchema.safeParse(event).success).toBe(true);
  });

  it('lets the scheduler do nothing but that, and give up to the dead-letter queue', () => {
    const roleId = schedule.Properties.Target.RoleArn['Fn::GetAtt'][0];
    const start = definition.resumable
      ? allowed('states:StartExecution', { Ref: stateMachineId() })
      : allowed('lambda:InvokeFunction', { Ref: aliasId });
    expect(resources.allowedTo(roleId)).toEqual([start, allowed('sqs:SendMessage', deadLetterArn)].sort());
    const [statement] = resources.at({ Ref: roleId }).Properties.AssumeRolePolicyDocument.Statement;
    // The ARN of the group, not of the schedule: that is what Scheduler sends.
    expect(statement.Condition).toEqual({
      StringEquals: {
        'aws:SourceAccount': { Ref: 'AWS::AccountId' },
        'aws:SourceArn': { 'Fn::GetAtt': [schedule.Properties.GroupName.Ref, 'Arn'] },
      },
    });
  });

  it('is retried within bounds, by the scheduler and by Lambda', () => {
    expect(schedule.Properties.Target.RetryPolicy).toEqual({
      MaximumEventAgeInSeconds: 3600,
      MaximumRetryAttempts: 20,
    });
    expect(eventInvokeConfig.Properties).toMatchObject({ MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 2 });
    expect(JSON.stringify(eventInvokeConfig.Properties.Qualifier)).toContain(aliasId);
  });

  it('gives up to two queues of its own, encrypted, over TLS alone, kept for 14 days', () => {
    expect(deadLetterArn).not.toEqual(failureArn);
    for (const arn of [deadLetterArn, failureArn]) {
      expect(resources.at(arn).Properties).toMatchObject({
        SqsManagedSseEnabled: true,
        MessageRetentionPeriod: 14 * 24 * 3600,
      });
      const [, policy] = resources.one('AWS::SQS::QueuePolicy', (p) => p.Queues[0].Ref === arn['Fn::GetAtt'][0]);
      expect(policy.Properties.PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Action: 'sqs:*',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      );
    }
  });

  it.each(alarmIdsOf(definition))('has the alarm %s, which tells its topic and links to the runbook', (kind) => {
    const link = runbookLink(kind);
    const alarms = resources
      .ofType('AWS::CloudWatch::Alarm')
      .map(([, { Properties }]) => Properties)
      .filter((p) => p.AlarmDescription.startsWith(`${definition.title}: `) && p.AlarmDescription.endsWith(` ${link}`));
    // An execution can end badly in three ways, each with a metric of its own.
    expect(alarms).toHaveLength(kind === 'failed-execution' ? 3 : 1);
    const topic = { Ref: alarmKinds[kind].channel === 'page' ? pageTopicId : noticeTopicId };
    for (const { AlarmActions, OKActions } of alarms) expect([AlarmActions, OKActions]).toEqual([[topic], [topic]]);
  });

  it('has an alarm on each number that its definition says has one, which can wait', () => {
    const numbers = definition.alarms ?? [];
    const names = resources
      .ofType('AWS::CloudWatch::Alarm')
      .map(([, { Properties }]) => Properties)
      .filter(
        (p) =>
          p.Namespace === metricNamespace &&
          p.Dimensions.some((dimension: Properties) => dimension.Value === definition.id) &&
          p.MetricName !== metricNames.scheduledRunCompleted,
      );
    expect(names.map(({ MetricName }) => MetricName)).toEqual(numbers.map(({ metric }) => alarmMetricName(metric)));
    for (const [index, alarm] of numbers.entries()) {
      expect(names[index]).toMatchObject({
        AlarmDescription: `${definition.title}: ${alarm.title}. Runbook: ${metricRunbookLink(alarm)}`,
        Threshold: alarm.threshold(definition.config.parse({})),
        ComparisonOperator: 'GreaterThanThreshold',
        Statistic: 'Maximum',
        TreatMissingData: 'ignore',
        AlarmActions: [{ Ref: noticeTopicId }],
        OKActions: [{ Ref: noticeTopicId }],
        Dimensions: expect.arrayContaining(
          Object.entries(metricDimensions(stage, definition.id)).map(([Name, Value]) => ({ Name, Value })),
        ),
      });
    }
  });

  it('watches the metrics that say so', () => {
    const alarm = (link: string) =>
      resources.one(
        'AWS::CloudWatch::Alarm',
        (p) => p.AlarmDescription.startsWith(definition.title) && p.AlarmDescription.endsWith(link),
      )[1].Properties;
    const ofFunction = [{ Name: 'FunctionName', Value: { Ref: functionId } }];
    const ofQueue = (arn: { 'Fn::GetAtt': string[] }) => [
      { Name: 'QueueName', Value: { 'Fn::GetAtt': [arn['Fn::GetAtt'][0], 'QueueName'] } },
    ];
    const any = { Threshold: 1, ComparisonOperator: 'GreaterThanOrEqualToThreshold', EvaluationPeriods: 1 };
    expect(alarm(runbookLink('errors'))).toMatchObject({ ...any, MetricName: 'Errors', Dimensions: ofFunction });
    expect(alarm(runbookLink('throttles'))).toMatchObject({ ...any, MetricName: 'Throttles', Dimensions: ofFunction });
    const messages = { ...any, MetricName: 'ApproximateNumberOfMessagesVisible', TreatMissingData: 'ignore' };
    expect(alarm(runbookLink('failed-run'))).toMatchObject({ ...messages, Dimensions: ofQueue(failureArn) });
    expect(alarm(runbookLink('undelivered-schedule'))).toMatchObject({
      ...messages,
      Dimensions: ofQueue(deadLetterArn),
    });
    const missedRun = alarm(runbookLink('missed-run'));
    expect(missedRun).toMatchObject({
      Namespace: metricNamespace,
      MetricName: metricNames.scheduledRunCompleted,
      Statistic: 'Sum',
      Threshold: 1,
      ComparisonOperator: 'LessThanThreshold',
      TreatMissingData: 'breaching',
    });
    const dimensions = missedRun.Dimensions.map(({ Name, Value }: { Name: string; Value: string }) => [Name, Value]);
    expect(Object.fromEntries(dimensions)).toEqual(metricDimensions(stage, definition.id));
    expect(missedRun.DatapointsToAlarm).toBe(missedRun.EvaluationPeriods);
    expect(missedRun.Period * missedRun.EvaluationPeriods).toBeLessThanOrEqual(7 * 86_400);
  });

  it('leaves nothing when the configuration disables it', () => {
    const without = new Resources(createStack({ tasks: { [definition.id]: { enabled: false } } }));
    const names = without.ofType('AWS::Lambda::Function').map(([, { Properties }]) => Properties.FunctionName);
    expect(names.sort()).toEqual(
      tasks
        .filter(({ id }) => id !== definition.id)
        .map(({ id }) => functionName(stage, id))
        .sort(),
    );
    const alarms = without.ofType('AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties.AlarmDescription);
    expect(alarms.filter((description) => description.startsWith(`${definition.title}: `))).toEqual([]);
  });

  it('runs when the configuration says instead', () => {
    const expression = 'cron(30 4 ? * MON-FRI *)';
    const changed = new Resources(createStack({ tasks: { [definition.id]: { schedule: expression } } }));
    const [, { Properties }] = changed.one('AWS::Scheduler::Schedule', (p) => p.Name.endsWith(`-${definition.id}`));
    expect(Properties.ScheduleExpression).toBe(expression);
  });

  it('is asked when it last ran where its schedule has longer gaps than an alarm can wait for', () => {
    const stack = createStack({ tasks: { [definition.id]: { schedule: 'cron(0 6 1 * ? *)' } } });
    const seldom = new Resources(stack);
    const [, { Properties: watch }] = seldom.one('AWS::Scheduler::Schedule', (p) => p.Name.endsWith('-watch'));
    expect(watch).toMatchObject({ ScheduleExpression: 'rate(6 hours)', Target: { Input: '{"watch":true}' } });
    expect(invocationSchema.safeParse(JSON.parse(watch.Target.Input)).success).toBe(true);
    const [, { Properties: alarm }] = seldom.one(
      'AWS::CloudWatch::Alarm',
      (p) =>
        p.AlarmDescription.startsWith(`${definition.title}: `) &&
        p.AlarmDescription.endsWith(runbookLink('missed-run')),
    );
    expect(alarm).toMatchObject({
      MetricName: metricNames.hoursSinceScheduledRun,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'breaching',
      Period: 6 * 3600,
      EvaluationPeriods: 2,
    });
    // A month of 31 days, and then some.
    expect(alarm.Threshold).toBeGreaterThan(31 * 24);
    expect(alarm.Threshold).toBeLessThan(32 * 24);
    expect(seldom.ofType('AWS::Scheduler::Schedule')).toHaveLength(
      resources.ofType('AWS::Scheduler::Schedule').length + 1,
    );
    Annotations.fromStack(stack).hasNoWarning('*', Match.anyValue());
  });

  it.each(['at(2026-03-01T00:00:00)', 'cron(0 6 * * ? 2020)'])(
    'warns at synthesis that nothing repeats in %s',
    (expression) => {
      const once = createStack({ tasks: { [definition.id]: { schedule: expression } } });
      Annotations.fromStack(once).hasWarning(
        `/stack/${definition.id}`,
        Match.stringLikeRegexp(`${definition.id}: no alarm watches for missed runs of .*, which does not repeat`),
      );
    },
  );

  it('links its alarms to where the runbook can be read', () => {
    const runbookUrl = 'https://runbook.nycmg.example/';
    const linked = new Resources(createStack({ alerts: { email: ['ops@nycmg.example'], runbookUrl } }));
    const descriptions = linked
      .ofType('AWS::CloudWatch::Alarm')
      .map(([, { Properties }]) => Properties.AlarmDescription as string);
    expect(descriptions.length).toBeGreaterThan(0);
    expect(descriptions.filter((description) => !description.includes(`Runbook: ${runbookUrl}#alarm-`))).toEqual([]);
  });

  it('is bundled with its configuration, the same wherever it is written', () => {
    const directory = mkdtempSync(join(tmpdir(), 'caretaker-bundle-'));
    try {
      const { tasks: settings, ...configuration } = configurationSchema.parse({ estate });
      const config = settings[definition.id]?.config ?? {};
      const write = (outDir: string) => {
        bundle({ taskId: definition.id, deployed: { estate: configuration.estate, config }, outDir });
        return ['index.mjs', 'index.mjs.map', deployedConfigFileName].map((name) =>
          readFileSync(join(outDir, name), 'utf8'),
        );
      };
      const first = write(join(directory, 'a'));
      expect(write(join(directory, 'b', 'c'))).toEqual(first);
      expect(first[0]).toMatch(/\n\/\/# sourceMappingURL=index\.mjs\.map\n$/);
      expect(JSON.parse(first[1] ?? '').sourcesContent).toBeUndefined();
      expect(deployedConfigSchema.parse(JSON.parse(first[2] ?? '')).config).toEqual(config);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('the stack', () => {
  it('has one function for each task of the registry', () => {
    const names = resources.ofType('AWS::Lambda::Function').map(([, { Properties }]) => Properties.FunctionName);
    expect(names.sort()).toEqual(tasks.map(({ id }) => functionName(stage, id)).sort());
  });

  it('subscribes every e-mail address to both topics and every telephone to the page topic', () => {
    const subscriptions = resources
      .ofType('AWS::SNS::Subscription')
      .map(([, { Properties: p }]) => `${p.TopicArn.Ref} ${p.Protocol} ${p.Endpoint}`);
    expect(subscriptions.sort()).toEqual(
      [
        ...alerts.email.flatMap((address) => [pageTopicId, noticeTopicId].map((topic) => `${topic} email ${address}`)),
        ...alerts.sms.map((number) => `${pageTopicId} sms ${number}`),
      ].sort(),
    );
  });

  it.each([
    [{}, 'no e-mail address and no telephone number'],
    [{ sms: alerts.sms }, 'no e-mail address'],
  ])('warns at synthesis when, with the alerts %o, a topic has nobody who hears of it', (configured, expected) => {
    const silent = createStack({ alerts: configured });
    Annotations.fromStack(silent).hasWarning('/stack/Alerting', Match.stringLikeRegexp(`has ${expected}:`));
  });

  it.each([
    ['page', pageTopicId],
    ['notice', noticeTopicId],
  ])('has a %s topic that takes messages over TLS alone, and alarms of this account', (_, topicId) => {
    const [, { Properties }] = resources.one('AWS::SNS::TopicPolicy', (p) => p.Topics[0].Ref === topicId);
    expect(Properties.PolicyDocument.Statement).toEqual([
      expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      expect.objectContaining({
        Effect: 'Allow',
        Action: 'sns:Publish',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Condition: expect.objectContaining({ StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } }),
      }),
    ]);
  });

  it('keeps reports for seven years, private, versioned, encrypted and logged, and beyond the stack', () => {
    expect(reportBucket.DeletionPolicy).toBe('Retain');
    expect(reportBucket.Properties.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    expect(reportBucket.Properties.BucketEncryption).toBeDefined();
    expect(resources.at(reportBucket.Properties.LoggingConfiguration.DestinationBucketName).Type).toBe(
      'AWS::S3::Bucket',
    );
    expect(reportBucket.Properties.LifecycleConfiguration.Rules).toContainEqual(
      expect.objectContaining({
        Status: 'Enabled',
        Prefix: 'reports/',
        ExpirationInDays: 2557,
        NoncurrentVersionExpiration: { NoncurrentDays: 30 },
        Transitions: [{ StorageClass: 'STANDARD_IA', TransitionInDays: 90 }],
      }),
    );
  });

  it('lets nothing that a task remembers expire, and clears away what uploads have left after a day', () => {
    const rules: Properties[] = reportBucket.Properties.LifecycleConfiguration.Rules;
    const expiring = rules.filter(({ ExpirationInDays }) => ExpirationInDays !== undefined);
    for (const { id } of tasks) {
      const memory = `state/${id}/verification/audio`;
      expect(expiring.filter(({ Prefix }) => memory.startsWith(Prefix ?? ''))).toEqual([]);
    }
    // Lists are of no use once their plan is at its end or too old; what was deleted by them is told beside them.
    const lists = tasks.filter(({ applies }) => applies === true).map(({ id }) => `state/${id}/lists/`);
    expect(expiring.filter(({ ExpirationInDays }) => ExpirationInDays === 120).map(({ Prefix }) => Prefix)).toEqual(
      lists,
    );
    expect(rules).toContainEqual(
      expect.objectContaining({ Prefix: 'state/', NoncurrentVersionExpiration: { NoncurrentDays: 30 } }),
    );
    expect(rules.filter(({ Prefix }) => Prefix === undefined)).toEqual([
      expect.objectContaining({
        ExpiredObjectDeleteMarker: true,
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      }),
    ]);
  });

  it('keeps ledgers under a lock of seven years, private, encrypted and logged, and beyond the stack', () => {
    expect(ledgerBucket.DeletionPolicy).toBe('Retain');
    expect(ledgerBucket.Properties).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Days: 2557, Mode: 'GOVERNANCE' } },
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      BucketEncryption: expect.anything(),
    });
    expect(ledgerBucket.Properties.BucketName, 'named by CloudFormation').toBeUndefined();
    expect(ledgerBucket.Properties.LifecycleConfiguration).toBeUndefined();
    expect(ledgerBucket.Properties.LoggingConfiguration.DestinationBucketName).not.toEqual({ Ref: ledgerBucketId });
    expect(resources.at(ledgerBucket.Properties.LoggingConfiguration.DestinationBucketName).Type).toBe(
      'AWS::S3::Bucket',
    );
  });

  it('lets nobody at all take a ledger of production away before its time', () => {
    const [, { Properties }] = new Resources(createStack({ stage: 'prod' })).one('AWS::S3::Bucket', isLedgerBucket);
    expect(Properties.ObjectLockConfiguration.Rule.DefaultRetention).toEqual({ Days: 2557, Mode: 'COMPLIANCE' });
  });

  it('lets nobody replace or hide an entry of a ledger, nor ask for it without TLS', () => {
    const [, { Properties }] = resources.one('AWS::S3::BucketPolicy', (p) => p.Bucket.Ref === ledgerBucketId);
    const arn = { 'Fn::GetAtt': [ledgerBucketId, 'Arn'] };
    const everybody = { Effect: 'Deny', Principal: { AWS: '*' } };
    const objects = { 'Fn::Join': ['', [arn, '/*']] };
    expect(Properties.PolicyDocument.Statement).toEqual([
      expect.objectContaining({
        ...everybody,
        Action: 's3:*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
      {
        ...everybody,
        Sid: 'DenyDeletion',
        Action: ['s3:BypassGovernanceRetention', 's3:DeleteObject', 's3:DeleteObjectVersion'],
        Resource: objects,
      },
      {
        ...everybody,
        Sid: 'DenyReplacement',
        Action: 's3:PutObject',
        Resource: objects,
        Condition: { Null: { 's3:if-none-match': 'true' } },
      },
    ]);
  });

  it('lets no function delete in the ledgers, or get around their lock', () => {
    const granted = resources
      .ofType('AWS::IAM::Policy')
      .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Properties[])
      .filter(({ Effect }) => Effect !== 'Deny')
      .filter(({ Resource }) => JSON.stringify(Resource).includes(ledgerBucketId));
    const actions = new Set(granted.flatMap(({ Action }) => Action));
    const harmless = ['s3:GetObject', 's3:PutObject', 's3:ListBucket', 's3:ListBucketVersions'];
    expect([...actions].filter((action) => !harmless.includes(action))).toEqual([]);
  });

  it('keeps state in a table that can be recovered, beyond the stack, and that forgets what has expired', () => {
    expect(stateTable.DeletionPolicy).toBe('Retain');
    expect(stateTable.Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });

  it('protects the state of production, and of no other stage, against deletion', () => {
    const [, production] = new Resources(createStack({ stage: 'prod' })).one('AWS::DynamoDB::Table');
    expect(production.Properties.DeletionProtectionEnabled).toBe(true);
    expect(stateTable.Properties.DeletionProtectionEnabled).toBe(false);
  });

  it('passes extra environment variables on, but none that would hide its own', () => {
    const changed = new Resources(
      createStack({ environment: { AWS_USE_FIPS_ENDPOINT: 'true', [environmentNames.stage]: 'other' } }),
    );
    for (const [, { Properties }] of changed.ofType('AWS::Lambda::Function')) {
      expect(Properties.Environment.Variables).toMatchObject({
        AWS_USE_FIPS_ENDPOINT: 'true',
        [environmentNames.stage]: stage,
      });
    }
  });

  it('says where its topics, its reports and its state are', () => {
    expect(template.toJSON().Outputs).toMatchObject({
      PageTopicArn: { Value: { Ref: pageTopicId } },
      NoticeTopicArn: { Value: { Ref: noticeTopicId } },
      ReportBucketName: { Value: { Ref: reportBucketId } },
      LedgerBucketName: { Value: { Ref: ledgerBucketId } },
      StateTableName: { Value: { Ref: stateTableId } },
    });
  });

  it('gives cdk-nag nothing to report, and cdk-nag reports', () => {
    const checked = createStack({});
    const nag = () => new AwsSolutionsChecks(checked).validateScope(checked).violations.map(({ ruleName }) => ruleName);
    expect(nag()).toEqual([]);
    new Queue(checked, 'Faulty');
    expect(nag()).toContain('AwsSolutions-SQS4');
  });

  it('gives a reason of its own for every cdk-nag rule that it acknowledges', () => {
    const acknowledged = stack.node
      .findAll()
      .flatMap(({ node }) =>
        node.metadata
          .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
          .flatMap(({ data }) => Object.entries(data as Record<string, string>)),
      );
    expect(acknowledged.length).toBeGreaterThan(0);
    for (const [id, reason] of acknowledged) expect(reason.length, id).toBeGreaterThan(30);
  });
});

describe('a task whose runs are performed in steps', () => {
  const bucket = 'nycmg-audio';
  const definition: TaskDefinition = {
    ...registry.certificateExpiry,
    resumable: true,
    permissions: [
      {
        actions: ['s3:GetObject'],
        resources: () => [`arn:aws:s3:::${bucket}/*`],
        reason: 'The configuration names it.',
      },
      { actions: ['kms:Decrypt'], resources: () => [], reason: 'The configuration names no key.' },
    ],
  };
  const inSteps = createStack({ definitions: [definition] });
  const resources = new Resources(inSteps);
  const [, lambda] = resources.one('AWS::Lambda::Function');
  const [aliasId] = resources.one('AWS::Lambda::Alias');
  const [stateMachineId, stateMachine] = resources.one('AWS::StepFunctions::StateMachine');
  const functionArn = 'arn:of:alias';
  const asl = JSON.parse(
    stateMachine.Properties.DefinitionString['Fn::Join'][1]
      .map((part: unknown) => (typeof part === 'string' ? part : functionArn))
      .join(''),
  );
  const inner = asl.States.Work.ItemProcessor;
  const arnOf = (text: string) => ({
    'Fn::Join': ['', ['arn:aws:states:us-east-1:', { Ref: 'AWS::AccountId' }, `:${text}`]],
  });
  const name = stateMachineName(stage, definition.id);

  it.each([
    ['outer', asl],
    ['inner', inner],
  ])(
    'has an %s sequence of steps in which each leads to another, none is forgotten, and the last ends it',
    (_, graph) => {
      const next = (state: Properties): string[] => [
        ...(state.Next === undefined ? [] : [state.Next]),
        ...(state.Default === undefined ? [] : [state.Default]),
        ...[...(state.Choices ?? []), ...(state.Catch ?? [])].flatMap(({ Next }) => Next),
      ];
      const reached = new Set<string>([graph.StartAt]);
      for (const id of reached) for (const other of next(graph.States[id])) reached.add(other);
      expect([...reached].sort()).toEqual(Object.keys(graph.States).sort());
      for (const state of Object.values<Properties>(graph.States)) {
        expect(next(state).length > 0, JSON.stringify(state)).toBe(state.End !== true && state.Type !== 'Succeed');
      }
    },
  );

  it('asks for steps that its handler accepts', () => {
    const values: Record<string, unknown> = {
      '$$.Execution.Name': 'a1b2-c3d4_e5f6',
      '$.runId': 'a1b2-c3d4_e5f6',
      '$$.Map.Item.Value': 'verification/audio',
    };
    const filled = (template: Properties): Properties =>
      Object.fromEntries(
        Object.entries(template).map(([key, value]) => {
          if (key.endsWith('.$')) return [key.slice(0, -2), values[value]];
          return [key, typeof value === 'object' ? filled(value) : value];
        }),
      );
    const scheduled = JSON.parse(resources.one('AWS::Scheduler::Schedule')[1].Properties.Target.Input);
    const plan = { ...scheduled, step: filled(asl.States['Name the run'].Parameters) };
    const work = filled(asl.States.Work.ItemSelector);
    const finish = filled(asl.States.Finish.Parameters.Payload);
    for (const event of [plan, work, finish]) expect(invocationSchema.parse(event)).toEqual(event);
    expect([plan, work, finish].map(({ step }) => step.kind)).toEqual(['plan', 'work', 'finish']);
    expect(inner.States.Step.Parameters.Payload).toEqual({ 'step.$': '$.step' });
  });

  it('calls the version in service, tries again what may pass, and waits no longer than the function may run', () => {
    for (const state of [asl.States.Plan, asl.States.Finish, inner.States.Step]) {
      expect(state.Parameters.FunctionName).toBe(functionArn);
      expect(state.TimeoutSeconds).toBeGreaterThan(definition.timeoutSeconds);
      const attempts = Object.fromEntries(
        state.Retry.flatMap(({ ErrorEquals, MaxAttempts }: Properties) =>
          ErrorEquals.map((error: string) => [error, MaxAttempts]),
        ),
      );
      expect(attempts).toMatchObject({ ConfigError: 0, 'Lambda.TooManyRequestsException': 8, 'States.ALL': 2 });
    }
  });

  it('calls it in GovCloud, too, whose services have names of their own', () => {
    const abroad = new Resources(createStack({ definitions: [definition], region: 'us-gov-west-1' }));
    const [, { Properties: properties }] = abroad.one('AWS::StepFunctions::StateMachine');
    const text = JSON.stringify(properties.DefinitionString);
    expect(text).toContain('arn:aws-us-gov:states:::lambda:invoke');
    expect(text).not.toContain('arn:aws:');
  });

  it('works on its parts side by side, and makes its report whatever becomes of one', () => {
    expect(asl.States.Work).toMatchObject({
      MaxConcurrency: 5,
      ToleratedFailurePercentage: 100,
      ResultPath: null,
      Next: 'Finish',
      ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' } },
    });
    expect(inner.States.Step.Catch).toEqual([{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'Over' }]);
  });

  it('has time left for its report when its work has to stop', () => {
    expect(asl.TimeoutSeconds).toBe(stateMachineTimeoutSeconds);
    // One last step of the work with all its attempts, and the report with all of its own.
    expect(workWindowSeconds + 6 * (900 + 240)).toBeLessThanOrEqual(stateMachineTimeoutSeconds);
  });

  it('is traced, and logs every step, without what is handed on, for a year and beyond the stack', () => {
    const { LoggingConfiguration: logging, TracingConfiguration: tracing } = stateMachine.Properties;
    expect(tracing).toEqual({ Enabled: true });
    expect(logging).toMatchObject({ Level: 'ALL', IncludeExecutionData: false });
    const group = resources.at(logging.Destinations[0].CloudWatchLogsLogGroup.LogGroupArn);
    expect(group).toMatchObject({ DeletionPolicy: 'Retain', Properties: { RetentionInDays: 365 } });
  });

  it('lets Step Functions do nothing but call the function, fan out, log and trace', () => {
    const roleId = stateMachine.Properties.RoleArn['Fn::GetAtt'][0];
    const logDelivery = [
      ...['CreateLogDelivery', 'GetLogDelivery', 'UpdateLogDelivery', 'DeleteLogDelivery', 'ListLogDeliveries'],
      ...['PutResourcePolicy', 'DescribeResourcePolicies', 'DescribeLogGroups'],
    ];
    const tracing = ['PutTraceSegments', 'PutTelemetryRecords', 'GetSamplingRules', 'GetSamplingTargets'];
    const executions = [arnOf(`execution:${name}:*`), arnOf(`execution:${name}/parts:*`)];
    expect(resources.allowedTo(roleId)).toEqual(
      [
        allowed('lambda:InvokeFunction', { Ref: aliasId }),
        allowed('states:StartExecution', arnOf(`stateMachine:${name}`)),
        ...['DescribeExecution', 'StopExecution', 'RedriveExecution'].flatMap((action) =>
          executions.map((arn) => allowed(`states:${action}`, arn)),
        ),
        ...logDelivery.map((action) => allowed(`logs:${action}`, '*')),
        ...tracing.map((action) => allowed(`xray:${action}`, '*')),
      ].sort(),
    );
    const [statement] = resources.at({ Ref: roleId }).Properties.AssumeRolePolicyDocument.Statement;
    expect(statement.Principal).toEqual({ Service: 'states.amazonaws.com' });
    expect(statement.Condition.StringEquals).toEqual({ 'aws:SourceAccount': { Ref: 'AWS::AccountId' } });
    const [policyId] = resources.one('AWS::IAM::Policy', (p) =>
      p.Roles.some((role: { Ref: string }) => role.Ref === roleId),
    );
    expect(stateMachine.DependsOn, 'Step Functions checks that it may write logs').toContain(policyId);
    expect(name.length).toBeLessThanOrEqual(80);
  });

  it('is started by the scheduler with what names the scheduled time, and not called by it', () => {
    const [, { Properties: schedule }] = resources.one('AWS::Scheduler::Schedule');
    expect(schedule.Target.Arn).toEqual({ Ref: stateMachineId });
    expect(schedule.Target).toMatchObject({ RetryPolicy: { MaximumEventAgeInSeconds: 3600 } });
    expect(resources.at(schedule.Target.DeadLetterConfig.Arn).Type).toBe('AWS::SQS::Queue');
    const roleId = schedule.Target.RoleArn['Fn::GetAtt'][0];
    expect(resources.allowedTo(roleId)).toContain(allowed('states:StartExecution', { Ref: stateMachineId }));
    expect(resources.allowedTo(roleId).filter((text) => text.startsWith('lambda:'))).toEqual([]);
  });

  it('is asked by way of its function when it last ran', () => {
    const seldom = new Resources(
      createStack({ definitions: [definition], tasks: { [definition.id]: { schedule: 'cron(0 6 1 * ? *)' } } }),
    );
    const [, { Properties: watch }] = seldom.one('AWS::Scheduler::Schedule', (p) => p.Name.endsWith('-watch'));
    expect(watch.Target.Arn).toEqual({ Ref: aliasId });
    expect(seldom.allowedTo(watch.Target.RoleArn['Fn::GetAtt'][0])).toContain(
      allowed('lambda:InvokeFunction', { Ref: aliasId }),
    );
  });

  it('pages when an execution fails, runs out of time or is stopped', () => {
    const alarms = resources
      .ofType('AWS::CloudWatch::Alarm')
      .map(([, { Properties }]) => Properties)
      .filter(({ AlarmDescription }) => AlarmDescription.endsWith(runbookLink('failed-execution')));
    expect(alarms.map(({ MetricName }) => MetricName).sort()).toEqual([
      'ExecutionsAborted',
      'ExecutionsFailed',
      'ExecutionsTimedOut',
    ]);
    for (const alarm of alarms) {
      expect(alarm).toMatchObject({
        AlarmActions: [{ Ref: pageTopicId }],
        Namespace: 'AWS/States',
        Dimensions: [{ Name: 'StateMachineArn', Value: { Ref: stateMachineId } }],
        Threshold: 1,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        EvaluationPeriods: 1,
      });
    }
  });

  it('has all the time of its state machine before it counts as missed', () => {
    const [, { Properties: alarm }] = resources.one('AWS::CloudWatch::Alarm', (p) =>
      p.AlarmDescription.endsWith(runbookLink('missed-run')),
    );
    expect(alarm.EvaluationPeriods).toBeGreaterThanOrEqual(24 + 1 + stateMachineTimeoutSeconds / 3600);
  });

  it('lets go after a month of what its steps told each other', () => {
    const [, bucket] = resources.one('AWS::S3::Bucket', isReportBucket);
    expect(bucket.Properties.LifecycleConfiguration.Rules).toContainEqual({
      Id: `runs-of-${definition.id}`,
      Status: 'Enabled',
      Prefix: `state/${definition.id}/runs/`,
      ExpirationInDays: 30,
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
    });
  });

  it('may do what its configuration makes of its permissions', () => {
    const roleId = lambda.Properties.Role['Fn::GetAtt'][0];
    const granted = resources.allowedTo(roleId);
    expect(granted).toContain(`s3:GetObject on arn:aws:s3:::${bucket}/*`);
    expect(granted.filter((text) => text.startsWith('kms:'))).toEqual([]);
  });

  it('gives cdk-nag nothing to report', () => {
    const violations = new AwsSolutionsChecks(inSteps).validateScope(inSteps).violations;
    expect(violations.map(({ ruleName }) => ruleName)).toEqual([]);
  });
});

describe('a task that reads databases', () => {
  const reader: TaskDefinition = {
    ...registry.integrityAudit,
    databases: (_config, configured) => configured.filter((name) => name !== 'unread'),
    permissions: [],
  };
  const secretArn = 'arn:aws:secretsmanager:us-west-2:111111111111:secret:nycmg/replica-a1B2c3';
  const databases = {
    main: { secretId: 'nycmg/main', replica: { secretId: secretArn }, writer: { secretId: 'nycmg/owner' } },
    rights: { secretId: 'nycmg/rights' },
    metrics: { host: 'metrics.example', database: 'metrics', user: 'caretaker', iam: true },
    unread: { secretId: 'nycmg/unread' },
  };
  const network = {
    subnetIds: ['subnet-0a1b2c3d4e5f60718', 'subnet-0b2c3d4e5f6071829'],
    securityGroupIds: ['sg-0c3d4e5f60718293a'],
  };
  const networkActions = [
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:UnassignPrivateIpAddresses',
  ];

  const deployReader = (options: { readonly databases?: Record<string, object>; readonly network?: object }) =>
    createStack({ ...options, definitions: [reader] });

  function statementsOf(deployed: Stack): Properties[] {
    return new Resources(deployed)
      .ofType('AWS::IAM::Policy')
      .filter(([id]) => id.startsWith('integrityauditRole'))
      .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
  }

  it('may read their secrets for reading and log in as their users, and those alone', () => {
    const statements = statementsOf(deployReader({ databases, network }));
    const named = (action: string) => statements.filter(({ Action }) => [Action].flat().includes(action));
    const secrets = ['arn:aws:secretsmanager:us-east-1:*:secret:nycmg/rights-??????', secretArn];
    expect(named('secretsmanager:GetSecretValue')).toEqual([
      { Action: 'secretsmanager:GetSecretValue', Effect: 'Allow', Resource: secrets },
    ]);
    expect(named('rds-db:connect')).toEqual([
      {
        Action: 'rds-db:connect',
        Effect: 'Allow',
        Resource: 'arn:aws:rds-db:*:*:dbuser:*/caretaker',
      },
    ]);
    const [decrypt] = named('kms:Decrypt');
    expect(decrypt?.Condition.StringLike['kms:EncryptionContext:SecretARN'].toSorted()).toEqual(secrets);
    expect(JSON.stringify(statements)).not.toMatch(/nycmg\/(owner|main|unread)/);
  });

  it('runs in the network, trusts the authorities of RDS, and cannot use what Lambda needs for the network', () => {
    const deployed = deployReader({ databases, network });
    const [, lambda] = new Resources(deployed).one('AWS::Lambda::Function', (p) => p.VpcConfig !== undefined);
    expect(lambda.Properties.VpcConfig).toEqual({
      SubnetIds: network.subnetIds,
      SecurityGroupIds: network.securityGroupIds,
    });
    expect(lambda.Properties.Environment.Variables.NODE_EXTRA_CA_CERTS).toBe('/var/runtime/ca-cert.pem');
    const ofNetwork = statementsOf(deployed).filter(({ Action }) =>
      [Action].flat().includes('ec2:CreateNetworkInterface'),
    );
    expect(ofNetwork.map(({ Effect, Action }) => [Effect, Action])).toEqual([
      // The CDK puts what is allowed on everything into one statement.
      ['Allow', expect.arrayContaining(networkActions)],
      ['Deny', networkActions],
    ]);
    expect(JSON.stringify(ofNetwork[1]?.Condition)).toContain(`function:${functionName(stage, reader.id)}`);
    const nag = new AwsSolutionsChecks(deployed).validateScope(deployed).violations.map(({ ruleName }) => ruleName);
    expect(nag).toEqual([]);
  });

  it('is warned of when there is no network, and stays out of it when it reads no database', () => {
    const exposed = deployReader({ databases });
    Annotations.fromStack(exposed).hasWarning('*', Match.stringLikeRegexp('open to the internet'));
    const idle = deployReader({ network });
    expect(
      new Resources(idle).ofType('AWS::Lambda::Function').map(([, { Properties }]) => Properties.VpcConfig),
    ).toEqual([undefined]);
    expect(Annotations.fromStack(idle).findWarning('*', Match.stringLikeRegexp('open to the internet'))).toEqual([]);
  });

  it('is not deployed with a password, and not told who may write', () => {
    const url = 'postgresql://caretaker:hunter2@db.example/nycmg';
    const inQuery = 'postgresql://caretaker@db.example/nycmg?password=hunter2';
    for (const given of [url, inQuery])
      expect(() => deployReader({ databases: { main: { url: given } } })).toThrow(/databases\.main: holds a password/);
    expect(() => deployReader({ databases: { main: { secretId: 'x', replica: { url } } } })).toThrow(ConfigError);
    expect(JSON.stringify(statementsOf(deployReader({ databases })))).not.toContain('nycmg/owner');
  });

  describe('and writes to some', () => {
    const writer: TaskDefinition = { ...reader, applies: true, writes: () => ['main', 'metrics'] };
    const deployWriter = (changed: object) =>
      createStack({ databases: { ...databases, ...changed }, network, definitions: [writer] });
    const metricsWriter = { ...databases.metrics, user: 'caretaker_writer' };
    const deployed = deployWriter({ metrics: { ...databases.metrics, writer: metricsWriter } });

    it('may log in as the writers of those, too, and of no other', () => {
      const statements = statementsOf(deployed);
      const [secrets] = statements.filter(({ Action }) => Action === 'secretsmanager:GetSecretValue');
      expect(secrets?.Resource).toEqual([
        'arn:aws:secretsmanager:us-east-1:*:secret:nycmg/owner-??????',
        'arn:aws:secretsmanager:us-east-1:*:secret:nycmg/rights-??????',
        secretArn,
      ]);
      const [users] = statements.filter(({ Action }) => Action === 'rds-db:connect');
      expect(users?.Resource).toEqual([
        'arn:aws:rds-db:*:*:dbuser:*/caretaker',
        'arn:aws:rds-db:*:*:dbuser:*/caretaker_writer',
      ]);
      const nag = new AwsSolutionsChecks(deployed).validateScope(deployed).violations.map(({ ruleName }) => ruleName);
      expect(nag).toEqual([]);
      expect(Annotations.fromStack(deployed).findWarning('*', Match.stringLikeRegexp('has no writer'))).toEqual([]);
    });

    it('is warned of at synthesis where one of them has no writer', () => {
      Annotations.fromStack(deployWriter({})).hasWarning(
        `/stack/${writer.id}`,
        Match.stringLikeRegexp('is to change data in metrics, and databases.metrics has no writer'),
      );
    });

    it('is not deployed with the password of a writer', () => {
      const url = 'postgresql://writer:hunter2@db.example/nycmg';
      const deploy = () => deployWriter({ main: { secretId: 'nycmg/main', writer: { url } } });
      expect(deploy).toThrow(/databases\.main\.writer: holds a password/);
      expect(deploy).not.toThrow(/hunter2/);
    });
  });
});

describe('a task with a number that has an alarm', () => {
  const config = z.strictObject({ limitHours: z.int().default(72) });
  const definition: TaskDefinition = {
    ...registry.certificateExpiry,
    config,
    permissions: [],
    alarms: [
      {
        metric: 'backlogAgeHours',
        title: 'Data is late',
        threshold: (parsed) => config.parse(parsed).limitHours,
      },
    ],
  };

  it.each([
    [{}, 72],
    [{ limitHours: 100 }, 100],
  ])('has it on CloudWatch’s name of the number, above what the configuration %j says', (settings, threshold) => {
    const deployed = new Resources(
      createStack({
        definitions: [definition],
        configured: {
          [definition.id]: { enabled: true, schedule: 'rate(1 hour)', config: { limitHours: 72, ...settings } },
        },
      }),
    );
    const [, { Properties }] = deployed.one('AWS::CloudWatch::Alarm', (p) => p.MetricName === 'BacklogAgeHours');
    expect(Properties).toMatchObject({ Namespace: metricNamespace, Threshold: threshold });
    expect(Properties.AlarmDescription).toBe(
      `${definition.title}: Data is late. Runbook: docs/runbook.md#alarm-data-is-late`,
    );
  });

  it('is on the dashboard, beside what every task is watched by', () => {
    const settings = { enabled: true, schedule: 'rate(1 hour)', config: { limitHours: 1 } };
    const deployed = new Resources(
      createStack({ definitions: [definition], configured: { [definition.id]: settings } }),
    );
    const [, { Properties }] = deployed.one('AWS::CloudWatch::Dashboard');
    expect(JSON.stringify(Properties.DashboardBody)).toContain('BacklogAgeHours');
  });
});

describe('missedRunHours', () => {
  const from = new Date('2026-01-05T00:00:00Z');

  it.each([
    ['rate(5 minutes)', 0, 2],
    ['rate(1 hour)', 0, 2],
    ['rate(1 hour)', 3600, 3],
    ['cron(0 6 * * ? *)', 0, 26],
    ['rate(6 days)', 0, 145],
    ['rate(167 hours)', 0, 168],
    ['rate(168 hours)', 0, 169],
    ['cron(0 6 ? * SUN *)', 0, 170],
  ])(
    'waits for the longest gap of %s, %i s of grace and a started hour: %i hours',
    (expression, graceSeconds, hours) => {
      expect(missedRunHours(expression, 'America/New_York', graceSeconds, from)).toBe(hours);
    },
  );

  it.each(['at(2026-03-01T00:00:00)', 'cron(0 6 * * ? 2025)'])(
    'gives none for %s, which does not repeat',
    (expression) => {
      expect(missedRunHours(expression, 'America/New_York', 0, from)).toBeUndefined();
    },
  );
});

describe('parseAppOptions', () => {
  it('deploys the stage dev of the configuration in this directory unless told otherwise', () => {
    expect(parseAppOptions(() => undefined)).toEqual({ stage: 'dev', config: 'caretaker.config.ts', environment: {} });
  });

  it('takes what the command line gives', () => {
    const given: Record<string, string> = {
      stage: 'prod',
      config: 'nycmg.json',
      environment: '{"AWS_USE_FIPS_ENDPOINT":"true"}',
      region: 'eu-west-1',
    };
    expect(parseAppOptions((key) => given[key])).toEqual({ ...given, environment: { AWS_USE_FIPS_ENDPOINT: 'true' } });
  });

  it('names every option that is wrong', () => {
    const given: Record<string, string> = { stage: 'Prod', environment: 'HTTPS_PROXY=x', region: 'here' };
    expect(() => parseAppOptions((key) => given[key])).toThrow(ConfigError);
    expect(() => parseAppOptions((key) => given[key])).toThrow(/stage: .*\n.*environment: not JSON.*\n.*region: /);
  });

  it.each(['[]', '{"A B":"x"}', '{"A":1}', '"text"'])('refuses %s as an environment', (environment) => {
    expect(() => parseAppOptions((key) => (key === 'environment' ? environment : undefined))).toThrow(/environment/);
  });
});
