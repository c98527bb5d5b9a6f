import type { Json } from '../ledger/canonical-json.ts';
import { sha256Of } from '../ledger/sha256.ts';

/** How and when something is done, and not what becomes of which rows or objects: a change of it is no other policy. */
const incidental = new Set([
  'mode',
  'pace',
  'maximumBacklogHours',
  'parquet',
  'rowsPerArchive',
  'bytesPerArchive',
] as const satisfies string[]);

/**
 * Returns the name of what a policy does: 64 hexadecimal digits, the SHA-256 of the policy as configured, without what only says how
 * fast and in which portions, and of the shapes of its tables.
 *
 * @param policy as parsed, with what it takes from its task: an archive's destination.
 * @param shapes `shapeHash` of the root and of each child; none for objects.
 */
export function definitionHash(policy: object, shapes: readonly string[] = []): string {
  const definition = Object.fromEntries(
    Object.entries(policy).filter(([name]) => !(incidental as ReadonlySet<string>).has(name)),
  );
  return sha256Of({ policy: definition as Record<string, Json>, shapes });
}
