import assert from 'node:assert/strict';
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { stateMachineName } from '../../shared/deployment.ts';
import type { Invocation } from '../../shared/invocation.ts';
import { credentials, region } from './ministack.ts';
import { waitFor } from './wait-for.ts';

/** An execution takes a few seconds; a failed step of it would be tried again a minute later. */
const executionTimeoutSeconds = 180;

/** The state machine of one task as it was deployed. Every check throws an AssertionError that says what was wrong. */
export class DeployedStateMachine {
  readonly #arn: string;
  readonly #sfn: SFNClient;
  readonly #signal: AbortSignal;

  constructor(id: string, stage: string, endpoint: string, signal: AbortSignal) {
    this.#arn = `arn:aws:states:${region}:000000000000:stateMachine:${stateMachineName(stage, id)}`;
    this.#sfn = new SFNClient({ endpoint, region, credentials });
    this.#signal = signal;
  }

  /**
   * The execution that reported as `runId` must have gone through every part of its plan, and the other deliveries of its
   * scheduled run must have ended without doing it again.
   *
   * @returns how many parts there were, and how many executions were skipped.
   */
  async checkRun(runId: string, reportUrl: string | undefined): Promise<{ parts: number; skipped: number }> {
    const { executions = [] } = await this.#sfn.send(new ListExecutionsCommand({ stateMachineArn: this.#arn }));
    const ended = await Promise.all(executions.map(({ executionArn = '' }) => this.#end(executionArn)));
    const run = ended.find(({ name }) => name === runId);
    assert(run !== undefined, `no execution is called ${runId}, as the run is`);
    for (const { name, status, cause } of ended) assert.equal(status, 'SUCCEEDED', `execution ${name}: ${cause}`);
    assert.equal(outputOf(run).reportUrl, reportUrl);
    const same = ended.filter(({ name, input }) => name !== runId && input === run.input);
    assert(same.length > 0, 'the scheduled run was delivered once only');
    for (const execution of same) assert.equal(outputOf(execution).status, 'skipped');

    const { mapRuns = [] } = await this.#sfn.send(new ListMapRunsCommand({ executionArn: run.executionArn }));
    const [mapRunArn, another] = mapRuns.map((mapRun) => mapRun.mapRunArn);
    assert(mapRunArn !== undefined && another === undefined, `${mapRuns.length} Map Runs`);
    const { itemCounts } = await this.#sfn.send(new DescribeMapRunCommand({ mapRunArn }));
    assert(itemCounts !== undefined && (itemCounts.total ?? 0) > 0, 'nothing was planned');
    assert.equal(itemCounts.succeeded, itemCounts.total);
    return { parts: itemCounts.total ?? 0, skipped: same.length };
  }

  /** Another delivery of a run that is done must do nothing. */
  async checkRedelivery(run: NonNullable<Invocation['schedule']>): Promise<void> {
    const { executionArn = '' } = await this.#sfn.send(
      new StartExecutionCommand({ stateMachineArn: this.#arn, input: JSON.stringify({ schedule: run }) }),
    );
    const ended = await this.#end(executionArn);
    assert.equal(outputOf(ended).status, 'skipped', `a run that was done has been done again: ${ended.output}`);
  }

  /** Performs a run by hand, in steps, and returns where its report is. */
  async run(): Promise<string> {
    const { executionArn = '' } = await this.#sfn.send(
      new StartExecutionCommand({ stateMachineArn: this.#arn, input: '{}' }),
    );
    const ended = await this.#end(executionArn);
    assert.equal(ended.status, 'SUCCEEDED', `execution by hand: ${ended.cause}`);
    return String(outputOf(ended).reportUrl);
  }

  close(): void {
    this.#sfn.destroy();
  }

  async #end(executionArn: string): Promise<DescribeExecutionOutput> {
    const options = { timeoutSeconds: executionTimeoutSeconds, signal: this.#signal };
    return waitFor(`the end of ${executionArn}`, options, async () => {
      const execution = await this.#sfn.send(new DescribeExecutionCommand({ executionArn }));
      return execution.status === 'RUNNING' ? undefined : execution;
    });
  }
}

function outputOf({ output }: DescribeExecutionOutput): Record<string, unknown> {
  return output === undefined ? {} : JSON.parse(output);
}
