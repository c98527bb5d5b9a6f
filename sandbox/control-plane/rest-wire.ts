import { FromStringShapeDeserializer, ToStringShapeSerializer } from '@smithy/core/protocols';
import { NormalizedSchema } from '@smithy/core/schema';
import type { Schema, StaticOperationSchema, StaticStructureSchema } from '@smithy/types';
import type { Wire, WireRequest, WireResponse } from './wire.ts';

/** What a protocol that is bound to HTTP leaves to its format of documents. */
export interface RestFormat {
  readonly errorCodes: Wire['errorCodes'];
  readonly contentType: string;
  /** Header that carries the id of a request. */
  readonly requestIdHeader: string;
  writeDocument(schema: Schema, value: unknown): string | Uint8Array;
  writeError: Wire['writeError'];
}

const bindings = { timestampFormat: { useTrait: true, default: 5 }, httpBindings: true } as const;

/**
 * The protocols whose operations are paths: what an input has stands in labels of the path, in the query and in headers,
 * what an output has in headers and in a document or a payload (https://smithy.io/2.0/spec/http-bindings.html). It answers
 * operations that only read, which send no document.
 */
export function restWire(format: RestFormat): Wire {
  return {
    errorCodes: format.errorCodes,
    writeError: format.writeError,

    operationName(request, operations) {
      const found = operations.find((schema) => isRequestOf(schema, request));
      const [path] = splitUrl(request);
      // Whoever reads what was refused sees which path it was.
      return found?.[2] ?? `${request.method} ${path}`;
    },

    async readInput(schema, request) {
      const [path, query] = splitUrl(request);
      const labels = templateOf(schema).path.exec(path)?.groups ?? {};
      const reader = new FromStringShapeDeserializer(bindings);
      const input: Record<string, unknown> = {};
      for (const [name, member] of inputOf(schema).structIterator()) {
        const { httpQuery, httpHeader } = member.getMergedTraits();
        const label = labels[name];
        if (label !== undefined) input[name] = reader.read(member, decodeURIComponent(label));
        if (httpQuery !== undefined && query.has(httpQuery)) input[name] = readQuery(member, query.getAll(httpQuery));
        const header = request.headers[httpHeader?.toLowerCase() ?? ''];
        if (header !== undefined) input[name] = reader.read(member, String(header));
      }
      return input;

      function readQuery(member: NormalizedSchema, values: readonly string[]): unknown {
        if (!member.isListSchema()) return reader.read(member, values[0] ?? '');
        return values.map((value) => reader.read(member.getValueSchema(), value));
      }
    },

    writeOutput(schema, value, requestId) {
      const output = NormalizedSchema.of(schema[5]);
      const writer = new ToStringShapeSerializer(bindings);
      const headers: Record<string, string> = { [format.requestIdHeader]: requestId };
      const documentMembers: [name: string, member: NormalizedSchema][] = [];
      let payload: WireResponse['body'] | undefined;
      for (const [name, member] of output.structIterator()) {
        const { httpHeader, httpPayload, httpPrefixHeaders } = member.getMergedTraits();
        const held = (value as Readonly<Record<string, unknown>>)[name];
        if (httpPayload !== undefined) payload = writePayload(member, held);
        else if (httpHeader === undefined && httpPrefixHeaders === undefined) documentMembers.push([name, member]);
        else if (held === undefined) continue;
        else if (httpHeader !== undefined) headers[httpHeader.toLowerCase()] = asHeader(member, held);
        else for (const [key, text] of Object.entries(held as object)) headers[`${httpPrefixHeaders}${key}`] = text;
      }
      const body = payload ?? (documentMembers.length === 0 ? '' : writeDocument(documentMembers));
      return { status: 200, contentType: format.contentType, headers, body };

      function asHeader(member: NormalizedSchema, held: unknown): string {
        writer.write(member, held);
        return writer.flush();
      }

      function writePayload(member: NormalizedSchema, held: unknown): WireResponse['body'] {
        if (held === undefined) return '';
        return held instanceof Uint8Array ? held : format.writeDocument(member, held);
      }

      function writeDocument(members: readonly (readonly [string, NormalizedSchema])[]): string | Uint8Array {
        const [id, namespace, name, traits] = output.getSchema() as StaticStructureSchema;
        const names = members.map(([memberName]) => memberName);
        const schemas = members.map(([, member]) => member as StaticStructureSchema[5][number]);
        return format.writeDocument([id, namespace, name, traits, names, schemas], value);
      }
    },
  };
}

/** The path and the query that ask for an operation. */
interface Template {
  readonly method: string;
  /** Its groups are the labels, not decoded. */
  readonly path: RegExp;
  /** Parameters that tell this operation from others at the same path. */
  readonly literals: readonly (readonly [name: string, value: string])[];
  /** Every parameter that the operation knows. */
  readonly parameters: ReadonlySet<string>;
}

/** The SDK names the operation in a parameter that no service asks for. */
const sdkParameter = 'x-id';

const templates = new WeakMap<StaticOperationSchema, Template>();

function templateOf(schema: StaticOperationSchema): Template {
  const known = templates.get(schema);
  if (known !== undefined) return known;
  const http = NormalizedSchema.of(schema as unknown as Schema).getMergedTraits().http;
  const [method = '', uri = ''] = (http as readonly [string, string, number] | undefined) ?? [];
  const [path = '', search = ''] = uri.split('?');
  const literals = [...new URLSearchParams(search)].filter(([name]) => name !== sdkParameter);
  const members = [...inputOf(schema).structIterator()];
  const parameters = members.flatMap(([, member]) => member.getMergedTraits().httpQuery ?? []);
  // A label that the path does not have is in the path of the endpoint, before it: the bucket.
  const labels = members.filter(([, member]) => member.getMergedTraits().httpLabel).map(([name]) => name);
  const endpoint = labels.filter((name) => !path.includes(`{${name}`)).map((name) => `/{${name}}`);
  const template = {
    method,
    path: pathPattern([...endpoint, path === '/' ? '' : path].join('')),
    literals,
    parameters: new Set([sdkParameter, ...literals.map(([name]) => name), ...parameters]),
  };
  templates.set(schema, template);
  return template;
}

function pathPattern(path: string): RegExp {
  const parts = path.split(/\{([^}]+)\}/);
  const pattern = parts.map((part, index) => {
    if (index % 2 === 0) return part.replace(/[.*+?^$()[\]\\|]/g, '\\$&');
    return part.endsWith('+') ? `(?<${part.slice(0, -1)}>.+)` : `(?<${part}>[^/]+)`;
  });
  const end = path.endsWith('+}') ? '' : '/?';
  return new RegExp(`^${pattern.join('')}${end}$`);
}

/** A parameter that an operation does not know makes it another one: `?acl` at the path of an object. */
function isRequestOf(schema: StaticOperationSchema, request: WireRequest): boolean {
  const { method, path, literals, parameters } = templateOf(schema);
  const [requestPath, query] = splitUrl(request);
  if (method !== request.method || !path.test(requestPath)) return false;
  if (!literals.every(([name, value]) => query.get(name) === value)) return false;
  return [...query.keys()].every((name) => parameters.has(name));
}

/** `URL` would resolve `..` and more of what a key may hold. */
function splitUrl({ url }: WireRequest): [path: string, query: URLSearchParams] {
  const mark = url.indexOf('?');
  if (mark === -1) return [url, new URLSearchParams()];
  return [url.slice(0, mark), new URLSearchParams(url.slice(mark))];
}

function inputOf([, , , , input]: StaticOperationSchema): NormalizedSchema {
  return NormalizedSchema.of(input);
}
