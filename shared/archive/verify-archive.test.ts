import { createHash, randomBytes } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveFault } from './archive-fault.ts';
import {
  type ArchivePlace,
  archiveBucket,
  archivePrefix,
  type SampleArchive,
  type SampleTable,
  startArchivePlace,
  writeSampleArchive,
} from './archive-fixtures.ts';
import { fileKey } from './archive-names.ts';
import { verifyArchive } from './verify-archive.ts';

let place: ArchivePlace;
let archive: SampleArchive;

beforeEach(async () => {
  place = await startArchivePlace();
  archive = await writeSampleArchive(place.store);
});

afterEach(async () => {
  await place[Symbol.asyncDispose]();
});

/** Key in the bucket of a table's file. */
function keyOf(table: number, { manifest } = archive): string {
  const name = manifest.tables[table]?.file.name as string;
  return archivePrefix + fileKey(manifest.policy, manifest.sequence, name);
}

function stored(key: string): Buffer {
  const object = place.server.bucket(archiveBucket).current(key);
  return Buffer.concat(object?.content.chunks ?? []);
}

/** Changes what is in the bucket behind everybody's back. */
function change(key: string, bytes: Uint8Array): void {
  place.server.bucket(archiveBucket).put(key, bytes);
}

async function faultOf(manifest = archive.manifest): Promise<ArchiveFault> {
  const outcome = await verifyArchive(place.store, manifest).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(ArchiveFault);
  return outcome as ArchiveFault;
}

describe('reading an archive back', () => {
  it('proves every row of every table, and says how far it is', async () => {
    const seen: number[] = [];
    await verifyArchive(place.store, archive.manifest, { progress: (rows) => seen.push(rows) });
    expect(seen.at(-1)).toBe(42);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it('proves files of several parts and frames', async () => {
    const line = (id: number) => `${id}\t${randomBytes(400).toString('base64')}\n`;
    const large: SampleTable = {
      name: 'large',
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'payload', type: 'text' },
      ],
      text: Array.from({ length: 24_000 }, (_, id) => line(id)).join(''),
      rowsOfSegments: [10_000, 0, 14_000],
    };
    const { manifest } = await writeSampleArchive(place.store, { sequence: 2, tables: [large] });
    expect(manifest.tables[0]?.file.bytes).toBeGreaterThan(8 * 1024 * 1024);
    await verifyArchive(place.store, manifest);
    const key = keyOf(0, { manifest, hash: '' });
    const bytes = stored(key);
    bytes[9 * 1024 * 1024] = (bytes[9 * 1024 * 1024] as number) ^ 1;
    change(key, bytes);
    await expect(faultOf(manifest)).resolves.toMatchObject({
      rule: 'archive-corrupt',
      message: expect.stringContaining('public.large, segment 3 of 3'),
    });
  });

  it('finds every single flipped bit', async () => {
    const key = keyOf(1);
    const original = stored(key);
    await fc.assert(
      fc.asyncProperty(fc.nat(original.length - 1), fc.nat(7), async (index, bit) => {
        const bytes = Buffer.from(original);
        bytes[index] = (bytes[index] as number) ^ (1 << bit);
        change(key, bytes);
        const { rule, subject, message } = await faultOf();
        expect(rule).toBe('archive-corrupt');
        expect(subject).toBe(`s3://${archiveBucket}/${key}`);
        expect(message).toContain('public.details');
      }),
      { numRuns: 120 },
    );
    change(key, original);
    await verifyArchive(place.store, archive.manifest);
  });

  it('finds a bit that flipped in the store itself, whatever checksum S3 keeps', async () => {
    const content = place.server.bucket(archiveBucket).current(keyOf(0))?.content;
    const [chunk] = content?.chunks ?? [];
    if (chunk === undefined) throw new Error('no bytes');
    chunk[20] = (chunk[20] as number) ^ 1;
    expect(Object.keys(content?.checksums ?? {})).not.toEqual([]);
    await expect(faultOf()).resolves.toMatchObject({ rule: 'archive-corrupt' });
  });

  it('finds a file that was cut off anywhere', async () => {
    const key = keyOf(0);
    const original = stored(key);
    for (let length = 0; length < original.length; length += 7) {
      change(key, original.subarray(0, length));
      await expect(faultOf()).resolves.toMatchObject({
        rule: 'archive-corrupt',
        subject: `s3://${archiveBucket}/${key}`,
      });
    }
  });

  it('finds bytes, and another frame, behind the end', async () => {
    const key = keyOf(0);
    const original = stored(key);
    const line = zstdCompressSync('31\t\\N\t2024-01-01 00:00:00+00\n');
    const empty = zstdCompressSync('');
    for (const more of [Buffer.from('x'), Buffer.alloc(100), line, empty]) {
      change(key, Buffer.concat([original, more]));
      const { message } = await faultOf();
      expect(message).toContain('public.listens');
    }
  });

  it('finds a file that was exchanged for the one of another archive', async () => {
    const text = 'x\t\\N\t2024-01-01 00:00:00+00\n'.repeat(30);
    const other = await writeSampleArchive(place.store, {
      sequence: 2,
      tables: [{ name: 'listens', columns: archive.manifest.tables[0]?.columns ?? [], text, rowsOfSegments: [30] }],
    });
    change(keyOf(0), stored(keyOf(0, other)));
    const { rule, message } = await faultOf();
    expect(rule).toBe('archive-corrupt');
    expect(message).toMatch(/^public\.listens, (segment 1 of 3, )?archive listens\/00000001\//);
  });

  it('finds rows in other segments than they were, where all that the file says of itself is right', async () => {
    const table = archive.manifest.tables[0] as SampleTable & (typeof archive.manifest.tables)[number];
    const lines = Array.from({ length: 30 }, (_, id) => `${id}\tnote\t2024-01-01 00:00:00+00\n`);
    const columns = table.columns;
    const written = await writeSampleArchive(place.store, {
      sequence: 2,
      tables: [{ name: 'listens', columns, text: lines.join(''), rowsOfSegments: [10, 10, 10] }],
    });
    const swapped = [lines[29], ...lines.slice(1, 29), lines[0]].join('');
    const other = await writeSampleArchive(place.store, {
      sequence: 3,
      tables: [{ name: 'listens', columns, text: swapped, rowsOfSegments: [10, 10, 10] }],
    });
    // All that the file says of itself is right, and so is the sum over all of its rows.
    const [first] = written.manifest.tables;
    const forged = {
      ...written.manifest,
      tables: [
        { ...(first as NonNullable<typeof first>), file: (other.manifest.tables[0] as NonNullable<typeof first>).file },
      ],
    };
    change(keyOf(0, written), stored(keyOf(0, other)));
    await expect(faultOf(forged)).resolves.toMatchObject({
      rule: 'archive-corrupt',
      message: expect.stringContaining('public.listens, segment 1 of 3'),
    });
  });

  it('finds one row too many and one too few where all that the file says of itself is right', async () => {
    const columns = archive.manifest.tables[0]?.columns ?? [];
    const line = '1\tnote\t2024-01-01 00:00:00+00\n';
    for (const [rows, said, message] of [
      [11, 10, 'There are more rows than were archived.'],
      [9, 10, 'There are 9 rows of the 10 that were archived, and then no more.'],
    ] as const) {
      const { manifest } = await writeSampleArchive(place.store, {
        sequence: rows,
        tables: [{ name: 'listens', columns, text: line.repeat(rows), rowsOfSegments: [rows] }],
      });
      const right = await writeSampleArchive(place.store, {
        sequence: rows + 10,
        tables: [{ name: 'listens', columns, text: line.repeat(said), rowsOfSegments: [said] }],
      });
      const [table] = right.manifest.tables;
      const [actual] = manifest.tables;
      if (table === undefined || actual === undefined) throw new Error('no tables');
      const forged = { ...right.manifest, sequence: rows, tables: [{ ...table, file: actual.file }] };
      const fault = await faultOf(forged);
      expect(fault.message).toContain(message);
      expect(fault.message).toContain('segment 1 of 1');
    }
  });

  it('finds a file that is not there', async () => {
    place.server.bucket(archiveBucket).delete(keyOf(1));
    await expect(faultOf()).resolves.toMatchObject({
      rule: 'archive-corrupt',
      message: 'public.details, archive listens/00000001/: The file is not there.',
    });
  });

  it('finds text that holds more than was written, without holding it', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024), { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    const sha256 = createHash('sha256').update(bomb).digest('hex');
    change(keyOf(0), bomb);
    const { manifest } = archive;
    const [table, ...rest] = manifest.tables;
    if (table === undefined) throw new Error('no tables');
    const forged = {
      ...manifest,
      tables: [{ ...table, file: { ...table.file, bytes: bomb.length, sha256 } }, ...rest],
    };
    await expect(faultOf(forged)).resolves.toMatchObject({
      message: expect.stringContaining('cannot be decompressed'),
    });
  });

  it('finds segments that do not add up to their table, before it reads a byte', async () => {
    const { manifest } = archive;
    const [segment, ...others] = manifest.segments;
    if (segment === undefined) throw new Error('no segments');
    const count = place.server.requests.length;
    const [root, child] = segment.digests;
    if (root === undefined || child === undefined) throw new Error('no digests');
    const edits = [
      { ...manifest, segments: others },
      { ...manifest, segments: [{ ...segment, digests: [root] }, ...others] },
      { ...manifest, segments: [{ ...segment, digests: [root, { ...child, rows: 11 }] }, ...others] },
      { ...manifest, segments: [{ ...segment, digests: [{ ...root, hash: 'f'.repeat(16) }, child] }, ...others] },
      { ...manifest, tables: manifest.tables.map((table) => ({ ...table, rows: table.rows + 1 })) },
      { ...manifest, tables: manifest.tables.map((table) => ({ ...table, parent: null })) },
      { ...manifest, tables: manifest.tables.map((table, index) => ({ ...table, parent: index })) },
      { ...manifest, tables: manifest.tables.map((table) => ({ ...table, referringColumns: ['nowhere'] })) },
      { ...manifest, tables: manifest.tables.map((table) => ({ ...table, referredColumns: ['nowhere'] })) },
      { ...manifest, tables: manifest.tables.map((table) => ({ ...table, referringColumns: [] })) },
      { ...manifest, tables: manifest.tables.map((table) => ({ ...table, referredColumns: ['id', 'at'] })) },
      { ...manifest, key: ['nowhere'] },
      { ...manifest, key: ['id', 'note'] },
      { ...manifest, ageColumn: 'nowhere' },
      { ...manifest, range: { ...manifest.range, after: ['2024-01-01'] } },
      { ...manifest, range: { ...manifest.range, upTo: ['2024-01-01 00:00:00+00', '9'] } },
      { ...manifest, segments: [{ ...segment, upTo: [] }, ...others] },
    ];
    for (const edited of edits) {
      await expect(faultOf(edited)).resolves.toMatchObject({
        rule: 'manifest-tampered',
        subject: `s3://${archiveBucket}/${archivePrefix}listens/00000001/manifest.json`,
      });
    }
    expect(place.server.requests).toHaveLength(count);
  });

  it('says of a file that it could not get nothing but that', async () => {
    const lift = place.server.fail({ operation: 'GetObject', fault: { code: 'AccessDenied', status: 403 } });
    await expect(verifyArchive(place.store, archive.manifest)).rejects.toMatchObject({ name: 'AccessDenied' });
    lift();
    place.server.fail({ operation: 'GetObject', fault: { breaksOffAfterBytes: 10 } });
    await expect(verifyArchive(place.store, archive.manifest)).rejects.not.toBeInstanceOf(ArchiveFault);
  });

  it('ends when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(verifyArchive(place.store, archive.manifest, { signal })).rejects.toThrow('enough');
  });
});
