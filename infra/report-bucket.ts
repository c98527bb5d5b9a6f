import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership, StorageClass } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

const yearDays = 365;

/** Reports are compliance records: seven years, of which at most two are leap years. */
const reportRetentionDays = 7 * yearDays + 2;

/** What was overwritten or deleted, by mistake perhaps, can be had back for so long. */
const noncurrentDays = 30;

/** What the steps of a run tell each other, kept to see what went wrong: longer than an execution can be redriven, 14 days. */
const shortRetentionDays = 30;

const common = {
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
  encryption: BucketEncryption.S3_MANAGED,
  enforceSSL: true,
  removalPolicy: RemovalPolicy.RETAIN,
};

/** The bucket of reports and of what tasks remember, and the bucket of access logs. Both outlive the stack. */
export class ReportBucket extends Construct {
  readonly bucket: Bucket;
  readonly accessLogs: Bucket;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.accessLogs = new Bucket(this, 'AccessLogs', {
      ...common,
      lifecycleRules: [{ id: 'audit-logs', expiration: Duration.days(yearDays) }],
    });
    this.bucket = new Bucket(this, 'Reports', {
      ...common,
      versioned: true,
      serverAccessLogsBucket: this.accessLogs,
      serverAccessLogsPrefix: 'reports/',
      lifecycleRules: [
        {
          id: 'reports',
          prefix: 'reports/',
          transitions: [{ storageClass: StorageClass.INFREQUENT_ACCESS, transitionAfter: Duration.days(90) }],
          expiration: Duration.days(reportRetentionDays),
          noncurrentVersionExpiration: Duration.days(noncurrentDays),
        },
        // What tasks remember from run to run has no end; only what they have written anew since.
        { id: 'state', prefix: 'state/', noncurrentVersionExpiration: Duration.days(noncurrentDays) },
        // What has expired leaves a delete marker, which S3 removes only when a rule of its own asks for it.
        { id: 'remains', expiredObjectDeleteMarker: true, abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
    });
  }

  /** Lets what lies below `prefix` go after so many days: a month unless given. */
  expireSoon(id: string, prefix: string, days = shortRetentionDays): void {
    this.bucket.addLifecycleRule({
      id,
      prefix,
      expiration: Duration.days(days),
      noncurrentVersionExpiration: Duration.days(1),
    });
  }
}
