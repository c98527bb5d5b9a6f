import { paginateListSubscriptionsByTopic, SNSClient } from '@aws-sdk/client-sns';
import { buildApp } from 'fauxqs';
import { queryWire } from '../control-plane/query-wire.ts';
import { checkSubject, type Delivery, InvalidPublication, textFor } from './sns-delivery.ts';

/** A running S3, SNS and SQS, in memory. */
export interface Fauxqs {
  readonly url: string;
  /** What subscribers would have received so far, oldest first. */
  readonly deliveries: readonly Delivery[];
  stop(): Promise<void>;
}

type Form = Record<string, string | undefined>;

const snsWire = queryWire('http://sns.amazonaws.com/doc/2010-03-31/');

/**
 * Starts fauxqs on 127.0.0.1, at a port that the system chooses, and keeps what SNS would have delivered. fauxqs itself
 * delivers to SQS only and takes no notice of message structures, so both are added at the Publish request: every
 * subscription of the topic is given the text of its protocol, confirmed or not, without regard to filter policies.
 */
export async function startFauxqs(): Promise<Fauxqs> {
  const deliveries: Delivery[] = [];
  const published = new WeakMap<object, readonly Delivery[]>();
  const app = buildApp({ logger: false });
  // fauxqs's own start function listens on every interface.
  const url = await listen();
  const client = new SNSClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
  });

  async function listen(): Promise<string> {
    app.addHook('preHandler', async (request, reply) => {
      const form = request.body as Form | undefined;
      if (form?.Action === 'PublishBatch') return refuse('InvalidAction', 'The sandbox does not answer PublishBatch.');
      if (form?.Action !== 'Publish') return;
      try {
        checkSubject(form.Subject);
        const message = form.Message ?? '';
        published.set(request, await addressed(form, message));
        form.Message = textFor('sqs', message, form.MessageStructure);
      } catch (error) {
        if (!(error instanceof InvalidPublication)) throw error;
        return refuse('InvalidParameter', error.message);
      }

      function refuse(code: string, message: string) {
        const { status, contentType, body } = snsWire.writeError({ code, status: 400 }, message, request.id);
        return reply.status(status).type(contentType).send(body);
      }
    });
    // Before the answer goes out, so that whoever has published finds the deliveries there.
    app.addHook('onSend', async (request, reply) => {
      if (reply.statusCode === 200) deliveries.push(...(published.get(request) ?? []));
    });
    return app.listen({ host: '127.0.0.1', port: 0 });
  }

  async function addressed(form: Form, message: string): Promise<Delivery[]> {
    const topicArn = form.TopicArn ?? '';
    const found: Delivery[] = [];
    const pages = paginateListSubscriptionsByTopic({ client }, { TopicArn: topicArn });
    for await (const { Subscriptions = [] } of pages) {
      for (const { Protocol: protocol = '', Endpoint: endpoint = '' } of Subscriptions) {
        const subject = protocol === 'sms' ? undefined : form.Subject;
        found.push({
          protocol,
          endpoint,
          ...(subject === undefined ? {} : { subject }),
          body: textFor(protocol, message, form.MessageStructure),
          topicArn,
          at: new Date(),
        });
      }
    }
    // fauxqs lists them by their random ARNs; the demo is to read the same each time.
    return found.sort((a, b) => a.protocol.localeCompare(b.protocol) || a.endpoint.localeCompare(b.endpoint));
  }

  return {
    url,
    deliveries,
    async stop() {
      client.destroy();
      await app.close();
    },
  };
}
