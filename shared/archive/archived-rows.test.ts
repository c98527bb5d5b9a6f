import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveFault } from './archive-fault.ts';
import {
  type ArchivePlace,
  archiveBucket,
  archivePrefix,
  type SampleArchive,
  startArchivePlace,
  writeSampleArchive,
} from './archive-fixtures.ts';
import { fileKey } from './archive-names.ts';
import { type ArchivedRow, archivedRows } from './archived-rows.ts';
import { sumDigests } from './digest.ts';

let place: ArchivePlace;
let archive: SampleArchive;

beforeEach(async () => {
  place = await startArchivePlace();
  archive = await writeSampleArchive(place.store);
});

afterEach(async () => {
  await place[Symbol.asyncDispose]();
});

async function rowsOf(
  table: number,
  segments: readonly number[],
  columns?: readonly string[],
  manifest = archive.manifest,
): Promise<ArchivedRow[]> {
  return Array.fromAsync(archivedRows(place.store, manifest, table, new Set(segments), columns));
}

describe('the rows of an archive', () => {
  it('are those of the segments asked for, with their keys and digests', async () => {
    const rows = await rowsOf(0, [0, 2]);
    expect(rows.map(({ segment, values }) => [segment, ...values])).toEqual(
      [...Array(10).keys()]
        .map((id) => [0, String(id)])
        .concat([...Array(10).keys()].map((id) => [2, String(id + 20)])),
    );
    for (const segment of [0, 2]) {
      const ofSegment = rows.filter((row) => row.segment === segment).map(({ digest }) => digest);
      expect(sumDigests(ofSegment)).toEqual(archive.manifest.segments[segment]?.digests[0]);
    }
  });

  it('of a child say which row they go with', async () => {
    const rows = await rowsOf(1, [0]);
    expect(rows.map(({ values }) => values[0])).toEqual(['0', '0', '1', '1', '2', '2', '3', '3', '4', '4', '5', '5']);
    expect(await rowsOf(1, [1, 2])).toEqual([]);
  });

  it('have the values asked for, NULL among them', async () => {
    const rows = await rowsOf(0, [0], ['note', 'id']);
    expect(rows.slice(0, 2).map(({ values }) => values)).toEqual([
      [null, '0'],
      ['a "b"\t1', '1'],
    ]);
  });

  it('are none where none are asked for, and nothing is fetched then', async () => {
    const count = place.server.requests.length;
    expect(await rowsOf(0, [])).toEqual([]);
    expect(place.server.requests).toHaveLength(count);
  });

  it('are not told of before their segment is proven', async () => {
    const { manifest } = archive;
    const forged = structuredClone(manifest);
    const digests = forged.segments[1]?.digests;
    if (digests?.[0] === undefined) throw new Error('no digests');
    digests[0].hash = 'f'.repeat(16);
    const seen: number[] = [];
    const read = async () => {
      for await (const { segment } of archivedRows(place.store, forged, 0, new Set([1]))) seen.push(segment);
    };
    await expect(read()).rejects.toThrow('segment 2 of 3');
    expect(seen).toEqual([]);
  });

  it('are not told of before their segment is proven either when it comes in several pieces', async () => {
    const rows = 20_000;
    const { manifest } = await writeSampleArchive(place.store, {
      policy: 'large',
      tables: [
        {
          name: 'large',
          columns: [{ name: 'id', type: 'bigint' }],
          text: Array.from({ length: rows }, (_, id) => `${id}${'0'.repeat(60)}\n`).join(''),
          rowsOfSegments: [rows],
        },
      ],
    });
    expect(manifest.tables[0]?.file.uncompressedBytes).toBeGreaterThan(1024 * 1024);
    expect(await rowsOf(0, [0], undefined, manifest)).toHaveLength(rows);
    const forged = structuredClone(manifest);
    const digest = forged.segments[0]?.digests[0];
    if (digest === undefined) throw new Error('no digests');
    digest.hash = 'f'.repeat(16);
    let seen = 0;
    const read = async () => {
      for await (const _ of archivedRows(place.store, forged, 0, new Set([0]))) seen += 1;
    };
    await expect(read()).rejects.toThrow('segment 1 of 1');
    expect(seen).toBe(0);
  });

  it('are none of a file that was changed', async () => {
    const key = archivePrefix + fileKey('listens', 1, archive.manifest.tables[0]?.file.name as string);
    place.server.bucket(archiveBucket).put(key, 'something else');
    await expect(rowsOf(0, [0])).rejects.toBeInstanceOf(ArchiveFault);
  });

  it('have no columns that the archive does not have', async () => {
    await expect(rowsOf(0, [0], ['nothing'])).rejects.toMatchObject({ rule: 'manifest-tampered' });
  });
});
