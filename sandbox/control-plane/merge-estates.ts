import type { EstateDocument } from './estate-document.ts';

type Members = Readonly<Record<string, unknown>>;

/**
 * Returns one estate that holds what all of these hold: by account, region and service, lists one behind the other.
 *
 * @throws Error naming the place when two of them say different things about the same: two home accounts, one bucket twice.
 */
export function mergeEstates(first: EstateDocument, ...others: readonly EstateDocument[]): EstateDocument {
  return others.reduce<EstateDocument>(
    // Members are merged with members of the same name only, so that what comes out is a document again.
    (merged, document) => mergeMembers(merged, document, []) as EstateDocument,
    first,
  );
}

function mergeMembers(first: object, second: object, path: readonly string[]): object {
  const merged: Record<string, unknown> = { ...first };
  for (const [name, value] of Object.entries(second)) {
    merged[name] = mergeValues(merged[name], value, [...path, name]);
  }
  return merged;
}

function mergeValues(first: unknown, second: unknown, path: readonly string[]): unknown {
  if (first === undefined || first === second) return second;
  if (second === undefined) return first;
  if (Array.isArray(first) && Array.isArray(second)) return [...first, ...second];
  if (isMembers(first) && isMembers(second) && path.at(-2) !== 'buckets') return mergeMembers(first, second, path);
  throw new Error(`Two estates differ in ${path.join('.')}.`);
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
