import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { uncheckedReason } from '../shared/aws/unchecked-reason.ts';
import { functionName, liveAlias } from '../shared/deployment.ts';
import type { Invocation } from '../shared/invocation.ts';
import { printable, printableLines } from '../shared/text/printable.ts';
import { exitCodes } from './exit-code.ts';
import { definitionsNamed } from './tasks.ts';
import { UsageError } from './usage-error.ts';

/** Options of `caretaker invoke`, as commander gives them. */
export interface InvokeCommandOptions {
  readonly stage: string;
  readonly region?: string;
  readonly only?: string;
  readonly dryRun?: boolean;
}

/**
 * Invokes a deployed function, waits for it and prints what it answers. A task whose runs are performed in steps does here what fits
 * into one invocation; the rest is unchecked, and its state machine would do it.
 *
 * @returns the exit code: that the function ran and checked everything, not what it found; its report says that.
 * @throws UsageError for a task that does not exist, or when nothing says in which region it is.
 */
export async function invokeCommand(taskId: string, options: InvokeCommandOptions): Promise<number> {
  definitionsNamed([taskId]);
  const name = functionName(options.stage, taskId);
  const event: Invocation = {
    ...(options.dryRun === true ? { dryRun: true } : {}),
    ...(options.only === undefined ? {} : { scope: { only: options.only } }),
  };
  // Without a region the SDK asks the environment and the profile, as the AWS CLI does.
  const client = new LambdaClient({
    ...(options.region === undefined ? {} : { region: options.region }),
    // A run may take as long as Lambda lets it, and must not be started again by a retry.
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 16 * 60_000 },
    maxAttempts: 1,
  });
  try {
    const answer = await client.send(
      new InvokeCommand({ FunctionName: name, Qualifier: liveAlias, Payload: JSON.stringify(event) }),
    );
    const payload = JSON.parse(answer.Payload?.transformToString() || 'null');
    if (answer.FunctionError !== undefined) {
      const message: string = payload?.errorMessage ?? answer.FunctionError;
      process.stderr.write(`${name} failed: ${printableLines(message)}\n`);
      return exitCodes.incomplete;
    }
    process.stdout.write(`${JSON.stringify(payload, null, 2)}\n`);
    // Only these two say that everything was looked at; an answer that says nothing does not.
    return payload?.status === 'clean' || payload?.status === 'findings' ? exitCodes.good : exitCodes.incomplete;
  } catch (error) {
    // Thrown by the SDK without a name of its own.
    if (error instanceof Error && error.message === 'Region is missing') {
      throw new UsageError('no AWS region: give --region, or set AWS_REGION or a profile that names one');
    }
    const reason = uncheckedReason(error);
    if (reason === undefined) throw error;
    process.stderr.write(`${name} could not be invoked: ${printable(reason.detail)}\n`);
    return exitCodes.incomplete;
  } finally {
    client.destroy();
  }
}
