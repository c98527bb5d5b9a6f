import { PublishCommand, type PublishCommandInput, SNSClient } from '@aws-sdk/client-sns';
import { mockClient } from 'aws-sdk-client-mock';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Report } from '../report.ts';
import { gsm7Length } from '../text/gsm7.ts';
import { notificationFor } from './notification.ts';
import { publishReport } from './publish.ts';
import { renderEmail } from './render-email.ts';
import { notificationSchema, renderJson } from './render-json.ts';
import { renderSms } from './render-sms.ts';
import { arbitraryReport, coverageWithout, findingOf, reportOf, uncheckedOf } from './report-fixtures.ts';

/** https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: body and attributes together. */
const snsMaxBytes = 262_144;

const sns = mockClient(SNSClient);
const options = {
  sns: new SNSClient({ region: 'us-east-1' }),
  pageTopicArn: 'arn:aws:sns:us-east-1:123456789012:page',
  noticeTopicArn: 'arn:aws:sns:us-east-1:123456789012:notice',
  reportUrl: 's3://reports/run-1.json',
  stage: 'prod',
};
const critical = reportOf({ status: 'findings', findings: [findingOf('critical', 'a.example')] });

beforeEach(() => {
  sns.reset();
  sns.on(PublishCommand).resolves({ MessageId: 'message-1' });
});

function published(): PublishCommandInput {
  const [call, ...others] = sns.commandCalls(PublishCommand);
  expect(others).toEqual([]);
  if (call === undefined) throw new Error('nothing was published');
  return call.args[0].input;
}

function sizeOf({ Message = '', MessageAttributes = {} }: PublishCommandInput): number {
  const attributes = Object.entries(MessageAttributes).map(([name, { DataType, StringValue }]) => {
    return `${name}${DataType}${StringValue}`;
  });
  return Buffer.byteLength(Message + attributes.join(''));
}

describe('publishReport', () => {
  it('sends nothing about a clean run', async () => {
    expect(await publishReport(reportOf(), options)).toBeUndefined();
    expect(sns.calls()).toHaveLength(0);
  });

  it('sends one message about a critical finding, to the page topic', async () => {
    expect(await publishReport(critical, options)).toEqual({ channel: 'page', messageId: 'message-1' });
    expect(published()).toMatchObject({
      TopicArn: options.pageTopicArn,
      MessageStructure: 'json',
      Subject: 'NYCMG prod: 1 critical: Certificate expiry scan',
      MessageAttributes: {
        task: { DataType: 'String', StringValue: 'certificate-expiry' },
        severity: { DataType: 'String', StringValue: 'critical' },
        status: { DataType: 'String', StringValue: 'findings' },
        stage: { DataType: 'String', StringValue: 'prod' },
        'AWS.SNS.SMS.SMSType': { DataType: 'String', StringValue: 'Transactional' },
      },
    });
  });

  it('gives each reader a text of its own: mail, SMS, and JSON for all machines', async () => {
    await publishReport(critical, options);
    expect(JSON.parse(published().Message ?? '')).toEqual({
      default: renderJson(critical, options),
      email: renderEmail(critical, { ...options, reason: '1 critical' }).body,
      sms: renderSms(critical, 'prod'),
    });
  });

  it('sends what is not critical to the notice topic', async () => {
    const report = reportOf({ status: 'incomplete', coverage: coverageWithout([uncheckedOf('a.example')]) });
    expect(await publishReport(report, options)).toEqual({ channel: 'notice', messageId: 'message-1' });
    expect(published()).toMatchObject({
      TopicArn: options.noticeTopicArn,
      MessageAttributes: { severity: { StringValue: 'none' }, status: { StringValue: 'incomplete' } },
    });
  });

  it('leaves out an attribute that would be empty, which SNS does not take', async () => {
    await publishReport(critical, { ...options, stage: undefined });
    expect(published().MessageAttributes).not.toHaveProperty('stage');
  });

  it('rejects when SNS does', async () => {
    sns.on(PublishCommand).rejects(new Error('KMS key is disabled'));
    await expect(publishReport(critical, options)).rejects.toThrow('KMS key is disabled');
  });

  it.each([
    ['10,000 findings and 5,000 unchecked', 'host', 'The certificate expired 3 days ago.'],
    ['summaries of a megabyte', 'host', '€'.repeat(333_334)],
    ['nothing but quotes', '"'.repeat(5000), '"'.repeat(5000)],
    ['nothing but backslashes', '\\'.repeat(5000), '\\'.repeat(5000)],
    ['nothing but NUL', '\0'.repeat(5000), '\0'.repeat(5000)],
    ['nothing but lone surrogates', '\ud83d'.repeat(5000), '\ud83d'.repeat(5000)],
  ])('stays within the size that SNS takes with %s', async (_title, name, summary) => {
    const finding = findingOf('critical', name, { summary });
    const unchecked = uncheckedOf(name, 'throttled', summary);
    const report: Report = reportOf({
      status: 'incomplete',
      task: summary,
      findings: Array.from({ length: 10_000 }, () => finding),
      coverage: coverageWithout(Array.from({ length: 5000 }, () => unchecked)),
    });
    await publishReport(report, { ...options, stage: name });
    expect(sizeOf(published())).toBeLessThanOrEqual(snsMaxBytes);
  });

  it('makes a message that SNS and its readers take of any report', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryReport, fc.string({ unit: 'binary' }), async (report, stage) => {
        sns.resetHistory();
        const decision = notificationFor(report);
        const publication = await publishReport(report, { ...options, stage, runbookUrl: stage });
        expect(publication?.channel).toBe(decision?.channel);
        if (decision === undefined) return;
        const input = published();
        expect(sizeOf(input)).toBeLessThanOrEqual(snsMaxBytes);
        const message: Record<string, string> = JSON.parse(input.Message ?? '');
        expect(Object.keys(message)).toEqual(['default', 'email', 'sms']);
        notificationSchema.parse(JSON.parse(message.default ?? ''));
        expect(gsm7Length(message.sms ?? '')).toBeLessThanOrEqual(160);
      }),
    );
  });
});
