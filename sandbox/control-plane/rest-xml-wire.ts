import { XmlCodec } from '@aws-sdk/core/protocols';
import type { Schema } from '@smithy/types';
import { restWire } from './rest-wire.ts';
import { structure, type Wire } from './wire.ts';

const contentType = 'application/xml';
const requestIdHeader = 'x-amz-request-id';

/**
 * AWS restXml as S3 speaks it, which does not wrap errors: https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html
 *
 * @param xmlNamespace the service's, as its client has it in `protocolSettings`.
 */
export function restXmlWire(xmlNamespace: string): Wire {
  const writeDocument = documentWriter(xmlNamespace);
  const writeUnqualified = documentWriter('');
  const errorSchema = structure('', 'Error', { Code: 0, Message: 0, RequestId: 0 });
  return restWire({
    errorCodes: {
      accessDenied: { code: 'AccessDenied', status: 403 },
      throttled: { code: 'SlowDown', status: 503 },
      internalError: { code: 'InternalError', status: 500 },
      unknownOperation: { code: 'NotImplemented', status: 501 },
      invalidInput: { code: 'InvalidArgument', status: 400 },
      missingCredentials: { code: 'AccessDenied', status: 403 },
      unknownCredentials: { code: 'InvalidAccessKeyId', status: 403 },
    },
    contentType,
    requestIdHeader,
    writeDocument,
    writeError({ code, status }, message, requestId) {
      const body = writeUnqualified(errorSchema, { Code: code, Message: message, RequestId: requestId });
      return { status, contentType, headers: { [requestIdHeader]: requestId }, body };
    },
  });
}

function documentWriter(xmlNamespace: string): (schema: Schema, value: unknown) => string {
  const codec = new XmlCodec({
    xmlNamespace,
    serviceNamespace: '',
    // 5 is ISO 8601, the protocol's form of a timestamp.
    timestampFormat: { useTrait: true, default: 5 },
    httpBindings: true,
  });
  return (schema, value) => {
    const serializer = codec.createSerializer();
    serializer.write(schema, value);
    return `<?xml version="1.0" encoding="UTF-8"?>\n${serializer.flush()}`;
  };
}
