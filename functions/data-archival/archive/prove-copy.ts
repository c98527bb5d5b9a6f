import { fileKey, parquetFileName } from '../../../shared/archive/archive-names.ts';
import type { ArchiveStore } from '../../../shared/archive/archive-store.ts';
import { sumDigests } from '../../../shared/archive/digest.ts';
import type { Manifest } from '../../../shared/archive/manifest.ts';
import { writeParquetFile } from '../../../shared/archive/parquet.ts';
import { readCopyFile } from '../../../shared/archive/read-file.ts';
import { rowHashName } from '../../../shared/archive/row-hash.ts';
import { verifyArchive } from '../../../shared/archive/verify-archive.ts';
import type { RowTarget } from '../../../shared/retention/row-target.ts';
import type { ArchivalPolicy } from '../config.ts';
import type { CopiedRows } from './copy-archive.ts';

/** What a manifest says beside what was copied. */
export interface Provenance extends Pick<Manifest, 'estate' | 'actor' | 'runId' | 'planHash' | 'codeVersion'> {
  readonly policy: ArchivalPolicy;
  readonly target: RowTarget;
}

/** A manifest that is complete but for its place in the chain. */
export type ManifestDraft = Omit<Manifest, 'previousManifest' | 'createdAt'>;

/**
 * Reads back what was copied, row by row, and returns what the manifest is to say of it.
 *
 * @throws ArchiveFault when it is not what the database had; the SDK's errors; the signal's reason.
 */
export async function proveCopy(
  copied: CopiedRows,
  provenance: Provenance,
  store: ArchiveStore,
  signal: AbortSignal,
): Promise<ManifestDraft> {
  const draft = draftOf(copied, provenance);
  await verifyArchive(store, { ...draft, previousManifest: null, createdAt: new Date(0).toISOString() }, { signal });
  if (!provenance.policy.parquet) return draft;
  const parquet: Manifest['parquet'] = [];
  for (const { schema, name, columns, file } of draft.tables) {
    const parquetName = parquetFileName(copied.attempt, { schema, name });
    const text = readCopyFile(store, fileKey(draft.policy, draft.sequence, file.name), file);
    const key = fileKey(draft.policy, draft.sequence, parquetName);
    const written = await writeParquetFile(text, { columns, encoding: draft.encoding }, store, key);
    parquet.push({ name: parquetName, ...written });
  }
  return { ...draft, parquet };
}

function draftOf(copied: CopiedRows, { policy, target, ...provenance }: Provenance): ManifestDraft {
  const tables = [{ ...target.root, parent: undefined, referringColumns: [], referredColumns: [] }, ...target.children];
  return {
    formatVersion: 1,
    ...provenance,
    task: target.task,
    policy: policy.id,
    sequence: copied.sequence,
    policyDefinition: policy,
    database: target.database,
    serverVersion: copied.serverVersion,
    encoding: copied.encoding,
    compression: 'zstd',
    rowHash: rowHashName,
    cutoff: target.cutoff,
    ageColumn: target.age.name,
    key: target.key.map(({ name }) => name),
    range: { after: copied.range.after === undefined ? null : [...copied.range.after], upTo: [...copied.range.upTo] },
    tables: tables.map((table, at) => ({
      schema: table.schema,
      name: table.name,
      // The root is the first of the manifest's tables, and no child.
      parent: at === 0 ? null : (table.parent ?? -1) + 1,
      referringColumns: [...table.referringColumns],
      referredColumns: [...table.referredColumns],
      columns: table.columns.map(({ name, type, isNotNull, isGenerated, isIdentity }) => {
        return { name, type, isNotNull, isGenerated, isIdentity };
      }),
      primaryKey: [...table.primaryKey],
      ...sumDigests(copied.segments.map(({ digests }) => digests[at] ?? { rows: 0, hash: '0' })),
      ...copiedTable(copied, at),
    })),
    segments: copied.segments.map(({ upTo, digests }) => ({ upTo: [...upTo], digests: [...digests] })),
    parquet: [],
  };
}

function copiedTable({ tables }: CopiedRows, at: number): Pick<Manifest['tables'][number], 'ddl' | 'file'> {
  const table = tables[at];
  if (table === undefined) throw new RangeError(`table ${at} was not copied`);
  return { ddl: [...table.ddl], file: { name: table.fileName, ...table.file } };
}
