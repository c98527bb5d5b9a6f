import { XmlCodec } from '@aws-sdk/core/protocols';
import { NormalizedSchema } from '@smithy/core/schema';
import type { Schema, StaticOperationSchema } from '@smithy/types';
import type { Wire, WireRequest } from '../control-plane/wire.ts';
import { s3Error } from './s3-error.ts';

const deserializer = new XmlCodec({
  xmlNamespace: '',
  serviceNamespace: '',
  timestampFormat: { useTrait: true, default: 5 },
  httpBindings: true,
}).createDeserializer();

/**
 * Returns the input of a request as the operation's schema describes it: what the wire reads from its path, query and headers, with
 * the headers that a prefix gathers and the document in its body.
 *
 * @throws Refusal for a document that is none of this operation.
 */
export async function readInput(
  wire: Wire,
  schema: StaticOperationSchema,
  request: WireRequest,
  body: () => Buffer,
): Promise<Record<string, unknown>> {
  const input = (await wire.readInput(schema, request)) as Record<string, unknown>;
  for (const [name, member] of NormalizedSchema.of(schema[4] as Schema).structIterator()) {
    const { httpPrefixHeaders, httpPayload, xmlName } = member.getMergedTraits();
    if (httpPrefixHeaders !== undefined) input[name] = prefixed(request, httpPrefixHeaders as string);
    if (httpPayload === undefined || !member.isStructSchema()) continue;
    const bytes = body();
    if (bytes.length > 0) input[name] = await readDocument(member, bytes, (xmlName as string | undefined) ?? name);
  }
  return input;
}

async function readDocument(member: NormalizedSchema, bytes: Buffer, rootName: string): Promise<unknown> {
  try {
    // The parser leaves out the root where there is but one.
    const read = await deserializer.read(member as unknown as Schema, bytes);
    return read;
  } catch {
    throw s3Error('MalformedXML', `The document is no ${rootName}.`);
  }
}

function prefixed({ headers }: WireRequest, prefix: string): Record<string, string> {
  const found = Object.entries(headers).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), String(value)]));
}
