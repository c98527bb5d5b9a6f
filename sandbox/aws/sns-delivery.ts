/** What SNS would have handed to one subscriber. */
export interface Delivery {
  /** `email`, `sms`, `https`, `sqs` … */
  readonly protocol: string;
  /** E-mail address, telephone number, URL or ARN. */
  readonly endpoint: string;
  /** Left out where the protocol has none: SMS. */
  readonly subject?: string;
  /** The text of this protocol, without what SNS adds around it (envelope, unsubscribe link). */
  readonly body: string;
  readonly topicArn: string;
  readonly at: Date;
}

/** A publication that SNS refuses, with the reason as it words it. */
export class InvalidPublication extends Error {
  override readonly name = 'InvalidPublication';
}

const maxSubjectCharacters = 100;

/**
 * Checks a subject as SNS does: fewer than 100 characters, no line breaks or control characters
 * (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
 *
 * @throws InvalidPublication
 */
export function checkSubject(subject: string | undefined): void {
  if (subject === undefined) return;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (subject === '' || subject.length > maxSubjectCharacters || /[\u0000-\u001f\u007f]/.test(subject)) {
    throw new InvalidPublication('Invalid parameter: Subject');
  }
}

/**
 * Returns the text that a protocol's subscribers get: with the message structure `json` its own entry, else `default`.
 *
 * @throws InvalidPublication where SNS refuses a message structure.
 */
export function textFor(protocol: string, message: string, structure: string | undefined): string {
  if (structure === undefined || structure === '') return message;
  if (structure !== 'json') throw new InvalidPublication('Invalid parameter: Message Structure - No valid structure');
  const texts = parse(message);
  const fallback = texts.default;
  if (typeof fallback !== 'string') {
    throw new InvalidPublication('Invalid parameter: Message Structure - No default entry in JSON message body');
  }
  const own = texts[protocol];
  return typeof own === 'string' ? own : fallback;
}

function parse(message: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(message);
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Refused below, like JSON that is not an object.
  }
  throw new InvalidPublication('Invalid parameter: Message Structure - JSON message body failed to parse');
}
