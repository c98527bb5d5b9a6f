import sql from 'sql-template-tag';
import type { Reader } from '../../../shared/postgres/reader.ts';

/**
 * Returns those of the written conditions that may do more than look: each names, wherever it may be, a function that is `VOLATILE`.
 * What `set_config` changes, for instance, would change what other rules of the same statement see.
 * https://www.postgresql.org/docs/current/xfunc-volatility.html
 */
export async function volatileConditions(reader: Reader, conditions: readonly string[]): Promise<Set<string>> {
  const wordsOf = new Map(conditions.map((condition) => [condition, words(condition)]));
  const all = [...new Set([...wordsOf.values()].flat())];
  if (all.length === 0) return new Set();
  const rows = await reader.query<{ name: string }>(sql`
    select distinct proname::text as name from pg_catalog.pg_proc
    where provolatile = 'v' and proname = any(${all}::text[]::name[])`);
  const names = new Set(rows.map(({ name }) => name));
  return new Set(
    conditions.filter((condition) => spellsOut(condition) || wordsOf.get(condition)?.some((word) => names.has(word))),
  );
}

/** Every word, in quotes or not, also where it is a column or part of a text: too many do no harm. */
function words(condition: string): string[] {
  const quoted = [...condition.matchAll(/"((?:[^"]|"")+)"/g)].map(([, name = '']) => name.replaceAll('""', '"'));
  const plain = condition.toLowerCase().match(/[\p{L}_][\p{L}\p{N}_$]*/gu) ?? [];
  return [...new Set([...quoted, ...plain])].filter((word) => Buffer.byteLength(word) <= 63);
}

/** A name such as U&"\0072andom" is not what it looks like. */
function spellsOut(condition: string): boolean {
  return /u&["']/i.test(condition);
}
