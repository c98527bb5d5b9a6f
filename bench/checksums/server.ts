import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Served } from '../checksums.bench.ts';

/** As much of S3 as a verification asks for: one bucket of the files of a folder, which are kept in memory, each under several keys. */
const { FOLDER: folder = '.', KEYS_PER_FILE: keysPerFile = '1' } = process.env;
const lastModified = new Date('2026-01-01T00:00:00.000Z').toISOString();

const objects = new Map(
  readdirSync(folder)
    .sort()
    .map((name) => {
      const body = readFileSync(join(folder, name));
      const etag = createHash('md5').update(body).digest('hex');
      const sha256 = createHash('sha256').update(body).digest('base64');
      return [name, { body, etag, sha256 }] as const;
    }),
);

const keys = Array.from({ length: Number(keysPerFile) }, (_, index) =>
  [...objects.keys()].map((name) => `${index}/${name}`),
).flat();

const contents = keys.map((key) => {
  const { body, etag } = objectOf(key) as { body: Buffer; etag: string };
  return (
    `<Contents><Key>${key}</Key><LastModified>${lastModified}</LastModified><ETag>&quot;${etag}&quot;</ETag>` +
    `<Size>${body.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`
  );
});
const listing =
  '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
  `<Name>bench</Name><Prefix></Prefix><KeyCount>${keys.length}</KeyCount><MaxKeys>1000</MaxKeys>` +
  `<IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`;

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const object = objectOf(pathname);
  if (object === undefined) {
    response.writeHead(200, { 'content-type': 'application/xml' }).end(listing);
    return;
  }
  const { body, etag, sha256 } = object;
  const headers = { 'content-length': body.length, etag: `"${etag}"`, 'x-amz-checksum-sha256': sha256 };
  response.writeHead(200, headers).end(body);
});

function objectOf(key: string) {
  return objects.get(key.slice(key.lastIndexOf('/') + 1));
}

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ port, keys } satisfies Served);
});
// Without the benchmark there is nobody to serve.
process.on('disconnect', () => process.exit());
