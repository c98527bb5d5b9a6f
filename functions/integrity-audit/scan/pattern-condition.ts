import sql, { empty, join, raw, type Sql } from 'sql-template-tag';
import { identifier } from '../../../shared/postgres/sql.ts';

/** One place of a pattern, or several alike: a text as it is, or characters of a class. */
interface Segment {
  readonly text?: string;
  /** What is between the brackets. */
  readonly characters?: string;
  readonly min: number;
  readonly max: number;
}

/** PostgreSQL refuses larger bounds. */
const maxRepeats = 255;

const atom = new RegExp(
  [
    // Characters that mean themselves, in brackets too; each is one byte in every encoding of a server.
    String.raw`(?:\[(?<characters>(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[_./:@ ,])+-?)\]`,
    String.raw`|(?<plain>[A-Za-z0-9_/:@ ,=%&#~<>!;"'-])|\\(?<escaped>[.\-/+*?()[\]{}|^$\\]))`,
    String.raw`(?:\{(?<min>\d{1,3})(?:(?<comma>,)(?<max>\d{1,3})?)?\}|(?<sign>[+*?]))?`,
  ].join(''),
  'y',
);

/**
 * Returns a condition that is true, false or null exactly where `column::text ~ pattern` is.
 *
 * PostgreSQL builds a pattern's automaton anew for each value, a state for each place of `[0-9a-f]{64}`, which takes ten times longer
 * than the rest of a row. Patterns of the simplest form, characters of ASCII one after the other from `^` to `$`, are taken apart: as
 * many bytes, and none that is not allowed. Every other is left to PostgreSQL as it is.
 * https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS
 */
export function patternCondition(column: string, type: string, pattern: string): Sql {
  const text = sql`${identifier(column)}::text`;
  const segments = parse(pattern);
  const isFixed = segments?.every(({ min, max }) => min === max) === true;
  if (segments === undefined || (segments.length > 1 && !isFixed)) return sql`${text} ~ ${pattern}`;
  const length = segments.reduce((sum, { min }) => sum + min, 0);
  // A value of just this type has as many characters, blanks behind it among them; no pattern here ends with one.
  const isWhole = isFixed && type === `character(${length})` && !endsWithBlank(segments.at(-1));
  const value = isWhole ? identifier(column) : text;
  const [first] = segments;
  if (segments.length === 1 && first?.characters !== undefined) {
    const onlyThose = without(value, first.characters);
    return isWhole ? onlyThose : sql`(${bytesBetween(text, first)}${onlyThose})`;
  }
  if (costOfWhole(length) <= segments.reduce((sum, segment) => sum + costOf(segment), 0))
    return sql`${value} ~ ${pattern}`;
  let offset = 1;
  const parts = segments.map((segment, index) => {
    const isLast = index === segments.length - 1;
    const part = isLast
      ? sql`substr(${text}, ${raw(`${offset}`)})`
      : sql`substr(${text}, ${raw(`${offset}, ${segment.min}`)})`;
    offset += segment.min;
    return segment.text === undefined
      ? without(part, segment.characters ?? '')
      : sql`${part} = ${segment.text}::text collate "C"`;
  });
  return sql`(octet_length(${text}) = ${raw(`${length}`)} and ${join(parts, ' and ')})`;
}

function without(value: Sql, characters: string): Sql {
  return sql`${value} !~ ${`[^${characters}]`}`;
}

function bytesBetween(text: Sql, { min, max }: Segment): Sql {
  if (min === max) return sql`octet_length(${text}) = ${raw(`${min}`)} and `;
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? empty : sql`octet_length(${text}) >= ${raw(`${min}`)} and `;
  return sql`octet_length(${text}) between ${raw(`${min}`)} and ${raw(`${max}`)} and `;
}

/** Microseconds, as measured. The states of a long pattern are many, and each is made of as many. */
function costOfWhole(length: number): number {
  return 0.3 + 0.04 * length + 0.0014 * length ** 2;
}

function costOf({ text, min }: Segment): number {
  return text === undefined ? 0.36 + 0.006 * min : 0.06;
}

/** Returns undefined for a pattern that is not of the simplest form. */
function parse(pattern: string): Segment[] | undefined {
  if (!pattern.startsWith('^') || !pattern.endsWith('$')) return undefined;
  const segments: Segment[] = [];
  const end = pattern.length - 1;
  for (let index = 1; index < end; index = atom.lastIndex) {
    atom.lastIndex = index;
    const { characters, plain, escaped, ...quantifier } = atom.exec(pattern)?.groups ?? {};
    const character = plain ?? escaped;
    const repeats = repeatsOf(quantifier);
    if (repeats === undefined || atom.lastIndex > end || (characters ?? character) === undefined) return undefined;
    if (characters !== undefined) {
      if (!areOrdered(characters)) return undefined;
      segments.push({ characters, ...repeats });
      continue;
    }
    if (repeats.min !== repeats.max) return undefined;
    const text = String(character).repeat(repeats.min);
    const previous = segments.at(-1);
    if (previous?.text === undefined) segments.push({ text, min: text.length, max: text.length });
    else {
      const joined = previous.text + text;
      segments.splice(-1, 1, { text: joined, min: joined.length, max: joined.length });
    }
  }
  return segments.length === 0 ? undefined : segments;
}

function repeatsOf(groups: Record<string, string | undefined>): Pick<Segment, 'min' | 'max'> | undefined {
  const { min, comma, max, sign } = groups;
  const infinite = Number.POSITIVE_INFINITY;
  if (sign !== undefined) return { min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : infinite };
  if (min === undefined) return { min: 1, max: 1 };
  const least = Number(min);
  const most = max !== undefined ? Number(max) : comma === undefined ? least : infinite;
  const isRefused = least > maxRepeats || most < least || most === 0 || (most !== infinite && most > maxRepeats);
  return isRefused ? undefined : { min: least, max: most };
}

/** A range that ends before it begins is an error, which is for PostgreSQL to tell. */
function areOrdered(characters: string): boolean {
  return [...characters.matchAll(/([A-Za-z0-9])-([A-Za-z0-9])/g)].every(([, from = '', to = '']) => from <= to);
}

function endsWithBlank(segment: Segment | undefined): boolean {
  return segment?.text?.endsWith(' ') === true || segment?.characters?.includes(' ') === true;
}
