import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type IBucket,
  ObjectLockRetention,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/** What was deleted, and why, is evidence for as long as what it was archived to: seven years, of which at most two are leap years. */
const retention = Duration.days(7 * 365 + 2);

export interface LedgerBucketProps {
  readonly stage: string;
  readonly accessLogs: IBucket;
}

/**
 * The bucket of the ledgers, under Object Lock: each entry is an object that, once written, is neither replaced nor deleted. It outlives
 * the stack.
 *
 * In `prod` the lock is in compliance mode: for seven years nobody can take an entry away, not even the account's root. Elsewhere it is in
 * governance mode, so that a stage that was a trial can be cleared away by whoever is given `s3:BypassGovernanceRetention` and takes the
 * bucket's policy away first; no role of Caretaker is. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
 */
export class LedgerBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { stage, accessLogs }: LedgerBucketProps) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Ledger', {
      versioned: true,
      objectLockEnabled: true,
      objectLockDefaultRetention:
        stage === 'prod' ? ObjectLockRetention.compliance(retention) : ObjectLockRetention.governance(retention),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'ledger/',
      removalPolicy: RemovalPolicy.RETAIN,
    });
    // The lock keeps versions; a delete marker or another version would still hide one from whoever lists the bucket.
    this.#deny('DenyDeletion', ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'], {});
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    this.#deny('DenyReplacement', ['s3:PutObject'], { Null: { 's3:if-none-match': 'true' } });
  }

  #deny(sid: string, actions: string[], conditions: Record<string, object>): void {
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid,
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions,
        resources: [this.bucket.arnForObjects('*')],
        conditions,
      }),
    );
  }
}
