import { ArnFormat, Aws, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Alias } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { stateMachineName } from '../shared/deployment.ts';
import type { TaskDefinition } from '../shared/task.ts';
import { mapLabel, runInSteps } from './run-in-steps.ts';

export interface TaskStateMachineProps {
  readonly stage: string;
  readonly definition: TaskDefinition;
  readonly target: Alias;
}

/** The state machine that performs a task's runs in steps, its logs, and the role with which it calls that task's alias. */
export class TaskStateMachine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { stage, definition, target }: TaskStateMachineProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const name = stateMachineName(stage, definition.id);
    // By name: the role must be there before the state machine, and it names the state machine.
    const arnOf = (resource: string, resourceName: string) =>
      stack.formatArn({ service: 'states', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    const role = new Role(this, 'Role', {
      // Against the confused deputy: https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': stack.account },
          ArnLike: { 'aws:SourceArn': arnOf('stateMachine', `${name}*`) },
        },
      }),
      description: `Caretaker: lets Step Functions perform ${definition.id} in steps`,
    });
    // https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    const executions = [arnOf('execution', `${name}:*`), arnOf('execution', `${name}/${mapLabel}:*`)];
    const grants: [actions: string[], resources: string[]][] = [
      [['lambda:InvokeFunction'], [target.functionArn]],
      [['states:StartExecution'], [arnOf('stateMachine', name)]],
      [['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'], executions],
    ];
    for (const [actions, resources] of grants) role.addToPolicy(new PolicyStatement({ actions, resources }));

    this.stateMachine = new StateMachine(this, 'Runs', {
      stateMachineName: name,
      comment: definition.title,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromString(
        stack.toJsonString(
          runInSteps({
            title: definition.title,
            partition: stack.partition,
            functionArn: target.functionArn,
            functionTimeoutSeconds: definition.timeoutSeconds,
          }),
        ),
      ),
      role,
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, 'Logs', {
          retention: RetentionDays.ONE_YEAR,
          removalPolicy: RemovalPolicy.RETAIN,
        }),
        level: LogLevel.ALL,
        includeExecutionData: false,
      },
    });
    // The role alone is referred to; without its policy the state machine could not write its logs, which is checked.
    this.stateMachine.node.addDependency(role);

    Validations.of(role).acknowledge(
      {
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason:
          'Step Functions accepts no resource for delivering logs, nor X-Ray for sending traces: ' +
          'https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html',
      },
      ...executions.map((arn) => ({
        // As cdk-nag writes what only CloudFormation knows.
        id: `AwsSolutions-IAM5[Resource::${arn.replace(Aws.ACCOUNT_ID, '<AWS::AccountId>')}]`,
        reason:
          'The executions of a Distributed Map are named by Step Functions; they are those of this state machine alone.',
      })),
    );
  }
}
