import { type ErrorCode, Refusal } from '../refusal.ts';

/**
 * Returns the resources with this id, all of them without one.
 *
 * @throws Refusal with `notFound` for an id that none has, as RDS does.
 */
export function select<T>(
  resources: readonly T[],
  id: string | undefined,
  idsOf: (resource: T) => readonly (string | undefined)[],
  notFound: ErrorCode,
): readonly T[] {
  if (id === undefined) return resources;
  const selected = resources.filter((resource) => idsOf(resource).includes(id));
  if (selected.length === 0) throw new Refusal(notFound, `${id} not found.`);
  return selected;
}
