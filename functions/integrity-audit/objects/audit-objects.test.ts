import type { HttpRequest } from '@smithy/types';
import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { type FakeObject, fakeS3 } from '../../../shared/objects/fake-s3.ts';
import {
  type AuditOptions,
  audio,
  audit,
  type FileRow,
  filesTable,
  fill,
  longAgo,
  minutesAgo,
} from './object-fixtures.ts';

let server: PostgresServer;
let client: Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

beforeEach(async () => {
  await client.query(`drop table if exists "audio files" cascade; ${filesTable}`);
});

type Given = AuditOptions & Parameters<typeof fakeS3>[1];

/** Audits these rows and objects. */
async function audited(rows: readonly FileRow[], objects: readonly FakeObject[], options: Given = {}) {
  await fill(client, rows);
  return audit(server.url, fakeS3({ 'nycmg-audio': objects }, options), options);
}

const file = (key: string | null, details: Partial<FileRow> = {}): FileRow => ({ key, ...details });
const recently = minutesAgo(1);
const allClear = { 'object-missing': 0, 'object-differs': 0, 'object-orphaned': 0 };
const denied = { status: 403, body: '<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>' };
const isHead = (request: HttpRequest, key?: string) =>
  request.method === 'HEAD' && (key === undefined || request.path.endsWith(key));

describe('rows and the objects that belong to them', () => {
  it('are as they should be when each has the other, as recorded', async () => {
    const { outcomes, counts, unchecked } = await audited(
      [file('a.flac'), file('b/c.flac'), file('größe 1+1.flac'), file('😀'), file('\ue000')],
      ['a.flac', 'b/c.flac', 'größe 1+1.flac', '😀', '\ue000'].map((key) => audio(key)),
    );
    expect(counts).toEqual(allClear);
    expect(outcomes.map(({ tested, unit }) => [tested, unit])).toEqual([
      [5, 'rows of audio files'],
      [5, 'rows of audio files'],
      [5, 'objects in s3://nycmg-audio/audio/'],
    ]);
    expect(unchecked).toEqual([]);
  });

  it('are told of apart: a row without its object, an object of another size, and one without a row', async () => {
    const { outcomes, unchecked } = await audited(
      [file('a'), file('b'), file('c', { size: 99 }), file('d')],
      [audio('a'), audio('c'), audio('d'), audio('e', { sizeBytes: 7 }), { ...audio('x'), key: 'elsewhere/x' }],
      { rule: { orphanSeverity: 'informational' } },
    );
    expect(outcomes).toMatchObject([
      {
        breaks: 'object-missing',
        severity: 'high',
        count: 1,
        tested: 4,
        isAtLeast: false,
        samples: [{ id: '2' }],
        unit: 'rows of audio files',
        what: 'have no object in s3://nycmg-audio/audio/',
      },
      {
        breaks: 'object-differs',
        severity: 'high',
        count: 1,
        tested: 3,
        samples: [{ id: '3' }],
        facts: { differentSizes: 1, sizesCompared: 3, rowsWithoutSize: 0 },
      },
      {
        breaks: 'object-orphaned',
        severity: 'informational',
        count: 1,
        tested: 4,
        unit: 'objects in s3://nycmg-audio/audio/',
        samples: [],
        facts: { orphanedBytes: 7, objectsInFlight: 0, folderObjects: 0 },
      },
    ]);
    expect(unchecked).toEqual([]);
  });

  it('are each judged where several rows have one key, whatever the pages', async () => {
    const rows = [
      ...['a', 'a', 'a'].map((key, index) => file(key, { size: 98 + index })),
      ...['b', 'b'].map((key) => file(key)),
      file('c'),
    ];
    for (const pageRows of [1, 2, 3, 100]) {
      const { outcomes } = await audited(rows, [audio('a'), audio('c')], { pace: { pageRows, stretchMs: -1 } });
      expect(outcomes).toMatchObject([
        { count: 2, tested: 6, samples: [{ id: '4' }, { id: '5' }] },
        { count: 2, tested: 4, samples: [{ id: '1' }, { id: '2' }] },
        { count: 0 },
      ]);
    }
  });

  it('belong together also where the rule is not about the row, or cannot tell whether it is', async () => {
    const rows = [
      file('a', { isReleased: false }),
      file('b', { isReleased: null }),
      file('c', { isReleased: false }),
      file('d'),
    ];
    const { counts, outcomes } = await audited(rows, [audio('a', { sizeBytes: 1 }), audio('b')], {
      rule: { where: 'is_released' },
    });
    expect(counts).toEqual({ 'object-missing': 1, 'object-orphaned': 0 });
    expect(outcomes[0]).toMatchObject({ tested: 1, samples: [{ id: '4' }] });
  });

  it('are counted where the row has no key', async () => {
    const rows = [file(null), file(null, { isReleased: false }), file('a')];
    const { outcomes } = await audited(rows, [audio('a')], { rule: { where: 'is_released' } });
    expect(outcomes[0]).toMatchObject({ count: 0, tested: 1, facts: { rowsWithoutKey: 1 } });
  });

  it('are compared under keys that no object can have, or no row', async () => {
    const rows = [file(''), file('x'.repeat(1_019)), file('x'.repeat(1_018))];
    const objects = [audio('x'.repeat(1_018), { isUnlisted: true }), audio('nul\0'), audio('a b/../+%2F')];
    const { outcomes, unchecked } = await audited(rows, objects);
    expect(outcomes).toMatchObject([{ count: 2, facts: { changedMeanwhile: 1 } }, { count: 2 }]);
    expect(unchecked).toEqual([]);
    const bare = await audited([file('')], [], { rule: { prefix: '' } });
    expect(bare.counts).toMatchObject({ 'object-missing': 1 });
  });

  it('may have sizes that are not recorded, or are none', async () => {
    const rows = [file('a', { size: null }), file('b', { size: 0 }), file('c', { size: -1 })];
    const objects = [audio('a'), audio('b', { sizeBytes: 0 }), audio('c')];
    const { outcomes } = await audited(rows, objects);
    expect(outcomes[1]).toMatchObject({ count: 1, tested: 2, facts: { rowsWithoutSize: 1 } });
    await client.query('alter table "audio files" alter size_bytes type text');
    await client.query(`update "audio files" set size_bytes = 'unknown' where id = 2`);
    const text = await audit(server.url, fakeS3({ 'nycmg-audio': objects }));
    expect(text.outcomes[1]).toMatchObject({ count: 2, tested: 2 });
  });

  it('say nothing of sizes, nor of objects without rows, where that is not wanted', async () => {
    const { counts, unchecked } = await audited([file('a', { size: 1 })], [audio('a'), audio('b')], {
      rule: { sizeColumn: undefined, orphanSeverity: 'ignore' },
    });
    expect(counts).toEqual({ 'object-missing': 0 });
    expect(unchecked).toEqual([]);
  });

  it('leave out what stands for a folder', async () => {
    const { outcomes } = await audited(
      [file('a/b')],
      [audio('', { sizeBytes: 0 }), audio('a/', { sizeBytes: 0 }), audio('a/b')],
    );
    expect(outcomes[2]).toMatchObject({ count: 0, facts: { folderObjects: 2 } });
  });
});

const someKeys = fc.string({
  unit: fc.constantFrom('a', 'B', '/', ' ', '+', '%', 'é', '\ud7ff', '\ue000', '\uffff', '😀'),
  minLength: 1,
  maxLength: 3,
});
const someRow = fc.record({
  key: fc.option(someKeys, { freq: 10 }),
  size: fc.option(fc.constantFrom(1, 2)),
  createdAt: fc.constantFrom(longAgo, recently, null),
  isReleased: fc.option(fc.boolean()),
});
const someObject = fc.record({
  key: someKeys,
  sizeBytes: fc.constantFrom(1, 2),
  modifiedAt: fc.constantFrom(longAgo, recently),
});

describe('comparing rows with objects', () => {
  it('gives what comparing sets gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(someRow, { minLength: 1, maxLength: 25 }).filter((rows) => rows.some(({ key }) => key !== null)),
        fc.uniqueArray(someObject, { selector: ({ key }) => key, maxLength: 25 }),
        fc.record({ pageRows: fc.integer({ min: 1, max: 5 }), pageSize: fc.integer({ min: 1, max: 5 }) }),
        fc.boolean(),
        async (rows, objects, { pageRows, pageSize }, isIndexed) => {
          const objectOf = (key: string | null) => objects.find((object) => object.key === key);
          const missed = rows.filter((row) => row.key !== null && row.isReleased && row.createdAt !== recently);
          const compared = missed.filter(({ key, size }) => size !== null && objectOf(key)?.modifiedAt === longAgo);
          const expected = {
            'object-missing': missed.filter(({ key }) => objectOf(key) === undefined).length,
            'object-differs': compared.filter(({ key, size }) => objectOf(key)?.sizeBytes !== size).length,
            'object-orphaned': objects.filter(
              ({ key, modifiedAt }) => modifiedAt === longAgo && !rows.some((row) => row.key === key),
            ).length,
          };
          const index = isIndexed ? 'create index by_key on "audio files" ("s3 key")' : '';
          await client.query(`drop index if exists by_key; ${index}`);
          const { counts, unchecked } = await audited(
            rows,
            objects.map(({ key, ...details }) => audio(key, details)),
            { rule: { where: 'is_released' }, pageSize, pace: { pageRows, stretchMs: -1 } },
          );
          expect(unchecked).toEqual([]);
          // Where nothing could be compared, nothing is said.
          expect({ 'object-differs': 0, ...counts }).toEqual(expected);
          expect('object-differs' in counts).toBe(compared.length > 0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('what is on its way', () => {
  it('is neither missed nor compared nor in excess, until the grace is over', async () => {
    const { outcomes } = await audited(
      [
        file('row', { createdAt: minutesAgo(59) }),
        file('late row', { createdAt: minutesAgo(60) }),
        file('written', { size: 1 }),
        file('written before', { size: 1 }),
      ],
      [
        audio('written', { modifiedAt: minutesAgo(59) }),
        audio('written before', { modifiedAt: minutesAgo(60) }),
        audio('object', { modifiedAt: minutesAgo(59) }),
        audio('late object', { modifiedAt: minutesAgo(60) }),
      ],
    );
    expect(outcomes).toMatchObject([
      { count: 1, samples: [{ id: '2' }], facts: { rowsInFlight: 2 } },
      { count: 1, samples: [{ id: '4' }] },
      { count: 1, facts: { objectsInFlight: 2 } },
    ]);
  });

  it('is told by S3 alone where no column has the time of the row', async () => {
    const rows = [file('a', { createdAt: recently })];
    const { counts } = await audited(rows, [audio('b', { modifiedAt: recently })], {
      rule: { createdColumn: undefined },
    });
    expect(counts).toMatchObject({ 'object-missing': 1, 'object-orphaned': 0 });
  });

  it('is nothing with a grace of nothing', async () => {
    const rows = [file('a', { createdAt: minutesAgo(0) })];
    const { counts } = await audited(rows, [audio('b', { modifiedAt: minutesAgo(0) })], { rule: { graceMinutes: 0 } });
    expect(counts).toMatchObject({ 'object-missing': 1, 'object-orphaned': 1 });
  });
});

describe('what changes between the first look and the second', () => {
  /**
   * Runs a statement when S3 is asked for the object of a row that misses it, which is before anything else is asked.
   */
  const onAsking = (key: string, statement: string) => async (request: HttpRequest) => {
    if (isHead(request, key)) await client.query(statement);
    return undefined;
  };

  it('is not missed: an object that was written, or a row that was deleted', async () => {
    const { outcomes } = await audited(
      [file('written'), file('deleted'), file('missing'), file('shared'), file('shared')],
      [audio('written', { isUnlisted: true })],
      { intercept: onAsking('shared', `delete from "audio files" where "s3 key" = 'deleted' or id = 5`) },
    );
    expect(outcomes[0]).toMatchObject({
      count: 2,
      samples: [{ id: '3' }, { id: '4' }],
      facts: { changedMeanwhile: 3 },
    });
  });

  it('is not in excess: an object whose row was written, or that was deleted or written anew', async () => {
    const { outcomes } = await audited(
      [file('missing')],
      [audio('a'), audio('deleted'), audio('written', { since: { modifiedAt: recently } }), audio('orphan')],
      {
        intercept: async (request) => {
          if (isHead(request, 'deleted')) return { status: 404, body: '' };
          return onAsking('missing', `insert into "audio files" ("s3 key") values ('a')`)(request);
        },
      },
    );
    expect(outcomes.at(-1)).toMatchObject({ count: 1, facts: { changedMeanwhile: 3, orphanedBytes: 100 } });
  });

  it('is not different: what was mended on either side, or deleted', async () => {
    const { outcomes } = await audited(
      ['a', 'deleted', 'row', 'written', 'wrong'].map((key) => file(key, { size: 1 })).concat(file('missing')),
      [
        audio('a', { since: { sizeBytes: 1 } }),
        audio('deleted'),
        audio('row'),
        audio('written', { since: { sizeBytes: 3, modifiedAt: recently } }),
        audio('wrong', { since: { sizeBytes: 2 } }),
      ],
      {
        intercept: async (request) => {
          if (isHead(request, 'deleted')) return { status: 404, body: '' };
          return onAsking('missing', `update "audio files" set size_bytes = 100 where "s3 key" = 'row'`)(request);
        },
      },
    );
    expect(outcomes[1]).toMatchObject({ count: 1, samples: [{ id: '5' }], facts: { changedMeanwhile: 4 } });
  });
});

describe('asking before accusing', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => file(`missing ${index}`));

  it('has an end: more are counted, and said not to be confirmed', async () => {
    let asked = 0;
    const { outcomes, unchecked } = await audited([...many(1_200), file('there')], [audio('there')], {
      intercept: (request) => {
        if (request.method === 'HEAD') asked += 1;
        return undefined;
      },
    });
    expect(outcomes[0]).toMatchObject({ count: 1_200, tested: 1_201, isAtLeast: false, facts: { unconfirmed: 200 } });
    expect(outcomes[0]?.samples).toHaveLength(10);
    expect(asked).toBe(1_000);
    expect(unchecked).toEqual([]);
  });

  it('accuses of nothing when no answer is given, and asks no more', async () => {
    let asked = 0;
    const { counts, unchecked } = await audited([...many(1_200), file('there', { size: 1 })], [audio('there')], {
      intercept: (request) => {
        if (request.method !== 'HEAD') return undefined;
        asked += 1;
        // As S3 does: an answer to HEAD has no body.
        return { status: 403, body: '' };
      },
    });
    expect(counts).toEqual({ 'object-orphaned': 0 });
    expect(unchecked).toMatchObject([
      { reason: 'access-denied', detail: expect.stringMatching(/^1201 rows or objects/) },
    ]);
    expect(asked).toBe(501);
  });

  it('accuses of what is confirmed, and of no more, when some answers are not given', async () => {
    const { outcomes, unchecked } = await audited(many(3), [audio('there')], {
      intercept: (request) => (isHead(request, '1') ? { status: 503, body: '' } : undefined),
    });
    expect(outcomes[0]).toMatchObject({
      count: 2,
      isAtLeast: true,
      facts: { unanswered: 1 },
      samples: [{ id: '1' }, { id: '3' }],
    });
    expect(unchecked).toMatchObject([{ reason: 'throttled' }]);
  });

  it('accuses of nothing when nothing of so much is confirmed', async () => {
    const objects = many(1_100).map(({ key }) => audio(key as string, { isUnlisted: true }));
    const { counts, unchecked } = await audited(many(1_100), objects);
    expect(counts).toEqual({ 'object-orphaned': 0 });
    expect(unchecked).toMatchObject([{ reason: 'unconfirmed' }]);
  });

  it('goes on while the rows are listed, by a statement that is not over', async () => {
    const { counts } = await audited(many(1_200), [audio('x')], {
      pace: { pageRows: 50, stretchMs: 60_000 },
    });
    expect(counts).toMatchObject({ 'object-missing': 1_200, 'object-orphaned': 1 });
  });

  it('compares keys by their bytes also where the column takes different ones for the same', async () => {
    await client.query(`
      create collation if not exists careless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      alter table "audio files" alter "s3 key" type text collate careless;
      create index on "audio files" ("s3 key")`);
    const { counts } = await audited([file('Song'), file('other')], [audio('song'), audio('other')]);
    expect(counts).toEqual({ 'object-missing': 1, 'object-differs': 0, 'object-orphaned': 1 });
  });
});

describe('what is shown of what is found', () => {
  const found = async (tables: object) => {
    const options = { settings: { tables: { 'audio files': tables } } };
    const { outcomes } = await audited(
      [file('row of Ana'), file('b', { size: 1 })],
      [audio('b'), audio('object of Ana')],
      options,
    );
    expect(JSON.stringify(outcomes)).not.toContain('ana@example.com');
    return outcomes.map(({ samples }) => samples);
  };

  it('is the key of the row, and of an object nothing', async () => {
    expect(await found({})).toEqual([[{ id: '1' }], [{ id: '2' }], []]);
  });

  it('is the key of the object where its column is safe, or the key of the table', async () => {
    const both = [{ 's3 key': 'object of Ana' }];
    expect(await found({ safeColumns: ['s3 key'] })).toEqual([
      [{ id: '1', 's3 key': 'row of Ana' }],
      [{ id: '2', 's3 key': 'b' }],
      both,
    ]);
    expect(await found({ key: ['s3 key'] })).toEqual([[{ 's3 key': 'row of Ana' }], [{ 's3 key': 'b' }], both]);
  });

  it('is masked where its column is personal, and of an object nothing', async () => {
    expect(await found({ key: ['s3 key'], personalColumns: ['s3 key'] })).toEqual([
      [{ 's3 key': '***' }],
      [{ 's3 key': '***' }],
      [],
    ]);
  });

  it('is no more than is wanted', async () => {
    const rows = ['a', 'b', 'c'].map((key) => file(key));
    const { outcomes } = await audited(rows, [audio('x')], { limits: { samples: 2 } });
    expect(outcomes[0]?.samples).toEqual([{ id: '1' }, { id: '2' }]);
    expect((await audited(rows, [audio('x')], { limits: { samples: 0 } })).outcomes[0]?.samples).toEqual([]);
  });
});

describe('what cannot be compared', () => {
  it('is a bucket that may not be listed, or is not there', async () => {
    const one = await audited([file('a')], [], { intercept: () => denied });
    expect(one).toMatchObject({ outcomes: [], unchecked: [{ reason: 'access-denied' }] });
    await fill(client, [file('a')]);
    expect(await audit(server.url, fakeS3({}))).toMatchObject({ outcomes: [], unchecked: [{ reason: 'aws-error' }] });
  });

  it.each([
    [
      'throttled',
      { status: 503, body: '<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>' },
    ],
    ['aws-error', { status: 200, body: '<?xml version="1.0"?>\n<ListBucketResult><IsTruncated>fa' }],
  ])('is the rest of a listing that breaks off (%s), and what was found before is', async (reason, answer) => {
    const objects = ['b', 'c', 'd', 'e'].map((key) => audio(key));
    const { outcomes, unchecked } = await audited([file('a'), file('b'), file('z')], objects, {
      pageSize: 2,
      intercept: ({ query }) => (query?.['continuation-token'] === undefined ? undefined : answer),
    });
    expect(unchecked).toMatchObject([{ reason }]);
    expect(outcomes).toMatchObject([
      { breaks: 'object-missing', count: 1, isAtLeast: true },
      { breaks: 'object-orphaned', count: 1, isAtLeast: true },
    ]);
  });

  it('is a listing that is out of order, and no key is named', async () => {
    const contents = ['b', 'Ana'].map(
      (key) =>
        `<Contents><Key>audio/${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>1</Size></Contents>`,
    );
    const body = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>
<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`;
    const { unchecked } = await audited([file('b')], [], { intercept: () => ({ status: 200, body }) });
    expect(unchecked).toMatchObject([{ reason: 'out-of-order', detail: expect.not.stringContaining('Ana') }]);
  });

  it('is what the run has no time for, and what was confirmed before is found', async () => {
    const abort = new AbortController();
    const rows = Array.from({ length: 600 }, (_, index) => file(`a${index}`));
    const { outcomes, unchecked } = await audited(
      rows,
      ['z1', 'z2', 'z3'].map((key) => audio(key)),
      {
        pageSize: 1,
        context: { signal: abort.signal },
        intercept: ({ query }) => {
          if (query?.['continuation-token'] === 'audio/z2') abort.abort();
          return undefined;
        },
      },
    );
    expect(unchecked).toMatchObject([{ reason: 'not-reached', detail: expect.stringContaining('600 rows') }]);
    // The last row's key might have had another row.
    expect(outcomes).toMatchObject([{ breaks: 'object-missing', count: 599, isAtLeast: true }]);
  });

  it('is a table without a key while there are objects: all of them would belong to nothing', async () => {
    for (const rows of [[], [file(null)]]) {
      const { outcomes, unchecked } = await audited(rows, [audio('a'), audio('b')]);
      expect(outcomes).toEqual([]);
      expect(unchecked).toMatchObject([{ reason: 'nothing-compared' }]);
    }
  });

  it('is not what is empty on both sides', async () => {
    const { counts, unchecked } = await audited([], []);
    expect(counts).toEqual({ 'object-missing': 0, 'object-orphaned': 0 });
    expect(unchecked).toEqual([]);
  });

  it('is not a bucket that was emptied', async () => {
    const { counts, unchecked } = await audited([file('a'), file('b')], []);
    expect(counts).toEqual({ 'object-missing': 2, 'object-orphaned': 0 });
    expect(unchecked).toEqual([]);
  });

  it('is a rule that does not fit the table', async () => {
    const reasonOf = async (rule: object) => (await audited([file('a')], [audio('a')], { rule })).unchecked[0]?.reason;
    expect(await reasonOf({ table: 'nowhere' })).toBe('missing-table');
    expect(await reasonOf({ keyColumn: 'key' })).toBe('missing-column');
    expect(await reasonOf({ createdColumn: 'is_released' })).toBe('bad-sql');
    expect(await reasonOf({ where: 'deleted_at is null' })).toBe('missing-column');
    expect(await reasonOf({ where: `1 = 1); drop table "audio files"; --` })).toBe('bad-sql');
    expect(await reasonOf({ where: `setval('"audio files_id_seq"', 1) > 0` })).toBe('write-refused');
    expect(await reasonOf({})).toBeUndefined();
  });

  it('is a table that the role may not read', async () => {
    await client.query(`
      drop role if exists auditor; create role auditor login password 'x';
      grant select ("s3 key", size_bytes) on "audio files" to auditor`);
    await fill(client, [file('a', { size: 1 })]);
    const url = server.url.replace(/\/\/[^@]*@/, '//auditor:x@');
    const s3 = fakeS3({ 'nycmg-audio': [audio('a')] });
    expect((await audit(url, s3)).unchecked).toMatchObject([{ reason: 'access-denied' }]);
    // What may not be shown is left out.
    const { outcomes } = await audit(url, s3, { rule: { createdColumn: undefined } });
    expect(outcomes[1]).toMatchObject({ count: 1, samples: [] });
    await client.query('drop owned by auditor; drop role auditor');
  });

  it('is a column that names the same object for rows that differ in everything', async () => {
    const rows = Array.from({ length: 150 }, (_, size) => file('flac', { size }));
    const { unchecked } = await audited(rows, [audio('flac')]);
    expect(unchecked).toMatchObject([{ reason: 'ambiguous-key', detail: expect.not.stringContaining('flac') }]);
  });
});

describe('rows that are read through something else', () => {
  it('are those of a view', async () => {
    await client.query('create view released as select * from "audio files" where is_released');
    await fill(client, [file('a'), file('b', { isReleased: false })]);
    const s3 = fakeS3({ 'nycmg-audio': [audio('a'), audio('b')] });
    const { counts } = await audit(server.url, s3, { rule: { table: 'released' } });
    expect(counts).toEqual({ ...allClear, 'object-orphaned': 1 });
  });
});
