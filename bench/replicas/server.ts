import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Library } from './library.ts';

/**
 * The part of S3 that comparing two buckets needs, over `<objects>-source` and `<objects>-copy` for any number of objects: nothing is
 * stored, each page is made of the indexes of its objects. Sends its port to its parent.
 */
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const [bucket = '', ...parts] = pathname.slice(1).split('/');
  const [, objects, side] = /^(\d+)-(source|copy)$/.exec(bucket) ?? [];
  if (objects === undefined) return end(response, 404);
  const library = new Library(Number(objects), side === 'copy');
  const key = decodeURIComponent(parts.join('/'));
  if (request.method === 'HEAD') return head(library, key, response);
  if (request.method !== 'GET' || key !== '' || searchParams.get('list-type') !== '2') return refuse(request, response);
  return end(response, 200, list(library, bucket, searchParams));
});

function head(library: Library, key: string, response: ServerResponse): void {
  const index = library.firstFrom(key);
  if (key === '') {
    end(response, 200);
  } else if (index >= library.objects || library.key(index) !== key || !library.has(index)) {
    end(response, 404);
  } else {
    response.writeHead(200, {
      'content-length': library.sizeBytes(index),
      'last-modified': new Date(library.modifiedAt(index)).toUTCString(),
      etag: `"${library.etag(index)}"`,
    });
    response.end();
  }
}

function list(library: Library, bucket: string, query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const limit = Math.min(1_000, Number(query.get('max-keys') ?? 1_000));
  const startAfter = query.get('start-after');
  const token = query.get('continuation-token');
  const contents: string[] = [];
  const prefixes: string[] = [];
  let index = Math.max(library.firstFrom(prefix), startAfter === null ? 0 : library.firstFrom(`${startAfter}\u0000`));
  if (token !== null) index = Number(token);
  let isTruncated = false;
  while (index < library.objects) {
    const key = library.key(index);
    if (!key.startsWith(prefix)) break;
    if (contents.length + prefixes.length >= limit) {
      isTruncated = true;
      break;
    }
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (end !== -1) {
      const common = key.slice(0, end + delimiter.length);
      prefixes.push(`<CommonPrefixes><Prefix>${common}</Prefix></CommonPrefixes>`);
      index = library.firstFrom(`${common}\uffff`);
      continue;
    }
    if (library.has(index)) contents.push(object(library, index, key));
    index += 1;
  }
  const encoding = query.get('encoding-type') === 'url' ? '<EncodingType>url</EncodingType>' : '';
  const next = isTruncated ? `<NextContinuationToken>${index}</NextContinuationToken>` : '';
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `<Name>${bucket}</Name><Prefix>${prefix}</Prefix>${next}<KeyCount>${contents.length + prefixes.length}</KeyCount>` +
    `<MaxKeys>${limit}</MaxKeys>${delimiter === '' ? '' : `<Delimiter>${delimiter}</Delimiter>`}${encoding}` +
    `<IsTruncated>${isTruncated}</IsTruncated>${contents.join('')}${prefixes.join('')}</ListBucketResult>`
  );
}

/** As S3 writes it for an object that was uploaded without a checksum. */
function object(library: Library, index: number, key: string): string {
  return (
    `<Contents><Key>${key}</Key><LastModified>${library.modifiedAt(index)}</LastModified>` +
    `<ETag>&quot;${library.etag(index)}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>` +
    `<ChecksumType>FULL_OBJECT</ChecksumType><Size>${library.sizeBytes(index)}</Size>` +
    '<StorageClass>STANDARD</StorageClass></Contents>'
  );
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  process.stderr.write(`Not answered: ${request.method} ${request.url}\n`);
  end(response, 501);
}

function end(response: ServerResponse, status: number, body = ''): void {
  const bytes = Buffer.from(body, 'latin1');
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': bytes.length });
  response.end(bytes);
}

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.((server.address() as AddressInfo).port);
// Without the benchmark there is nobody to serve.
process.on('disconnect', () => process.exit());
