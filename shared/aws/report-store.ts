import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Report } from '../report.ts';

/** Returns the key under which a report is kept: `reports/<task>/<year>/<month>/<day>/<run id>.json`, by UTC start. */
function reportKey(report: Pick<Report, 'task' | 'startedAt' | 'runId'>): string {
  const day = report.startedAt.slice(0, 10).replaceAll('-', '/');
  return `reports/${report.task}/${day}/${report.runId}.json`;
}

/**
 * Stores the report and returns its `s3://` location.
 *
 * @throws the SDK's error when it could not be stored: the run must fail, not pass without its evidence.
 */
export async function storeReport(report: Report, s3: S3Client, bucket: string): Promise<string> {
  const key = reportKey(report);
  await s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: `${JSON.stringify(report)}\n`,
      ContentType: 'application/json',
    }),
  );
  return `s3://${bucket}/${key}`;
}
