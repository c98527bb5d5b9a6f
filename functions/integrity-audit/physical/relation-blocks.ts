import sql from 'sql-template-tag';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { LiveDatabase } from '../context.ts';

const gigabyte = 1e9;

/** Returns how many blocks a relation has; undefined for one that is not there any more. @throws UncheckedError `too-large`. */
export async function relationBlocks({ live, settings }: LiveDatabase, oid: string): Promise<number | undefined> {
  const [row] = await live.query<{ bytes: number | null; blocks: number | null }>(sql`
    select pg_relation_size(${oid}::oid)::float8 as bytes,
      (pg_relation_size(${oid}::oid) / current_setting('block_size')::int)::float8 as blocks`);
  const { bytes = null, blocks = null } = row ?? {};
  const { maximumGigabytes } = settings.physical;
  if (bytes !== null && bytes > maximumGigabytes * gigabyte) {
    const size = (bytes / gigabyte).toPrecision(3);
    throw new UncheckedError('too-large', `It has ${size} GB, more than the ${maximumGigabytes} GB that are verified.`);
  }
  return blocks ?? undefined;
}
