import { JsonCodec } from '@aws-sdk/core/protocols';
import { referenced, type Wire } from './wire.ts';

const contentType = 'application/x-amz-json-1.1';
// 7 is epoch seconds, the protocol's form of a timestamp.
const codec = new JsonCodec({ timestampFormat: { useTrait: true, default: 7 }, jsonName: false });

/** AWS JSON 1.1: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html */
export const jsonWire: Wire = {
  errorCodes: {
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    throttled: { code: 'ThrottlingException', status: 400 },
    internalError: { code: 'InternalFailure', status: 500 },
    unknownOperation: { code: 'UnknownOperationException', status: 400 },
    invalidInput: { code: 'ValidationException', status: 400 },
    missingCredentials: { code: 'MissingAuthenticationTokenException', status: 400 },
    unknownCredentials: { code: 'UnrecognizedClientException', status: 400 },
  },

  operationName({ headers }) {
    const target = headers['x-amz-target'];
    return typeof target === 'string' ? target.slice(target.indexOf('.') + 1) : undefined;
  },

  async readInput([, , , , input], { body }) {
    return codec.createDeserializer().read(referenced(input), body);
  },

  writeOutput([, , , , , output], value) {
    const serializer = codec.createSerializer();
    serializer.write(referenced(output), value);
    return { status: 200, contentType, body: serializer.flush() };
  },

  writeError({ code, status }, message) {
    const body = JSON.stringify({ __type: code, message });
    return { status, contentType, headers: { 'x-amzn-errortype': code }, body };
  },
};
