import sql from 'sql-template-tag';
import type { LiveDatabase } from '../context.ts';
import { corruptionIn } from './corruption.ts';
import type { CorruptHeap } from './facts.ts';
import type { Verifiers } from './find-verifiers.ts';
import { relationBlocks } from './relation-blocks.ts';

/** What is wrong with a table, but for which it is. */
export type HeapCorruption = Omit<CorruptHeap, 'resource'>;

/** 512 MiB: seconds each, so that none meets a timeout, and a busy server gets its pauses. */
const blocksPerStatement = 65_536;
/** No more than this is counted in a table. */
const maxFaults = 100_000;

/**
 * Verifies a table, and tells what is wrong with it, counted by blocks, at most once; nothing of one that is well, or gone.
 *
 * @throws UncheckedError `too-large`; and every error that says nothing about the table, once what was found until then is told.
 */
export async function verifyHeap(
  database: LiveDatabase,
  oid: string,
  verify: NonNullable<Verifiers['heap']>,
  tell: (corruption: HeapCorruption) => void,
  blocksAtOnce = blocksPerStatement,
): Promise<void> {
  let faults = 0;
  let corruptBlocks = 0;
  let firstBlock: number | undefined;
  let message: string | undefined;
  let isAtLeast = false;
  try {
    for (let first = 0; !isAtLeast; first += blocksAtOnce) {
      // Each time: it is an error to ask for blocks that were cut off meanwhile.
      const blocks = (await relationBlocks(database, oid)) ?? 0;
      if (first >= blocks) break;
      const end = first + blocksAtOnce;
      // The last goes on to the end, wherever that is by now.
      const call = verify(oid, first, end < blocks ? end - 1 : undefined);
      const [row] = await database.live.query<HeapRow>(sql`
        select count(*)::int as faults, count(distinct blkno)::int as blocks, min(blkno)::float8 as first_block,
          (array_agg(msg))[1] as message
        from (select blkno, msg from ${call} limit ${maxFaults}) as fault`);
      if (row === undefined || row.faults === 0) continue;
      faults += row.faults;
      corruptBlocks += row.blocks;
      firstBlock ??= row.first_block ?? undefined;
      message ??= row.message ?? undefined;
      isAtLeast = faults >= maxFaults;
    }
  } catch (error) {
    isAtLeast = true;
    const corruption = corruptionIn(error);
    if (corruption === undefined) throw error;
    // A page that cannot be read ends the statement that comes upon it, and what that had found is lost.
    corruptBlocks += 1;
    message ??= corruption.message;
  } finally {
    if (message !== undefined) tell({ corruptBlocks, isAtLeast, firstBlock, message });
  }
}

interface HeapRow {
  readonly faults: number;
  readonly blocks: number;
  readonly first_block: number | null;
  readonly message: string | null;
}
