import { JsonCodec } from '@aws-sdk/core/protocols';
import { restWire } from './rest-wire.ts';

const contentType = 'application/json';
const requestIdHeader = 'x-amzn-requestid';
// 7 is epoch seconds, the protocol's form of a timestamp.
const codec = new JsonCodec({ timestampFormat: { useTrait: true, default: 7 }, httpBindings: true, jsonName: true });

/** AWS restJson1: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html */
export const restJsonWire = restWire({
  errorCodes: {
    accessDenied: { code: 'AccessDeniedException', status: 403 },
    throttled: { code: 'ThrottlingException', status: 400 },
    internalError: { code: 'InternalFailure', status: 500 },
    unknownOperation: { code: 'UnknownOperationException', status: 404 },
    invalidInput: { code: 'ValidationException', status: 400 },
    missingCredentials: { code: 'MissingAuthenticationTokenException', status: 403 },
    unknownCredentials: { code: 'UnrecognizedClientException', status: 403 },
  },
  contentType,
  requestIdHeader,

  writeDocument(schema, value) {
    const serializer = codec.createSerializer();
    serializer.write(schema, value);
    return serializer.flush();
  },

  writeError({ code, status }, message, requestId) {
    const headers = { 'x-amzn-errortype': code, [requestIdHeader]: requestId };
    return { status, contentType, headers, body: JSON.stringify({ message }) };
  },
});
