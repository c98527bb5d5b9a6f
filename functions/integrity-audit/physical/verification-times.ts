import * as z from 'zod';
import { readJson, type StateStore, writeJson } from '../../../shared/storage/state-store.ts';

/** When each index and table was last tried, in milliseconds since 1970, by the ids of their resources. */
export type VerificationTimes = Readonly<Record<string, number>>;

const documentSchema = z.object({ version: z.literal(1), triedAtMs: z.record(z.string(), z.number()) });

/** Returns what is remembered; nothing when that cannot be understood, which costs no more than the order. */
export async function readTimes(store: StateStore, database: string): Promise<VerificationTimes> {
  try {
    const document = documentSchema.safeParse(await readJson(store, nameOf(database)));
    return document.success ? document.data.triedAtMs : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Replaces what is remembered. */
export async function writeTimes(store: StateStore, database: string, triedAtMs: VerificationTimes): Promise<void> {
  const document: z.output<typeof documentSchema> = { version: 1, triedAtMs };
  await writeJson(store, nameOf(database), document);
}

function nameOf(database: string): string {
  return `physical/${database}`;
}
