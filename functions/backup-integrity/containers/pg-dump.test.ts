import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { customDump, type DumpSample, plainDump } from '../../../sandbox/estate/pg-dump-sample.ts';
import { inspectContainer } from './inspect-container.ts';

const never = new AbortController().signal;

const sample: DumpSample = {
  database: 'nycmg_rights',
  madeAt: new Date('2026-11-22T03:04:05Z'),
  tables: [
    {
      schema: 'rights',
      name: 'artists',
      columns: ['id integer', 'name text'],
      rows: Array.from({ length: 400 }, (_, id) => `${id}\tArtist ${(id * 7919) % 1009}`),
    },
    { schema: 'listens', name: 'by_day', columns: ['day date', 'n bigint'], rows: ['2026-11-21\t40312'] },
    { schema: 'listens', name: 'by_hour', columns: ['hour timestamp', 'n bigint'], rows: [] },
  ],
  largeObjects: [Buffer.from('cover'), Buffer.alloc(9000, 'x'), Buffer.alloc(0)],
};

async function* streamed(bytes: Buffer, chunkBytes: number) {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

function inspect(bytes: Buffer | string, chunkBytes = 64 * 1024, expected: 'any' | 'pg-dump-custom' = 'any') {
  return inspectContainer(streamed(Buffer.from(bytes), chunkBytes), { expected, signal: never });
}

describe('an archive of pg_dump', () => {
  it.each([10, 11, 12, 13, 14, 15, 16])('is read in version 1.%i of its format', async (minor) => {
    for (const compression of ['gzip', 'none'] as const) {
      expect(await inspect(customDump({ ...sample, minor, compression }))).toEqual({
        container: 'pg_dump custom',
        contents:
          '3 tables with data, 401 rows, 3 large objects, 2 schemas; database nycmg_rights of PostgreSQL 18.4, dumped on ' +
          `2026-11-22 03:04:05 local time by pg_dump 18.4 in format 1.${minor}, 13 entries`,
        fault: undefined,
        madeAt: sample.madeAt,
      });
    }
  });

  it.each([1, 7, 64 * 1024])('is read in chunks of %i bytes', async (chunkBytes) => {
    for (const compression of ['gzip', 'none', 'zstd'] as const) {
      const dump = customDump({ ...sample, minor: 16, compression, pieceBytes: 100 });
      expect(await inspect(dump, chunkBytes)).toMatchObject({
        fault: undefined,
        contents: expect.stringContaining('401 rows'),
      });
    }
  });

  it('is whole without the places of its data, as from a pipe, and with its contents once more at its end', async () => {
    expect(await inspect(customDump({ ...sample, isPiped: true }))).toMatchObject({ fault: undefined });
    const twice = customDump({ ...sample, hasSecondToc: true });
    expect(await inspect(twice)).toMatchObject({ fault: undefined });
    expect(await inspect(twice.subarray(0, -50))).toMatchObject({ fault: expect.stringContaining('is damaged') });
    const odd = Buffer.concat([twice, Buffer.from('x')]);
    expect(await inspect(odd)).toMatchObject({ fault: expect.stringContaining('is damaged') });
  });

  it('is walked, and not unpacked, in LZ4', async () => {
    const dump = customDump({ ...sample, minor: 16, compression: 'lz4' });
    expect(await inspect(dump)).toMatchObject({
      fault: undefined,
      contents: expect.stringMatching(/^3 tables with data, 3 large .*not unpacked$/),
    });
    expect(await inspect(dump.subarray(0, -20))).toMatchObject({ fault: expect.stringContaining('is cut off') });
  });

  it.each(['gzip', 'none', 'zstd'] as const)('is at fault wherever it is cut off, in %s', async (compression) => {
    for (const isPiped of [false, true]) {
      const whole = customDump({ ...sample, minor: 15, compression, isPiped });
      for (let length = 5; length < whole.length; length += length < 1000 ? 1 : 97) {
        const { fault } = await inspect(whole.subarray(0, length));
        expect(fault, `cut to ${length} of ${whole.length} bytes`).toContain('is cut off');
      }
      expect(await inspect(whole.subarray(0, -1))).toMatchObject({ fault: expect.stringContaining('is cut off') });
    }
  });

  it('is at fault when the data of an entry is missing, though the file ends with a block', async () => {
    const whole = customDump({ ...sample, isPiped: true, largeObjects: [] });
    const last = whole.lastIndexOf(Buffer.from([1, 0, 404 & 0xff, 404 >> 8, 0, 0]));
    expect(await inspect(whole.subarray(0, last))).toMatchObject({
      fault: 'is cut off: the data of listens.by_hour is not there',
    });
  });

  it('is at fault when a block stands twice, is of no entry, or in another place', async () => {
    const whole = customDump({ ...sample, isPiped: true, largeObjects: [] });
    const last = whole.lastIndexOf(Buffer.from([1, 0, 404 & 0xff, 404 >> 8, 0, 0]));
    const block = whole.subarray(last);
    expect(await inspect(Buffer.concat([whole, block]))).toMatchObject({
      fault: 'does not agree with its table of contents: there is a block of listens.by_hour for the second time',
    });
    const foreign = Buffer.from(block);
    foreign[2] = 1;
    expect(await inspect(Buffer.concat([whole, foreign]))).toMatchObject({
      fault: 'does not agree with its table of contents: there is a block that no entry of it asks for',
    });
    const placed = customDump({ ...sample, largeObjects: [] });
    const at = placed.lastIndexOf(block);
    const moved = Buffer.concat([placed.subarray(0, at), block, placed.subarray(at)]);
    expect(await inspect(moved)).toMatchObject({ fault: expect.stringContaining('for the second time') });
    const swapped = Buffer.from(placed);
    const offset = swapped.indexOf(Buffer.from([2, at & 0xff, at >> 8, 0, 0, 0, 0, 0, 0]));
    swapped[offset + 1] = (swapped[offset + 1] ?? 0) ^ 1;
    expect(await inspect(swapped)).toMatchObject({
      fault: expect.stringMatching(/the data of listens\.by_hour is at byte/),
    });
  });

  it('is at fault when what must be a block is none', async () => {
    const whole = customDump({ ...sample, isPiped: true });
    expect(await inspect(Buffer.concat([whole, Buffer.from('more')]))).toMatchObject({
      fault: expect.stringMatching(/^is damaged: at byte [\d,]+ there must be a block of data$/),
    });
  });

  it('is at fault when a bit of its packed data is another', async () => {
    const whole = customDump({ ...sample, largeObjects: [] });
    const flipped = Buffer.from(whole);
    const inFirst = whole.indexOf(Buffer.from([1, 0, 400 & 0xff, 400 >> 8, 0, 0])) + 200;
    flipped[inFirst] = (flipped[inFirst] ?? 0) ^ 1;
    expect(await inspect(flipped)).toMatchObject({ fault: expect.stringContaining('the data of rights.artists') });
  });

  it('is at fault when nothing is in it', async () => {
    expect(await inspect(customDump({ ...sample, tables: [], largeObjects: [] }))).toMatchObject({
      fault: 'is a dump of nothing: the database nycmg_rights had no tables in it',
    });
  });

  it('is not read in a version that is not known', async () => {
    const dump = customDump(sample);
    for (const minor of [9, 17]) {
      dump[6] = minor;
      await expect(inspect(dump)).rejects.toMatchObject({ reason: 'cannot-look-inside' });
    }
  });

  it('is at fault when its header makes no sense', async () => {
    for (const [at, value] of [
      [8, 40],
      [9, 0],
      [10, 9],
    ] as const) {
      const dump = customDump(sample);
      dump[at] = value;
      expect(await inspect(dump)).toMatchObject({ fault: 'is damaged: its header makes no sense' });
    }
  });

  it('that lists the contents of a directory is read for itself, and is no archive', async () => {
    const dump = customDump({ ...sample, tables: sample.tables.map((table) => ({ ...table })), largeObjects: [] });
    dump[10] = 5;
    // Where the archive has a place, a directory has a file name; that of the archive does not read as one.
    expect(await inspect(dump)).toMatchObject({ fault: expect.any(String) });
    expect(await inspect(dump, undefined, 'pg-dump-custom')).toMatchObject({
      fault: 'is only the table of contents of a dump in directory format',
    });
  });

  it('tells hostile names on one line and no longer than names are', async () => {
    const database = `x\u001b[31m\n${'y'.repeat(500)}`;
    const { contents = '' } = await inspect(customDump({ ...sample, database }));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there.
    expect(contents).not.toMatch(/[\u0000-\u001f]/);
    expect(contents.length).toBeLessThan(400);
  });
});

const plain = plainDump(sample);

describe('a plain dump', () => {
  it('tells how much is in it', async () => {
    expect(await inspect(plain)).toEqual({
      container: 'pg_dump plain',
      contents: '3 tables with data, 401 rows, 2 schemas; PostgreSQL 18.4, dumped by pg_dump 18.4',
      fault: undefined,
      madeAt: undefined,
    });
  });

  it.each([1, 2, 3, 1000])('is read in chunks of %i bytes, and with the line ends of Windows', async (chunkBytes) => {
    const contents = expect.stringContaining('401 rows');
    expect(await inspect(plain, chunkBytes)).toMatchObject({ contents, fault: undefined });
    const windows = plain.replaceAll('\n', '\r\n');
    expect(await inspect(windows, chunkBytes)).toMatchObject({ contents, fault: undefined });
  });

  it('is at fault wherever it is cut off', async () => {
    const end = plain.indexOf('-- PostgreSQL database dump complete') + '-- PostgreSQL database dump complete'.length;
    for (let length = 31; length < end; length += 53) {
      expect(await inspect(plain.slice(0, length)), `cut to ${length}`).toMatchObject({
        fault: expect.stringContaining('is cut off'),
      });
    }
    expect(await inspect(plain.slice(0, end - 1))).toMatchObject({
      fault: 'is cut off: the line that ends a dump is not there',
    });
    expect(await inspect(plain.slice(0, end))).toMatchObject({ fault: undefined });
  });

  it('is at fault when the rows of a table do not end', async () => {
    const unended = plain.replaceAll('\\.\n', '');
    expect(await inspect(unended)).toMatchObject({ fault: 'is cut off, in the rows of rights.artists' });
  });

  it('is at fault when anything but remarks and blanks is behind its end', async () => {
    expect(await inspect(`${plain}\n-- made by cron\n\n`)).toMatchObject({ fault: undefined });
    expect(await inspect(`${plain}pg_dump: error: aborted\n`)).toMatchObject({
      fault: 'has something else behind the end of the dump: pg_dump: error: aborted',
    });
  });

  it('may be followed by another, which must be whole too', async () => {
    expect(await inspect(`${plain}\\connect other\n${plain}`)).toMatchObject({
      contents: expect.stringContaining('6 tables'),
      fault: undefined,
    });
    expect(await inspect(`${plain}${plain.slice(0, 900)}`)).toMatchObject({
      fault: expect.stringContaining('is cut off'),
    });
  });

  it('of a whole cluster must have the mark of its own end', async () => {
    const begin = '--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE nycmg;\n\n';
    const end = '--\n-- PostgreSQL database cluster dump complete\n--\n';
    expect(await inspect(`${begin}${plain}${end}`)).toMatchObject({ fault: undefined });
    expect(await inspect(`${begin}${end}`)).toMatchObject({ fault: undefined });
    expect(await inspect(`${begin}${plain}`)).toMatchObject({
      fault: 'is cut off: the line that ends a dump is not there',
    });
  });

  it('does not take a function that contains the word COPY for rows', async () => {
    const body = `--\n-- Name: f(); Type: FUNCTION; Schema: rights; Owner: nycmg\n--\n\nCREATE FUNCTION f() AS $$\nCOPY t (a) FROM stdin;\n$$;\n\n`;
    const withFunction = plain.replace('--\n-- Data for Name: artists', `${body}--\n-- Data for Name: artists`);
    expect(withFunction).not.toBe(plain);
    expect(await inspect(withFunction)).toMatchObject({
      contents: expect.stringContaining('401 rows'),
      fault: undefined,
    });
  });

  it('counts the rows of a table whose name has a line break in it', async () => {
    const odd = plain.replace('COPY rights.artists (', 'COPY rights."art\nists" (');
    expect(await inspect(odd)).toMatchObject({ contents: expect.stringContaining('401 rows'), fault: undefined });
  });

  it('counts rows that are inserted', async () => {
    const remark = '--\n-- Data for Name: artists; Type: TABLE DATA; Schema: rights; Owner: nycmg\n--\n\n';
    const rows = "INSERT INTO rights.artists VALUES (1, 'a');\n".repeat(5);
    const dump = `--\n-- PostgreSQL database dump\n--\n\n${remark}${rows}\n--\n-- PostgreSQL database dump complete\n--\n`;
    expect(await inspect(dump)).toMatchObject({ contents: '1 table with data, 5 rows, 1 schema' });
  });

  it('takes the mark of the end for a row where it is one', async () => {
    const sly = plain.replace('0\tArtist 0\n', '-- PostgreSQL database dump complete\n');
    expect(await inspect(sly)).toMatchObject({ contents: expect.stringContaining('401 rows'), fault: undefined });
    const cut = sly.slice(0, sly.indexOf('dump complete') + 'dump complete\n'.length);
    expect(await inspect(cut)).toMatchObject({ fault: 'is cut off, in the rows of rights.artists' });
  });

  it.each(['', ' complete'])('takes the marks for text where they are not framed: dump%s', async (complete) => {
    const remark = '--\n-- Data for Name: logs; Type: TABLE DATA; Schema: rights; Owner: nycmg\n--\n\n';
    const row = `INSERT INTO rights.logs VALUES (1, 'said:\n-- PostgreSQL database dump${complete}\n');\n`;
    const dump = plain.replace('--\n-- Data for Name: artists', `${remark}${row}\n--\n-- Data for Name: artists`);
    expect(dump).not.toBe(plain);
    expect(await inspect(dump)).toMatchObject({ contents: expect.stringContaining('402 rows'), fault: undefined });
    const cut = dump.slice(0, dump.indexOf(row) + row.length);
    expect(await inspect(cut)).toMatchObject({ fault: expect.stringContaining('is cut off') });
  });

  it('is at fault when nothing is in it', async () => {
    expect(await inspect(plainDump({ ...sample, tables: [] }))).toMatchObject({
      fault: 'is a dump of nothing: the database was empty',
    });
  });

  it('is looked into when it is packed', async () => {
    expect(await inspect(gzipSync(plain))).toMatchObject({ container: 'gzip > pg_dump plain', fault: undefined });
  });

  it('may have rows of any length', async () => {
    const wide = plain.replace('0\tArtist 0\n', `0\t${'x'.repeat(300_000)}\n`);
    expect(await inspect(wide, 4096)).toMatchObject({
      contents: expect.stringContaining('401 rows'),
      fault: undefined,
    });
  });
});
