import type { Sql } from 'sql-template-tag';
import type { LiveDatabase } from '../context.ts';
import { type Corruption, corruptionIn } from './corruption.ts';
import { relationBlocks } from './relation-blocks.ts';

/**
 * Returns what is wrong with an index, as far as its verifier tells: it ends at the first fault. Undefined for one that is well, or gone.
 *
 * @throws UncheckedError `too-large`; and every error that says nothing about the index.
 */
export async function verifyIndex(database: LiveDatabase, oid: string, check: Sql): Promise<Corruption | undefined> {
  const blocks = await relationBlocks(database, oid);
  if (blocks === undefined) return undefined;
  try {
    await database.live.query(check);
    return undefined;
  } catch (error) {
    const corruption = corruptionIn(error);
    if (corruption === undefined) throw error;
    return corruption;
  }
}
