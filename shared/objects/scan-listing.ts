import { type ListedObject, unquoted } from './listed-object.ts';

/** What an answer to ListObjectsV2 says. */
export interface Listing extends ListingFrame {
  readonly objects: readonly ListedObject[];
}

/** The same with its objects left as they came: to be read piece by piece, and more than once if need be. */
export interface IndexedListing extends ListingFrame {
  readonly objectCount: number;
  /** Returns the objects from `start` to before `end`. */
  read(start: number, end: number): ListedObject[];
}

interface ListingFrame {
  /** Undefined where the answer does not say. */
  readonly isTruncated: boolean | undefined;
  readonly nextToken: string | undefined;
  /** How many keys and common prefixes the answer claims to hold; undefined where it does not say. */
  readonly keyCount: number | undefined;
  readonly commonPrefixes: readonly string[];
}

const prolog = Buffer.from('<?xml version="1.0" encoding="UTF-8"?>');
const rootEnd = Buffer.from('</ListBucketResult>');

const lineFeed = 10;
const carriageReturn = 13;
const ampersand = 38;
const dash = 45;
const slash = 47;
const point = 46;
const zero = 48;
const colon = 58;
const lessThan = 60;
const greaterThan = 62;
const letterT = 84;
const letterZ = 90;

const quote = '&quot;';
const standard = 'STANDARD';

/** A place in the answer that this scanner does not understand. Thrown and caught here alone. */
class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood';
}

/**
 * Reads the XML of an answer to ListObjectsV2 in the one form in which S3 writes it. Reading answers is what comparing millions of
 * objects spends its time and memory on: this takes a twentieth of what a parser of XML does. Everything is read and checked at
 * once, and the objects are read again when they are wanted: thousands of them that wait would be copied by the collector again and
 * again, and have it take ever more memory.
 *
 * @param xml must stay as it is for as long as objects are read.
 * @returns `undefined` for whatever it does not understand to the last byte: that is a parser's business.
 */
export function indexListing(xml: Buffer): IndexedListing | undefined {
  try {
    return new ListingScanner(xml).scan();
  } catch (error) {
    if (error instanceof NotUnderstood || error instanceof URIError) return undefined;
    throw error;
  }
}

class ListingScanner {
  readonly #xml: Buffer;
  #at = 0;
  /** Where the text of the leaf is that {@link #leaf} has met. */
  #textStart = 0;
  #textEnd = 0;
  #decode = unescapeXml;

  constructor(xml: Buffer) {
    this.#xml = xml;
  }

  scan(): IndexedListing {
    const end = this.#xml.length - rootEnd.length;
    if (end < 0 || rootEnd.compare(this.#xml, end) !== 0) throw new NotUnderstood();
    this.#openRoot();
    const leaves = new Map<string, string>();
    const starts: number[] = [];
    const prefixes: string[] = [];
    while (this.#at < end) {
      if (this.#opens('Contents')) {
        starts.push(this.#at);
        this.#contents();
      } else if (this.#opens('CommonPrefixes')) {
        prefixes.push(this.#commonPrefix());
      } else {
        const name = this.#open();
        if (!knownLeaves.has(name) || leaves.has(name)) throw new NotUnderstood();
        leaves.set(name, unescapeXml(this.#leaf(name).#text()));
        if (name === 'EncodingType') this.#beginEncoding(leaves.get(name), starts.length + prefixes.length);
      }
    }
    if (this.#at !== end) throw new NotUnderstood();
    return {
      isTruncated: readBoolean(leaves.get('IsTruncated')),
      nextToken: leaves.get('NextContinuationToken'),
      keyCount: readCount(leaves.get('KeyCount')),
      objectCount: starts.length,
      read: (from, to) =>
        starts.slice(from, to).map((start) => {
          this.#at = start;
          return this.#contents();
        }),
      commonPrefixes: prefixes,
    };
  }

  /** Has to be said before the first key. */
  #beginEncoding(encoding: string | undefined, keysBefore: number): void {
    if (encoding !== 'url' || keysBefore > 0) throw new NotUnderstood();
    this.#decode = decodeUrl;
  }

  #openRoot(): void {
    if (prolog.compare(this.#xml, 0, prolog.length) !== 0) throw new NotUnderstood();
    this.#at = prolog.length;
    if (this.#xml[this.#at] === lineFeed) this.#at += 1;
    if (!/^ListBucketResult(?: xmlns="[^"<>&]*")?$/.test(this.#open())) throw new NotUnderstood();
  }

  #contents(): ListedObject {
    let key: string | undefined;
    let sizeBytes: number | undefined;
    let modifiedAtMs: number | undefined;
    let etag: string | undefined;
    let storageClass: string | undefined;
    while (!this.#closes('Contents')) {
      if (this.#opens('Key')) {
        if (key !== undefined) throw new NotUnderstood();
        key = this.#decode(this.#leaf('Key').#text());
      } else if (this.#opens('LastModified')) {
        if (modifiedAtMs !== undefined) throw new NotUnderstood();
        modifiedAtMs = this.#leaf('LastModified').#time();
      } else if (this.#opens('ETag')) {
        if (etag !== undefined) throw new NotUnderstood();
        etag = this.#leaf('ETag').#etag();
      } else if (this.#opens('ChecksumAlgorithm')) {
        this.#leaf('ChecksumAlgorithm');
      } else if (this.#opens('ChecksumType')) {
        this.#leaf('ChecksumType');
      } else if (this.#opens('Size')) {
        if (sizeBytes !== undefined) throw new NotUnderstood();
        sizeBytes = this.#leaf('Size').#integer();
      } else if (this.#opens('StorageClass')) {
        if (storageClass !== undefined) throw new NotUnderstood();
        storageClass = this.#leaf('StorageClass').#storageClass();
      } else if (this.#opens('Owner')) {
        this.#skipLeaves('Owner');
      } else if (this.#opens('RestoreStatus')) {
        this.#skipLeaves('RestoreStatus');
      } else {
        throw new NotUnderstood();
      }
    }
    if (key === undefined || sizeBytes === undefined || modifiedAtMs === undefined) throw new NotUnderstood();
    return { key, sizeBytes, modifiedAtMs, etag, storageClass };
  }

  #commonPrefix(): string {
    if (!this.#opens('Prefix')) throw new NotUnderstood();
    const prefix = this.#decode(this.#leaf('Prefix').#text());
    if (!this.#closes('CommonPrefixes')) throw new NotUnderstood();
    return prefix;
  }

  /** Steps over elements that have nothing but text in them, and over the end of the one that they are in. */
  #skipLeaves(parent: string): void {
    while (!this.#closes(parent)) this.#leaf(this.#open());
  }

  /** Steps over an opening tag and returns what is in it. One with attributes has a name that nobody knows. */
  #open(): string {
    const end = this.#xml.indexOf(greaterThan, this.#at);
    if (this.#xml[this.#at] !== lessThan || end === -1) throw new NotUnderstood();
    const name = this.#xml.toString('latin1', this.#at + 1, end);
    this.#at = end + 1;
    return name;
  }

  /** Steps over an opening tag; says whether it is there. */
  #opens(name: string): boolean {
    if (this.#xml[this.#at] !== lessThan || !this.#isName(name, this.#at + 1)) return false;
    this.#at += name.length + 2;
    return true;
  }

  /** Steps over a closing tag; says whether it is there. */
  #closes(name: string): boolean {
    if (this.#xml[this.#at + 1] !== slash || this.#xml[this.#at] !== lessThan) return false;
    if (!this.#isName(name, this.#at + 2)) throw new NotUnderstood();
    this.#at += name.length + 3;
    return true;
  }

  #isName(name: string, at: number): boolean {
    return this.#xml[at + name.length] === greaterThan && this.#isText(name, at);
  }

  #isText(text: string, at: number): boolean {
    for (let index = 0; index < text.length; index++) {
      if (this.#xml[at + index] !== text.charCodeAt(index)) return false;
    }
    return true;
  }

  /** Steps over the text and the closing tag of the element that was just opened, and keeps where the text is. */
  #leaf(name: string): this {
    const xml = this.#xml;
    const { length } = xml;
    let at = this.#at;
    for (let byte = xml[at]; byte !== lessThan; byte = xml[++at]) {
      // A parser makes something else of line ends.
      if (at >= length || byte === lineFeed || byte === carriageReturn) throw new NotUnderstood();
    }
    this.#textStart = this.#at;
    this.#textEnd = at;
    this.#at = at;
    if (!this.#closes(name)) throw new NotUnderstood();
    return this;
  }

  #text(): string {
    return this.#xml.toString('utf8', this.#textStart, this.#textEnd);
  }

  #integer(): number {
    return this.#digits(this.#textStart, this.#textEnd);
  }

  #digits(start: number, end: number): number {
    let value = 0;
    for (let at = start; at < end; at++) {
      const digit = (this.#xml[at] as number) - zero;
      if (digit < 0 || digit > 9) throw new NotUnderstood();
      value = value * 10 + digit;
    }
    if (start >= end || value > Number.MAX_SAFE_INTEGER) throw new NotUnderstood();
    return value;
  }

  /** Such as `2026-11-01T12:00:00.000Z`, as S3 writes every time. */
  #time(): number {
    const start = this.#textStart;
    const xml = this.#xml;
    const isUsual =
      this.#textEnd - start === 24 &&
      xml[start + 4] === dash &&
      xml[start + 7] === dash &&
      xml[start + 10] === letterT &&
      xml[start + 13] === colon &&
      xml[start + 16] === colon &&
      xml[start + 19] === point &&
      xml[start + 23] === letterZ;
    if (!isUsual) throw new NotUnderstood();
    const month = this.#digits(start + 5, start + 7);
    const day = this.#digits(start + 8, start + 10);
    const hour = this.#digits(start + 11, start + 13);
    const minute = this.#digits(start + 14, start + 16);
    const second = this.#digits(start + 17, start + 19);
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) {
      throw new NotUnderstood();
    }
    const year = this.#digits(start, start + 4);
    return Date.UTC(year, month - 1, day, hour, minute, second, this.#digits(start + 20, start + 23));
  }

  #etag(): string {
    const start = this.#textStart;
    const end = this.#textEnd;
    const isQuoted =
      end - start >= 2 * quote.length && this.#isText(quote, start) && this.#isText(quote, end - quote.length);
    if (isQuoted && this.#xml.indexOf(ampersand, start + 1) === end - quote.length) {
      return this.#xml.toString('latin1', start + quote.length, end - quote.length);
    }
    return unquoted(unescapeXml(this.#text()));
  }

  #storageClass(): string {
    const isStandard = this.#textEnd - this.#textStart === standard.length && this.#isText(standard, this.#textStart);
    return isStandard ? standard : unescapeXml(this.#text());
  }
}

const knownLeaves: ReadonlySet<string> = new Set([
  'Name',
  'Prefix',
  'StartAfter',
  'ContinuationToken',
  'NextContinuationToken',
  'KeyCount',
  'MaxKeys',
  'Delimiter',
  'EncodingType',
  'IsTruncated',
]);

/**
 * Decodes what S3 sends under `EncodingType=url`: percent signs as in URLs, and a plus sign for a space, as forms have it.
 *
 * @throws URIError when the bytes are no UTF-8.
 */
export function decodeUrl(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  return spaced.includes('%') ? decodeURIComponent(spaced) : spaced;
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;&]*;?)/g, (_, entity: string) => {
    const character = entities[entity.slice(0, -1)];
    if (character === undefined || !entity.endsWith(';')) throw new NotUnderstood();
    return character;
  });
}

function readBoolean(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text !== 'true' && text !== 'false') throw new NotUnderstood();
  return text === 'true';
}

function readCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new NotUnderstood();
  return Number(text);
}
