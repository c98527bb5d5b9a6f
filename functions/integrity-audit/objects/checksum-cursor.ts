import * as z from 'zod';
import { readJson, type StateStore, writeJson } from '../../../shared/storage/state-store.ts';
import type { RuleOfKind } from '../config.ts';

const cursorSchema = z.strictObject({ schemaVersion: z.literal(1), after: z.string() });

/**
 * Returns the last key whose checksum an earlier run has asked for; `undefined` for none, and for a document that is
 * damaged: all that is lost then is whose turn it is.
 *
 * @throws what the store throws.
 */
export async function readChecksumCursor(store: StateStore, rule: RuleOfKind<'objects'>): Promise<string | undefined> {
  try {
    return cursorSchema.safeParse(await readJson(store, documentOf(rule))).data?.after;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Keeps the last key whose checksum was asked for. @throws what the store throws. */
export async function writeChecksumCursor(
  store: StateStore,
  rule: RuleOfKind<'objects'>,
  after: string,
): Promise<void> {
  const cursor: z.input<typeof cursorSchema> = { schemaVersion: 1, after };
  await writeJson(store, documentOf(rule), cursor);
}

function documentOf({ database, id }: RuleOfKind<'objects'>): string {
  return `objects/${database}/${id}`;
}
