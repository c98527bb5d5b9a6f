import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeKey, escapeXml, fakeS3 } from './fake-s3.ts';
import { listPage } from './list-page.ts';
import { decodeUrl, indexListing } from './scan-listing.ts';

const { signal } = new AbortController();

const clientFor = (body: string) => fakeS3({}, { intercept: () => ({ status: 200, body }) });
/** What the scanner reads; `undefined` where it does not understand. */
function scanListing(xml: Buffer) {
  const listing = indexListing(xml);
  if (listing === undefined) return undefined;
  const { objectCount, read, ...frame } = listing;
  return { ...frame, objects: read(0, objectCount) };
}

const page = (body: string) => listPage(clientFor(body), { Bucket: 'b' }, { signal });

/** What the SDK reads in the same answer, by its own parser, in our terms. */
async function bySdk(body: string) {
  const output: ListObjectsV2CommandOutput = await clientFor(body).send(new ListObjectsV2Command({ Bucket: 'b' }));
  const decode = output.EncodingType === 'url' ? decodeUrl : (text: string) => text;
  return {
    isTruncated: output.IsTruncated,
    nextToken: output.NextContinuationToken,
    keyCount: output.KeyCount,
    objects: (output.Contents ?? []).map((object) => ({
      key: decode(object.Key as string),
      sizeBytes: object.Size,
      modifiedAtMs: object.LastModified?.getTime(),
      etag: object.ETag?.replace(/^"(.*)"$/, '$1'),
      storageClass: object.StorageClass,
    })),
    commonPrefixes: (output.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix as string)),
  };
}

const text = fc.string({
  unit: fc.constantFrom(
    'a',
    'Z',
    '/',
    ' ',
    '+',
    '%',
    '&',
    '<',
    '>',
    '"',
    "'",
    ';',
    'é',
    '\ue000',
    '😀',
    '\u0001',
    '\n',
    '\r',
    '\t',
  ),
  minLength: 1,
  maxLength: 12,
});
const plain = fc.string({ unit: fc.constantFrom('a', '&', '<', '"', "'", ';', '-', '=', '+'), maxLength: 8 });

const extras = fc.constantFrom(
  '',
  '<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>',
  '<ChecksumAlgorithm>SHA256</ChecksumAlgorithm><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>',
  '<Owner><ID>ab</ID><DisplayName>a &amp; b</DisplayName></Owner>',
  '<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>',
  '<RestoreStatus></RestoreStatus>',
);

const contents = fc
  .record({
    key: text,
    size: fc.nat({ max: 2 ** 40 }),
    modified: fc.date({
      min: new Date('2006-03-14T00:00:00Z'),
      max: new Date('2100-01-01T00:00:00Z'),
      noInvalidDate: true,
    }),
    etag: plain,
    storageClass: fc.option(fc.constantFrom('STANDARD', 'GLACIER', 'DEEP_ARCHIVE'), { nil: undefined }),
    extra: extras,
  })
  .map(({ key, size, modified, etag, storageClass, extra }) => {
    const klass = storageClass === undefined ? '' : `<StorageClass>${storageClass}</StorageClass>`;
    return (
      `<Contents><Key>${encodeKey(key)}</Key><LastModified>${modified.toISOString()}</LastModified>` +
      `<ETag>&quot;${escapeXml(etag)}&quot;</ETag>${extra}<Size>${size}</Size>${klass}</Contents>`
    );
  });

const listing = fc
  .record({
    contents: fc.array(contents, { maxLength: 6 }),
    prefixes: fc.array(text, { maxLength: 3 }),
    token: fc.option(
      plain.filter((token) => token !== ''),
      { nil: undefined },
    ),
    lineFeed: fc.constantFrom('\n', ''),
  })
  .map(({ contents: rows, prefixes, token, lineFeed }) => {
    const next = token === undefined ? '' : `<NextContinuationToken>${escapeXml(token)}</NextContinuationToken>`;
    const common = prefixes.map((prefix) => `<CommonPrefixes><Prefix>${encodeKey(prefix)}</Prefix></CommonPrefixes>`);
    return (
      `<?xml version="1.0" encoding="UTF-8"?>${lineFeed}<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
      `<Name>b</Name><Prefix></Prefix>${next}<KeyCount>${rows.length + common.length}</KeyCount><MaxKeys>1000</MaxKeys>` +
      `<Delimiter>/</Delimiter><EncodingType>url</EncodingType><IsTruncated>${token !== undefined}</IsTruncated>` +
      `${rows.join('')}${common.join('')}</ListBucketResult>`
    );
  });

const one = (inside: string, { count = 1, truncated = 'false' } = {}) =>
  '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
  `<Name>b</Name><KeyCount>${count}</KeyCount><EncodingType>url</EncodingType><IsTruncated>${truncated}</IsTruncated>` +
  `${inside}</ListBucketResult>`;
const object =
  '<Contents><Key>a</Key><LastModified>2026-11-01T12:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>3</Size></Contents>';

describe('scanning an answer to ListObjectsV2', () => {
  it('reads what the SDK reads, and understands all that S3 writes', async () => {
    await fc.assert(
      fc.asyncProperty(listing, async (xml) => {
        const expected = await bySdk(xml);
        expect(scanListing(Buffer.from(xml))).toEqual(expected);
        expect(await page(xml)).toEqual(expected);
      }),
    );
  });

  it('never reads less than the SDK, whatever has been done to the answer', async () => {
    const damage = fc.record({
      at: fc.nat(),
      length: fc.nat({ max: 12 }),
      instead: fc.constantFrom('', '<', '>', '</Key>', '&', '<!-- -->', ' ', '\n', '<X/>', '9'),
    });
    await fc.assert(
      fc.asyncProperty(listing, damage, async (xml, { at, length, instead }) => {
        const from = at % xml.length;
        const damaged = xml.slice(0, from) + instead + xml.slice(from + length);
        const scanned = scanListing(Buffer.from(damaged));
        if (scanned === undefined) return;
        expect(scanned).toEqual(await bySdk(damaged));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses every answer that was cut off', async () => {
    const xml = one(object.repeat(2), { count: 2 });
    for (let length = 1; length < xml.length; length++) {
      expect(scanListing(Buffer.from(xml.slice(0, length)))).toBeUndefined();
    }
    await expect(page(xml.slice(0, -30))).rejects.toThrow();
    await expect(page('')).rejects.toThrow(/half a listing/);
  });
});

describe('a page of a listing', () => {
  it('leaves to the SDK what S3 does not write', async () => {
    const spread = one(`\n  ${object.replaceAll('><', '>\n<')}\n`);
    expect(scanListing(Buffer.from(spread))).toBeUndefined();
    expect((await page(spread)).objects).toEqual([
      { key: 'a', sizeBytes: 3, modifiedAtMs: Date.parse('2026-11-01T12:00:00Z'), etag: 'e', storageClass: undefined },
    ]);
  });

  it('tells a plus sign from a space', async () => {
    const { objects } = await page(one(object.replace('<Key>a</Key>', '<Key>a+b%2Bc%25</Key>')));
    expect(objects[0]?.key).toBe('a b+c%');
  });

  it('takes the keys as they stand where the answer is not encoded', async () => {
    const xml = one(object.replace('<Key>a</Key>', '<Key>a+b%2B &amp; é</Key>')).replace(
      '<EncodingType>url</EncodingType>',
      '',
    );
    expect((await page(xml)).objects[0]?.key).toBe('a+b%2B & é');
  });

  it.each([
    ['fewer keys than it says', one(object, { count: 2 })],
    ['more to come, but not where', one(object, { truncated: 'true' })],
    ['nothing about whether more is to come', one(object).replace('<IsTruncated>false</IsTruncated>', '')],
    ['an object without a size', one(object.replace('<Size>3</Size>', ''))],
    ['a key that is no UTF-8', one(object.replace('<Key>a</Key>', '<Key>%ff</Key>'))],
  ])('refuses an answer that has %s', async (_, xml) => {
    await expect(page(xml)).rejects.toMatchObject({ name: 'UncheckedError', reason: 'aws-error' });
  });

  it('throws the errors of S3 as the SDK does', async () => {
    const body = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>';
    const client = fakeS3({}, { intercept: () => ({ status: 403, body }) });
    await expect(listPage(client, { Bucket: 'b' }, { signal })).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});
