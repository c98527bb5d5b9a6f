import { type MessageAttributeValue, PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Report } from '../report.ts';
import { printable } from '../text/printable.ts';
import { type Channel, notificationFor } from './notification.ts';
import { renderEmail } from './render-email.ts';
import { renderJson } from './render-json.ts';
import { renderSms } from './render-sms.ts';
import { countReport, worstSeverity } from './report-counts.ts';

/** Where and how to publish. */
export interface PublishOptions {
  readonly sns: SNSClient;
  readonly pageTopicArn: string;
  readonly noticeTopicArn: string;
  /** Where the whole report lies. */
  readonly reportUrl?: string | undefined;
  /** Page whose headings are the rules. */
  readonly runbookUrl?: string | undefined;
  readonly stage?: string | undefined;
}

/** What became of a message. */
export interface Publication {
  readonly channel: Channel;
  /** As SNS returned it. */
  readonly messageId: string | undefined;
}

/**
 * Publishes one message about a run to the topic that {@link notificationFor} names; returns `undefined`, and sends
 * nothing, when it names none.
 *
 * The message has a text of its own for mail and for SMS, and JSON ({@link renderJson}) as the default for all other
 * protocols. Message and attributes together stay below the 262,144 bytes that a topic takes unless it is set
 * otherwise, for any report. The attributes `task`, `severity` (the worst found, or `none`), `status` and `stage` are
 * there for filter policies; the JSON repeats them, as SNS does not deliver the attributes of a message of this structure.
 * Sources: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html and
 * https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
 *
 * @throws whatever the client throws: a message that was not accepted must fail the invocation, so that it is retried
 *   and raises the alarm.
 */
export async function publishReport(report: Report, options: PublishOptions): Promise<Publication | undefined> {
  const decision = notificationFor(report);
  if (decision === undefined) return undefined;
  const { channel, reason } = decision;
  const { subject, body } = renderEmail(report, { ...options, reason });
  /*
   * JSON within JSON is escaped again, which at most doubles it: what would take more is already escaped by renderJson
   * and by printable, to backslashes. So the parts take at most 2 x 60 KiB for the mail, 2 x 64 KiB for the JSON and 1
   * KiB for the SMS; 7 KiB are left for keys and attributes. One default instead of a copy for each protocol is what
   * makes this room.
   */
  const message = { default: renderJson(report, options), email: body, sms: renderSms(report, options.stage) };
  const { MessageId: messageId } = await options.sns.send(
    new PublishCommand({
      TopicArn: channel === 'page' ? options.pageTopicArn : options.noticeTopicArn,
      Subject: subject,
      Message: JSON.stringify(message),
      MessageStructure: 'json',
      MessageAttributes: attributesOf(report, options.stage),
    }),
  );
  return { channel, messageId };
}

function attributesOf(report: Report, stage: string | undefined): Record<string, MessageAttributeValue> {
  const values = {
    task: report.task,
    severity: worstSeverity(countReport(report)),
    status: report.status,
    stage: stage ?? '',
    // The account's default may be Promotional, which carriers deliver when they can:
    // https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html
    'AWS.SNS.SMS.SMSType': 'Transactional',
  };
  const attributes: Record<string, MessageAttributeValue> = {};
  for (const [name, value] of Object.entries(values)) {
    // SNS takes no empty value: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
    if (value !== '') attributes[name] = { DataType: 'String', StringValue: printable(value, 256) };
  }
  return attributes;
}
