import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetFunctionConfigurationCommand, LambdaClient, ResourceNotFoundException } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { AwsClients } from '../shared/aws/clients.ts';
import type { ControlStore } from '../shared/control/control-store.ts';
import { DynamoControlStore } from '../shared/control/dynamo-control-store.ts';
import { environmentNames, functionName } from '../shared/deployment.ts';
import type { LedgerStore } from '../shared/ledger/ledger-store.ts';
import { S3LedgerStore } from '../shared/ledger/s3-ledger-store.ts';
import { applyingDefinitions } from './tasks.ts';
import { UsageError } from './usage-error.ts';

/** What a stage's functions and people tell each other, and what was written down there. */
export interface DeployedStores {
  readonly control: ControlStore;
  readonly ledgers: LedgerStore;
  /** Returns the ARN that AWS knows the caller by. */
  actor(): Promise<string>;
  stop(): void;
}

/**
 * Finds the stores of a stage by asking its functions for their environment, so that nothing has to be configured for it. Needs
 * `lambda:GetFunctionConfiguration`, and for what is then done `dynamodb:GetItem` and `dynamodb:UpdateItem` on the state table or
 * `s3:ListBucket`, `s3:ListBucketVersions` and `s3:GetObject` on the ledger bucket.
 *
 * @throws UsageError when nothing says in which region it is, or there is no such stage; and what the SDK throws.
 */
export async function openDeployedStores(stage: string, region: string | undefined): Promise<DeployedStores> {
  const target = { region: await regionOf(region) };
  const clients = new AwsClients();
  try {
    const variables = await environmentOf(stage, clients.get(LambdaClient, target), target.region);
    const table = variable(variables, environmentNames.stateTable, stage);
    const bucket = variable(variables, environmentNames.ledgerBucket, stage);
    return {
      control: new DynamoControlStore(clients.get(DynamoDBClient, target), table),
      ledgers: new S3LedgerStore(clients.get(S3Client, target), bucket),
      async actor() {
        const { Arn } = await clients.get(STSClient, target).send(new GetCallerIdentityCommand());
        if (Arn === undefined) throw new Error('AWS does not say who the caller is');
        return Arn;
      },
      stop: () => clients.destroy(),
    };
  } catch (error) {
    clients.destroy();
    throw error;
  }
}

/** Without a region the SDK asks the environment and the profile, as the AWS CLI does. */
async function regionOf(given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const client = new LambdaClient();
  try {
    return await client.config.region();
  } catch (error) {
    // Thrown by the SDK without a name of its own.
    if (!(error instanceof Error) || error.message !== 'Region is missing') throw error;
    throw new UsageError('no AWS region: give --region, or set AWS_REGION or a profile that names one');
  } finally {
    client.destroy();
  }
}

/** All functions of a stage have the same stores; one that is switched off is not deployed. */
async function environmentOf(
  stage: string,
  lambda: LambdaClient,
  region: string,
): Promise<Readonly<Record<string, string>>> {
  const names = applyingDefinitions.map(({ id }) => functionName(stage, id));
  for (const FunctionName of names) {
    try {
      const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      if (Environment?.Error?.Message !== undefined) throw new Error(`${FunctionName}: ${Environment.Error.Message}`);
      return Environment?.Variables ?? {};
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
    }
  }
  throw new UsageError(`in ${region} there is no stage ${stage} with any of ${names.join(', ')}`);
}

function variable(variables: Readonly<Record<string, string>>, name: string, stage: string): string {
  const value = variables[name];
  if (value !== undefined && value !== '') return value;
  throw new UsageError(`the functions of the stage ${stage} have no ${name}: deploy this version of Caretaker first`);
}
