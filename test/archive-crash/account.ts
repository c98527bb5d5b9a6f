import type { Client } from 'pg';
import type { ArchiveStore } from '../../shared/archive/archive-store.ts';
import { archivedRows } from '../../shared/archive/archived-rows.ts';
import { type ChainedArchive, readChain } from '../../shared/archive/chain.ts';
import { readExclusions, readManifest } from '../../shared/archive/read-manifest.ts';
import { verifyArchive } from '../../shared/archive/verify-archive.ts';
import type { Listens } from './listens.ts';

/** Where the rows are that there have to be. */
export interface Account {
  readonly rows: number;
  readonly inTable: number;
  readonly inArchives: number;
  readonly archives: number;
  readonly unfinished: number;
  readonly excluded: number;
  /** Neither in the table nor in an archive as they have to be. */
  readonly inNeither: number[];
  /** In two archives, or in the table and an archive. */
  readonly twice: number[];
  /** In an archive in a form that is not the last one. */
  readonly stale: number[];
  /** In an archive although a writer has deleted them. */
  readonly deletedYetArchived: number;
}

/** What is in an archive, by the rows' ids, without what is excluded. */
export interface ReadArchive {
  readonly rows: ReadonlyMap<number, string>;
  readonly excluded: number;
}

/** What is known of rows, and of completed archives by their manifests: those are not read again. */
export interface Books {
  readonly listens: Listens;
  readonly known: Map<string, ReadArchive>;
}

/** Verifies every archive, and counts. Nobody may write meanwhile. */
export async function account(
  { listens, known }: Books,
  client: Client,
  store: ArchiveStore,
  policy: string,
): Promise<Account> {
  const archived = new Map<number, string[]>();
  const { archives } = await readChain(store, policy);
  let excluded = 0;
  for (const archive of archives) {
    const read = known.get(archive.manifestHash) ?? (await readArchive(store, policy, archive));
    if (archive.state === 'completed') known.set(archive.manifestHash, read);
    excluded += read.excluded;
    for (const [id, text] of read.rows) archived.set(id, [...(archived.get(id) ?? []), text]);
  }
  const table = await readTable(client);
  const inNeither: number[] = [];
  const twice: number[] = [];
  const stale: number[] = [];
  let inTable = 0;
  let inArchives = 0;
  for (const [id, row] of listens.rows) {
    const text = textOf({ at: row.at, note: row.note, claps: [...row.claps] });
    const copies = archived.get(id) ?? [];
    const isThere = table.get(id) === text;
    const isArchived = copies.includes(text);
    if (isThere) inTable += 1;
    else if (isArchived) inArchives += 1;
    else inNeither.push(id);
    if (copies.length + (table.has(id) ? 1 : 0) > 1) twice.push(id);
    if (copies.some((copy) => copy !== text)) stale.push(id);
  }
  return {
    rows: listens.rows.size,
    inTable,
    inArchives,
    archives: archives.length,
    unfinished: archives.filter(({ state }) => state === 'unfinished').length,
    excluded,
    inNeither,
    twice,
    stale,
    deletedYetArchived: [...listens.deleted].filter((id) => archived.has(id)).length,
  };
}

async function readArchive(
  store: ArchiveStore,
  policy: string,
  { sequence, manifestHash, exclusions }: ChainedArchive,
): Promise<ReadArchive> {
  const { manifest } = await readManifest(store, policy, sequence, manifestHash);
  await verifyArchive(store, manifest);
  const excluded = new Set<string>();
  for (const number of exclusions) {
    const { keys } = await readExclusions(store, policy, sequence, number, manifestHash);
    for (const [key = ''] of keys) excluded.add(key);
  }
  const all = new Set(manifest.segments.keys());
  const claps = new Map<string, [number, string][]>();
  for await (const { values } of archivedRows(store, manifest, 1, all, ['id', 'listen_id', 'note'])) {
    const [id, listen, note] = values as [string, string, string];
    claps.set(listen, [...(claps.get(listen) ?? []), [Number(id), note]]);
  }
  const rows = new Map<number, string>();
  for await (const { values } of archivedRows(store, manifest, 0, all, ['id', 'listened_at', 'note'])) {
    const [id, time, note] = values as [string, string, string];
    if (excluded.has(id)) continue;
    const at = Date.parse(time.replace(' ', 'T').replace(/\+00$/, 'Z')) / 1000;
    rows.set(Number(id), textOf({ at, note, claps: claps.get(id) ?? [] }));
  }
  return { rows, excluded: excluded.size };
}

async function readTable(client: Client): Promise<Map<number, string>> {
  const { rows } = await client.query<{ id: string; at: number; note: string; claps: [number, string][] | null }>(
    `select id, extract(epoch from listened_at)::float8 as at, note,
      (select json_agg(json_build_array(c.id, c.note)) from claps c where c.listen_id = l.id) as claps from listens l`,
  );
  return new Map(rows.map(({ id, at, note, claps }) => [Number(id), textOf({ at, note, claps: claps ?? [] })]));
}

function textOf({ at, note, claps }: { at: number; note: string; claps: [number, string][] }): string {
  return JSON.stringify([at, note, [...claps].sort(([a], [b]) => a - b)]);
}
