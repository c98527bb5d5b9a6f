import * as z from 'zod';

/** What stands in the comment of a partition that was detached. */
export interface DetachedMark {
  /** `schema.table` that it was a partition of. */
  readonly parent: string;
  /** Number of the partition itself in the catalog: a copy of it with the same comment is another one. */
  readonly oid: number;
  readonly policy: string;
  /** Hash of the plan. */
  readonly plan: string;
  /** When it was detached, ISO 8601 in UTC. */
  readonly at: string;
  /** Everything in it is before this, as text of the age's type. */
  readonly upTo: string;
  /** The comment that it had before. */
  readonly comment: string | null;
}

const beginning = 'Detached by Caretaker: ';

const markSchema = z.strictObject({
  parent: z.string(),
  oid: z.int(),
  policy: z.string(),
  plan: z.string(),
  at: z.iso.datetime(),
  upTo: z.string(),
  comment: z.string().nullable(),
});

/** Returns the comment that says so. */
export function markText(mark: DetachedMark): string {
  return `${beginning}${JSON.stringify(mark)}`;
}

/** Returns what a comment says; undefined for one that says something else. */
export function parseMark(comment: string | null): DetachedMark | undefined {
  if (comment === null || !comment.startsWith(beginning)) return undefined;
  try {
    return markSchema.safeParse(JSON.parse(comment.slice(beginning.length))).data;
  } catch {
    return undefined;
  }
}
