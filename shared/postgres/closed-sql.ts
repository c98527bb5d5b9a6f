/**
 * Makes sure that SQL is closed in itself: put into parentheses, it cannot end them, nor the statement. It has no semicolon and no
 * comment, every quote and parenthesis that it opens it closes, and none other.
 * https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 *
 * @throws SyntaxError that says what is wrong.
 */
export function requireClosedSql(text: string): void {
  if (text.trim() === '') throw new SyntaxError('the SQL is empty');
  if (text.includes('\0')) throw new SyntaxError('the SQL holds a NUL');
  const open: string[] = [];
  for (let index = 0; index < text.length; ) {
    const token = tokenAt(text, index);
    if (token.fault !== undefined) throw new SyntaxError(`the SQL ${token.fault}`);
    const closing = closingOf[token.text];
    if (closing !== undefined) open.push(closing);
    else if (token.text === ')' || token.text === ']') {
      if (open.pop() !== token.text) throw new SyntaxError(`the SQL has a ${token.text} that closes nothing`);
    }
    index += token.text.length;
  }
  if (open.length > 0) throw new SyntaxError(`the SQL lacks a ${open.at(-1)}`);
}

const closingOf: Readonly<Record<string, string>> = { '(': ')', '[': ']' };

interface Token {
  readonly text: string;
  readonly fault?: string;
}

function tokenAt(text: string, index: number): Token {
  const rest = text.slice(index, index + 2);
  if (rest === '--' || rest === '/*') return { text: rest, fault: 'holds a comment' };
  const character = text.charAt(index);
  if (character === ';') return { text: character, fault: 'holds a semicolon' };
  if (character === '"') return quoted(text, index, '"', false);
  if (character === "'") return quoted(text, index, "'", false);
  if (character === '$') return dollarQuoted(text, index);
  if (!isWordStart(character)) return { text: character };
  // A letter in front of a quote changes what the quote means.
  const word = wordAt(text, index);
  if (text.charAt(index + word.length) !== "'") return { text: word };
  const string = quoted(text, index + word.length, "'", word.toLowerCase() === 'e');
  return { ...string, text: word + string.text };
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
  const tag = /^\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/u.exec(text.slice(start, start + 70))?.[0];
  // A parameter of a statement: these are ours.
  if (tag === undefined) return { text: '$', fault: 'holds a $ outside of quotes' };
  const end = text.indexOf(tag, start + tag.length);
  if (end === -1) return { text: text.slice(start), fault: `opens a ${tag} that it does not close` };
  return { text: text.slice(start, end + tag.length) };
}

function isWordStart(character: string): boolean {
  return /[\p{L}_]/u.test(character);
}

function wordAt(text: string, start: number): string {
  let end = start + 1;
  while (end < text.length && /[\p{L}\p{N}_$]/u.test(text.charAt(end))) end += 1;
  return text.slice(start, end);
}
