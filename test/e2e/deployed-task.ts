import assert from 'node:assert/strict';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { functionName, metricDimensions } from '../../shared/deployment.ts';
import type { Invocation } from '../../shared/invocation.ts';
import { type Report, reportSchema } from '../../shared/report.ts';
import type { Outputs } from './deploy.ts';
import { credentials, region } from './ministack.ts';

interface Answer {
  readonly payload: Record<string, unknown>;
  readonly functionError: string | undefined;
  /** What the function wrote while it ran. */
  readonly log: string;
}

/** One task as it was deployed, and what can be asked of it. Every check throws an AssertionError that says what was wrong. */
export class DeployedTask {
  readonly id: string;
  readonly #stage: string;
  readonly #outputs: Outputs;
  readonly #lambda: LambdaClient;
  readonly #s3: S3Client;
  readonly #dynamodb: DynamoDBClient;

  constructor(id: string, stage: string, endpoint: string, outputs: Outputs) {
    const client = { endpoint, region, credentials };
    this.id = id;
    this.#stage = stage;
    this.#outputs = outputs;
    this.#lambda = new LambdaClient(client);
    this.#s3 = new S3Client({ ...client, forcePathStyle: true });
    this.#dynamodb = new DynamoDBClient(client);
  }

  /** Returns the report at `reportUrl`, checked against its schema. */
  async report(reportUrl = ''): Promise<Report> {
    const prefix = `s3://${this.#outputs.ReportBucketName}/`;
    assert(reportUrl.startsWith(prefix), `the report's location is '${reportUrl}', not in ${prefix}`);
    const { Body } = await this.#s3.send(
      new GetObjectCommand({ Bucket: this.#outputs.ReportBucketName, Key: reportUrl.slice(prefix.length) }),
    );
    assert(Body !== undefined, `${reportUrl} is empty`);
    return reportSchema.parse(JSON.parse(await Body.transformToString()));
  }

  /** Returns the scheduled runs of this task that were done, by their leases. */
  async completedRuns(): Promise<NonNullable<Invocation['schedule']>[]> {
    const { Items = [] } = await this.#dynamodb.send(
      new ScanCommand({ TableName: this.#outputs.StateTableName, ConsistentRead: true }),
    );
    return Items.filter((item) => item.state?.S === 'done' && item.pk?.S?.endsWith(`-${this.#stage}-${this.id}`)).map(
      ({ pk, sk }) => ({ arn: pk?.S?.replace('run#', '') ?? '', scheduledTime: sk?.S ?? '' }),
    );
  }

  /** A third delivery of a run that is done must do nothing. */
  async checkRedelivery(run: NonNullable<Invocation['schedule']>): Promise<void> {
    assert.match(run.scheduledTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const { payload } = await this.#invoke({ schedule: run }, 'live');
    assert.equal(payload.status, 'skipped', `a run that was done has been done again: ${JSON.stringify(payload)}`);
  }

  /** A run by hand answers with its result, stores its report, and emits metrics under the dimensions that alarms watch. */
  async checkRunByHand(): Promise<Report> {
    const { payload, functionError, log } = await this.#invoke({});
    assert.equal(functionError, undefined, JSON.stringify(payload));
    const report = await this.report(payload.reportUrl as string);
    assert.equal(report.trigger, 'manual');
    assert.equal(report.status, payload.status);
    const metrics = log
      .split('\n')
      .filter((line) => line.startsWith('{"_aws"'))
      .flatMap((line) => JSON.parse(line)._aws.CloudWatchMetrics);
    const expected = Object.keys(metricDimensions(this.#stage, this.id)).sort();
    assert(metrics.length > 0, 'no metrics were emitted');
    for (const { Dimensions } of metrics) {
      assert.deepEqual(
        Dimensions.map((names: string[]) => names.toSorted()),
        [expected],
      );
    }
    return report;
  }

  /** A bad event is an error of the function that names the fault. */
  async checkBadEvent(): Promise<string> {
    const { payload, functionError } = await this.#invoke({ nope: 1 });
    assert(functionError, `the event {"nope":1} was taken: ${JSON.stringify(payload)}`);
    assert.match(String(payload.errorMessage), /\bnope\b/);
    return String(payload.errorMessage);
  }

  close(): void {
    for (const client of [this.#lambda, this.#s3, this.#dynamodb]) client.destroy();
  }

  async #invoke(event: unknown, qualifier?: string): Promise<Answer> {
    const { Payload, FunctionError, LogResult } = await this.#lambda.send(
      new InvokeCommand({
        FunctionName: functionName(this.#stage, this.id),
        Payload: Buffer.from(JSON.stringify(event)),
        Qualifier: qualifier,
        LogType: 'Tail',
      }),
    );
    return {
      payload: JSON.parse(Buffer.from(Payload ?? []).toString()),
      functionError: FunctionError,
      log: Buffer.from(LogResult ?? '', 'base64').toString(),
    };
  }
}
