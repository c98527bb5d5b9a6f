/**
 * Makes sure that SQL is closed in itself: put into parentheses, it cannot end them, nor the statement. It has no
 * semicolon and no comment, every quote and parenthesis that it opens it closes, and none other. Where versions of
 * PostgreSQL differ, or a reader might see something else than the server does, it is refused. That strings without an
 * E take a backslash for a backslash is up to `standard_conforming_strings`, which has to be on.
 * https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 *
 * @throws SyntaxError that says what is wrong.
 */
export function requireClosedSql(text: string): void {
  if (text.trim() === '') throw new SyntaxError('the SQL is empty');
  if (text.includes('\0')) throw new SyntaxError('the SQL holds a NUL');
  const open: string[] = [];
  let isBehindString = false;
  for (let index = 0; index < text.length; ) {
    const token = tokenAt(text, index);
    if (token.fault !== undefined) throw new SyntaxError(`the SQL ${token.fault}`);
    const closing = closingOf[token.text];
    if (closing !== undefined) open.push(closing);
    else if (token.text === ')' || token.text === ']') {
      if (open.pop() !== token.text) throw new SyntaxError(`the SQL has a ${token.text} that closes nothing`);
    }
    if (token.isString === true && isBehindString) {
      // The server would read on in the first one, and as it began.
      throw new SyntaxError('the SQL has a string right behind a string: put || between them');
    }
    if (!isSpace(token.text)) isBehindString = token.isString === true;
    index += token.text.length;
  }
  if (open.length > 0) throw new SyntaxError(`the SQL lacks a ${open.at(-1)}`);
}

const closingOf: Readonly<Record<string, string>> = { '(': ')', '[': ']' };

interface Token {
  readonly text: string;
  readonly isString?: true;
  readonly fault?: string;
}

/**
 * A letter that may stand in front of a string: of bits, with backslashes, of national characters, of hexadecimal
 * digits.
 */
const stringPrefix = /^[bBeEnNxX]$/;

function tokenAt(text: string, index: number): Token {
  const rest = text.slice(index, index + 2);
  if (rest === '--' || rest === '/*') return { text: rest, fault: 'holds a comment' };
  const character = text.charAt(index);
  if (character === ';') return { text: character, fault: 'holds a semicolon' };
  if (character === '"') return quoted(text, index, '"', false);
  if (character === "'") return { ...quoted(text, index, "'", false), isString: true };
  if (character === '$') return dollarQuoted(text, index);
  if (!isWordCharacter(character)) return { text: character };
  const word = wordAt(text, index);
  // Whether the $ belongs to a name then differs from version to version.
  if (/^\d.*\$/.test(word)) return { text: word, fault: 'has a $ right behind a number' };
  if (text.charAt(index + word.length) !== "'") return { text: word };
  // What is in front of a quote may change what the quote means.
  if (!stringPrefix.test(word))
    return { text: word, fault: `has a string right behind ${word}: put a space between them` };
  const string = quoted(text, index + word.length, "'", word.toLowerCase() === 'e');
  return { ...string, text: word + string.text, isString: true };
}

function quoted(text: string, start: number, quote: string, hasBackslashes: boolean): Token {
  for (let index = start + 1; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (hasBackslashes && character === '\\') index += 1;
    else if (character === quote) {
      if (text.charAt(index + 1) !== quote) return { text: text.slice(start, index + 1) };
      index += 1;
    }
  }
  return { text: text.slice(start), fault: `opens a ${quote} that it does not close` };
}

function dollarQuoted(text: string, start: number): Token {
  const tag = /^\$(?:[a-z_][a-z0-9_]*)?\$/i.exec(text.slice(start, start + 70))?.[0];
  // A parameter of a statement: these are ours.
  if (tag === undefined) return { text: '$', fault: 'holds a $ outside of quotes' };
  const end = text.indexOf(tag, start + tag.length);
  if (end === -1) return { text: text.slice(start), fault: `opens a ${tag} that it does not close` };
  return { text: text.slice(start, end + tag.length), isString: true };
}

/**
 * The server takes whatever is not ASCII for a letter. Digits are taken together with what follows them, as newer
 * versions do.
 */
function isWordCharacter(character: string): boolean {
  return /[a-z0-9_\u0080-\uffff]/i.test(character);
}

function wordAt(text: string, start: number): string {
  let end = start + 1;
  while (end < text.length && (isWordCharacter(text.charAt(end)) || text.charAt(end) === '$')) end += 1;
  return text.slice(start, end);
}

/** None but the server's own: any other space is a letter to it. */
function isSpace(text: string): boolean {
  return /^[ \t\n\r\f\v]$/.test(text);
}
