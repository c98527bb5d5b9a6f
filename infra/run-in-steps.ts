import { stateMachineTimeoutSeconds } from '../shared/deployment.ts';

/** Parts of the work under way at a time: half of the ten invocations that a new account is granted, so that others find some left. */
const maxConcurrency = 5;

/** Lambda's own faults and its lack of room, which pass: https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html */
const passingErrors = [
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.TooManyRequestsException',
];

const retry = [
  // Would be the same again; the second means that another execution has taken the run over.
  { ErrorEquals: ['ConfigError', 'LeaseHeldError'], MaxAttempts: 0 },
  {
    ErrorEquals: passingErrors,
    IntervalSeconds: 2,
    BackoffRate: 2,
    MaxAttempts: 8,
    MaxDelaySeconds: 120,
    JitterStrategy: 'FULL',
  },
  // As often as Lambda tries an invocation that Scheduler hands it directly.
  { ErrorEquals: ['States.ALL'], IntervalSeconds: 60, BackoffRate: 2, MaxAttempts: 2 },
];

/** Id of the part of the definition that fans out, in the ARNs of its executions. */
export const mapLabel = 'parts';

export interface RunInStepsProps {
  readonly title: string;
  /** `aws`, or what it is called in China and in GovCloud. */
  readonly partition: string;
  /** ARN of the alias of the version in service. */
  readonly functionArn: string;
  readonly functionTimeoutSeconds: number;
}

/**
 * Returns the definition of a state machine, in Amazon States Language, that performs a run of one task in steps: plan, work on all
 * parts side by side and on each for as long as it is unfinished, finish. It is started with what an invocation of the function may
 * say; what the steps tell each other is in the report bucket, and only ids pass through here. A part that fails for good does not
 * keep the others from being reported.
 */
export function runInSteps({ title, partition, functionArn, functionTimeoutSeconds }: RunInStepsProps): object {
  const invoke = (payload: object) => ({
    Type: 'Task',
    Resource: `arn:${partition}:states:::lambda:invoke`,
    Parameters: { FunctionName: functionArn, ...payload },
    // Lambda ends it before this, unless no answer comes at all.
    TimeoutSeconds: functionTimeoutSeconds + 60,
    Retry: retry,
  });
  return {
    Comment: `${title}: plan, work, finish`,
    StartAt: 'Name the run',
    TimeoutSeconds: stateMachineTimeoutSeconds,
    States: {
      'Name the run': {
        Type: 'Pass',
        Parameters: { kind: 'plan', 'runId.$': '$$.Execution.Name' },
        ResultPath: '$.step',
        Next: 'Plan',
      },
      Plan: { ...invoke({ 'Payload.$': '$' }), OutputPath: '$.Payload', Next: 'Is it to be done?' },
      'Is it to be done?': {
        Type: 'Choice',
        Choices: [{ Variable: '$.status', StringEquals: 'planned', Next: 'Work' }],
        Default: 'Skipped',
      },
      Skipped: { Type: 'Succeed' },
      Work: {
        Type: 'Map',
        Label: mapLabel,
        ItemsPath: '$.items',
        ItemSelector: { step: { kind: 'work', 'runId.$': '$.runId', 'item.$': '$$.Map.Item.Value' } },
        MaxConcurrency: maxConcurrency,
        ToleratedFailurePercentage: 100,
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Step',
          States: {
            Step: {
              ...invoke({ Payload: { 'step.$': '$.step' } }),
              ResultSelector: { 'status.$': '$.Payload.status' },
              ResultPath: '$.answer',
              Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'Over' }],
              Next: 'Is there more?',
            },
            'Is there more?': {
              Type: 'Choice',
              Choices: [{ Variable: '$.answer.status', StringEquals: 'unfinished', Next: 'Step' }],
              Default: 'Over',
            },
            // Nothing, because the outputs of all parts together must not exceed 256 KiB.
            Over: { Type: 'Succeed', OutputPath: null },
          },
        },
        ResultPath: null,
        Next: 'Finish',
      },
      Finish: {
        ...invoke({ Payload: { step: { kind: 'finish', 'runId.$': '$.runId' } } }),
        OutputPath: '$.Payload',
        End: true,
      },
    },
  };
}
