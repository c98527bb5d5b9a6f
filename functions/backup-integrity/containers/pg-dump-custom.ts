import type { ByteReader } from './byte-reader.ts';
import { walkDataBlocks } from './pg-dump-data.ts';
import { type DumpHeader, readHeader, readToc, type TableOfContents } from './pg-dump-toc.ts';
import { ContainerFault, type Contents, counted, quoted } from './verdict.ts';

/** Kinds of entries that every dump has, of an empty database too. */
const boilerplate: ReadonlySet<string> = new Set([
  'ENCODING',
  'STDSTRINGS',
  'SEARCHPATH',
  'DATABASE',
  'DATABASE PROPERTIES',
  'SCHEMA',
  'EXTENSION',
  'COMMENT',
  'ACL',
]);

/**
 * Walks an archive of `pg_dump --format=custom` to its end, versions 1.10 (PostgreSQL 8.0) to 1.16 (since 17), and returns what is
 * in it. Its table of contents is compared with the blocks of data behind it: each entry that promises data has its block, where
 * it says, and nothing else is there. Blocks are unpacked, which compares their checksums; those in LZ4 are only walked.
 *
 * The file that lists the contents of a dump in tar or directory format has the same form without data, and is read as well.
 *
 * The format is described by src/bin/pg_dump/pg_backup_archiver.c and pg_backup_custom.c of PostgreSQL alone.
 *
 * @throws ContainerFault when it is damaged or cut off, or a dump of nothing; UncheckedError for a version that is not known; and
 *   what `reader` throws.
 */
export async function walkPgDump(reader: ByteReader, { mayBeToc }: { readonly mayBeToc: boolean }): Promise<Contents> {
  const header = await readHeader(reader);
  if (header.format !== 'custom' && !mayBeToc) {
    throw new ContainerFault(`is only the table of contents of a dump in ${header.format} format`);
  }
  const toc = await readToc(reader, header);
  if ([...toc.kinds.keys()].every((kind) => boilerplate.has(kind))) {
    throw new ContainerFault(`is a dump of nothing: the database ${quoted(header.database)} had no tables in it`);
  }
  if (header.format !== 'custom') {
    if ((await reader.peek(1)).length > 0) throw new ContainerFault('goes on behind its table of contents');
    return { contents: `table of contents; ${origin(header, toc)}`, madeAt: header.madeAt };
  }
  const { rows, largeObjects } = await walkDataBlocks(reader, header, toc);
  const parts = [
    `${counted(toc.tablesWithData, 'table')} with data`,
    ...(rows === undefined ? [] : [counted(rows, 'row')]),
    ...(largeObjects === 0 ? [] : [counted(largeObjects, 'large object')]),
    counted(toc.schemas.size, 'schema'),
  ];
  const notUnpacked = header.compression === 'lz4' ? '; data in LZ4, not unpacked' : '';
  return { contents: `${parts.join(', ')}; ${origin(header, toc)}${notUnpacked}`, madeAt: header.madeAt };
}

function origin(header: DumpHeader, toc: TableOfContents): string {
  const made = header.madeAt === undefined ? '' : ` on ${header.madeAt.toISOString().slice(0, 19).replace('T', ' ')}`;
  return (
    `database ${quoted(header.database)} of PostgreSQL ${quoted(header.serverVersion)}, dumped${made} local time by pg_dump ` +
    `${quoted(header.dumpVersion)} in format ${header.version}, ${counted(toc.count, 'entry', 'entries')}`
  );
}
