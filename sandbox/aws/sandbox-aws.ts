import { devNull } from 'node:os';
import type { CertificateDetail } from '@aws-sdk/client-acm';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ConfirmSubscriptionCommand, CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { environmentNames } from '../../shared/deployment.ts';
import { type ControlPlane, endpointVariable, startControlPlane } from '../control-plane/control-plane.ts';
import type { EstateDocument } from '../control-plane/estate-document.ts';
import { mergeEstates } from '../control-plane/merge-estates.ts';
import { type AwsCertificates, awsCertificates, sampleAccount } from '../estate/aws-certificates.ts';
import { type ObjectServer, startObjectServer } from '../s3/object-server.ts';
import { createStateTable } from './create-state-table.ts';
import { startDynalite } from './dynalite.ts';
import { startFauxqs } from './fauxqs.ts';
import type { Delivery } from './sns-delivery.ts';

/** An AWS that runs inside this process. */
export interface SandboxAws {
  /**
   * Environment variables that send the AWS SDKs here and nowhere else, and name the topics, bucket and table as a
   * deployment does. Those that a machine's own AWS configuration might set are overwritten.
   */
  readonly environment: Readonly<Record<string, string>>;
  readonly controlPlane: ControlPlane;
  /** S3, with all buckets that are not in the estate document. */
  readonly objects: ObjectServer;
  /** The certificates of the sample estate, with the findings that each must cause. */
  readonly certificates: AwsCertificates;
  /** Returns what subscribers of the topics would have received so far, oldest first. */
  deliveries(): readonly Delivery[];
  /** Closes every port and connection. */
  stop(): Promise<void>;
}

const region = 'us-east-1';
const reportBucket = 'caretaker-sandbox-reports';
const ledgerBucket = 'caretaker-sandbox-ledger';
const stateTable = 'caretaker-sandbox-state';

/** Starts the sandbox's AWS: control planes that answer from the sample estate as of `now`, S3, SNS, SQS and DynamoDB. */
export async function startSandboxAws({
  now,
  email = 'ops@nycmg.example',
  sms = '+12125550123',
  acmCertificates = [],
  documents = [],
}: {
  now: Date;
  /** What the sample estate holds beside its certificates. */
  documents?: readonly EstateDocument[];
  /** Further certificates that ACM in us-east-1 holds: those that live endpoints serve, or should. */
  acmCertificates?: readonly CertificateDetail[];
  /** Subscriber to both topics. */
  email?: string;
  /** Subscriber to the page topic, in E.164 form. */
  sms?: string;
}): Promise<SandboxAws> {
  await using started = new AsyncDisposableStack();
  const certificates = awsCertificates(now);
  const controlPlane = await startControlPlane({
    estate: mergeEstates(certificates.document, inAcm(acmCertificates), ...documents),
  });
  started.defer(() => controlPlane.stop());
  const objects = await startObjectServer({ intercept: controlPlane.s3, account: sampleAccount });
  started.defer(() => objects.stop());
  const fauxqs = await startFauxqs();
  started.defer(() => fauxqs.stop());
  const dynalite = await startDynalite();
  started.defer(() => dynalite.stop());

  const credentials = {
    accessKeyId: controlPlane.environment.AWS_ACCESS_KEY_ID as string,
    secretAccessKey: controlPlane.environment.AWS_SECRET_ACCESS_KEY as string,
  };
  const { pageTopicArn, noticeTopicArn } = await createTopics(fauxqs.url);
  createBuckets();
  await createTable(dynalite.url);

  async function createTopics(endpoint: string) {
    const client = new SNSClient({ endpoint, region, credentials });
    try {
      const page = await createTopic(client, 'caretaker-sandbox-page', [
        ['sms', sms],
        ['email', email],
      ]);
      const notice = await createTopic(client, 'caretaker-sandbox-notice', [['email', email]]);
      return { pageTopicArn: page, noticeTopicArn: notice };
    } finally {
      client.destroy();
    }
  }

  function createBuckets(): void {
    objects.bucket(reportBucket).versioning = 'Enabled';
    const ledger = objects.bucket(ledgerBucket);
    ledger.versioning = 'Enabled';
    ledger.hasObjectLock = true;
    ledger.lockRule = { DefaultRetention: { Mode: 'GOVERNANCE', Years: 7 } };
  }

  async function createTable(endpoint: string): Promise<void> {
    const client = new DynamoDBClient({ endpoint, region, credentials });
    try {
      await createStateTable(client, stateTable);
    } finally {
      client.destroy();
    }
  }

  const running = started.move();
  return {
    environment: {
      ...controlPlane.environment,
      ...Object.fromEntries(['SNS', 'SQS'].map((serviceId) => [endpointVariable(serviceId), fauxqs.url])),
      [endpointVariable('S3')]: objects.url,
      [endpointVariable('DynamoDB')]: dynalite.url,
      AWS_REGION: region,
      // A profile, a session token or a configuration file of the machine would otherwise lead out of the sandbox.
      AWS_PROFILE: '',
      AWS_SESSION_TOKEN: '',
      AWS_CONFIG_FILE: devNull,
      AWS_SHARED_CREDENTIALS_FILE: devNull,
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false',
      AWS_EC2_METADATA_DISABLED: 'true',
      [environmentNames.stage]: 'sandbox',
      [environmentNames.pageTopicArn]: pageTopicArn,
      [environmentNames.noticeTopicArn]: noticeTopicArn,
      [environmentNames.reportBucket]: reportBucket,
      [environmentNames.ledgerBucket]: ledgerBucket,
      [environmentNames.stateTable]: stateTable,
    },
    controlPlane,
    objects,
    certificates,
    deliveries: () => fauxqs.deliveries,
    stop: () => running.disposeAsync(),
  };
}

function inAcm(certificates: readonly CertificateDetail[]): EstateDocument {
  return {
    homeAccount: sampleAccount,
    accounts: { [sampleAccount]: { regions: { [region]: { acm: { certificates } } } } },
  };
}

/** Returns the ARN of a new topic whose subscriptions are confirmed, as those of a working deployment are. */
async function createTopic(
  client: SNSClient,
  name: string,
  subscriptions: readonly (readonly [protocol: string, endpoint: string])[],
): Promise<string> {
  const { TopicArn } = await client.send(new CreateTopicCommand({ Name: name }));
  for (const [Protocol, Endpoint] of subscriptions) {
    const { SubscriptionArn } = await client.send(
      new SubscribeCommand({ TopicArn, Protocol, Endpoint, ReturnSubscriptionArn: true }),
    );
    // fauxqs takes the subscription's ARN for the token that AWS would send to the subscriber.
    await client.send(new ConfirmSubscriptionCommand({ TopicArn, Token: SubscriptionArn }));
  }
  return TopicArn as string;
}
