import { XmlCodec } from '@aws-sdk/core/protocols';
import type { StaticStructureSchema } from '@smithy/types';
import { referenced, structure, type Wire } from './wire.ts';

const contentType = 'text/xml';

interface FormNode {
  [part: string]: FormNode | string;
}

/**
 * AWS Query, a form as the request and XML as the answer: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 *
 * @param xmlNamespace the service's, as its client has it in `protocolSettings`.
 */
export function queryWire(xmlNamespace: string): Wire {
  const codec = new XmlCodec({
    xmlNamespace,
    serviceNamespace: '',
    // 5 is ISO 8601, the protocol's form of a timestamp.
    timestampFormat: { useTrait: true, default: 5 },
    httpBindings: false,
  });

  function write(schema: StaticStructureSchema, value: object): string | Uint8Array {
    const serializer = codec.createSerializer();
    serializer.write(schema, value);
    return serializer.flush();
  }

  return {
    errorCodes: {
      accessDenied: { code: 'AccessDenied', status: 403 },
      throttled: { code: 'Throttling', status: 400 },
      internalError: { code: 'InternalFailure', status: 500 },
      unknownOperation: { code: 'InvalidAction', status: 400 },
      invalidInput: { code: 'ValidationError', status: 400 },
      missingCredentials: { code: 'MissingAuthenticationToken', status: 403 },
      unknownCredentials: { code: 'InvalidClientTokenId', status: 403 },
    },

    operationName({ body }) {
      return new URLSearchParams(body).get('Action') ?? undefined;
    },

    async readInput([, , , , input], { body }) {
      return codec.createDeserializer().readSchema(referenced(input), nest(new URLSearchParams(body)));
    },

    writeOutput([, namespace, name, , , output], value, requestId) {
      const resultName = `${name}Result`;
      const envelope = structure(namespace, `${name}Response`, {
        [resultName]: output,
        ResponseMetadata: () => structure(namespace, 'ResponseMetadata', { RequestId: 0 }),
      });
      const body = write(envelope, { [resultName]: value, ResponseMetadata: { RequestId: requestId } });
      return { status: 200, contentType, body };
    },

    writeError({ code, status }, message, requestId) {
      const envelope = structure('', 'ErrorResponse', {
        Error: () => structure('', 'Error', { Type: 0, Code: 0, Message: 0 }),
        RequestId: 0,
      });
      const Type = status < 500 ? 'Sender' : 'Receiver';
      return {
        status,
        contentType,
        body: write(envelope, { Error: { Type, Code: code, Message: message }, RequestId: requestId }),
      };
    },
  };
}

/**
 * Returns a form as the tree that the XML of the same shape would parse into, which the SDK's deserializer can read:
 * `Filters.Filter.1.Name=x` becomes `{ Filters: { Filter: [{ Name: 'x' }] } }`.
 */
function nest(form: URLSearchParams): unknown {
  const root: FormNode = {};
  for (const [key, value] of form) {
    const parts = key.split('.');
    const last = parts.pop() as string;
    let node = root;
    for (const part of parts) {
      const known = node[part];
      const next = typeof known === 'object' ? known : {};
      node[part] = next;
      node = next;
    }
    node[last] = value;
  }
  return withLists(root);
}

function withLists(node: FormNode | string): unknown {
  if (typeof node === 'string') return node;
  const entries = Object.entries(node);
  const isList = entries.length > 0 && entries.every(([key]) => /^\d+$/.test(key));
  if (isList) return entries.map(([, value]) => withLists(value));
  return Object.fromEntries(entries.map(([key, value]) => [key, withLists(value)]));
}
