import type { Socket } from 'node:net';
import type { Connection, Submittable } from 'pg';
import { freeMemory } from '../archive/free-memory.ts';

/** What becomes of a {@link CopyOut}. */
export interface CopyOutEvents {
  /** The server is waited for, from now on. */
  onWait(): void;
  /** It has sent something, or is not waited for any longer. */
  onWaited(): void;
  /** There is nothing more to come: the server takes the next statement, or has said what went wrong. Told once. */
  onOver(): void;
  /** Nobody reads on, although there is more to come. */
  onAbandoned(): void;
}

/**
 * Reads what each row begins with: hexadecimal numbers of 64 bits, as `to_hex` writes them, that are not passed on. What it throws is what
 * whoever reads the rows is told.
 */
export interface LeadingNumbers {
  /** How many there are. */
  readonly count: number;
  /**
   * Is told of each row, in their order, before any of it is passed on.
   *
   * @param numbers of each number the upper half, and then the lower one; good until it returns.
   * @returns whether the rest of the row is wanted.
   */
  onRow(numbers: Int32Array): boolean;
  /** Is given the rest of a row that is wanted, with the line feed at its end, cut anywhere; good until it returns. */
  onWanted(text: Uint8Array): void;
}

/** Bytes that are held here while nobody asks for them. */
const heldBytes = 256 * 1024;

/**
 * How long a server is left alone after it has sent less than Node reads at once. It sends 8 KiB at a time, and being
 * woken for each of them takes longer than the rows do. In twice that time, what comes over a fast network would be more
 * than sockets hold.
 */
const restMs = 1;
const fullReadBytes = 64 * 1024;

/** A message's kind and its length: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const headerBytes = 5;
/** The length is that of itself too. */
const lengthBytes = 4;

const copyData = 'd'.charCodeAt(0);
const tab = '\t'.charCodeAt(0);
/** CopyOutResponse, and what a server may say at any time; all else is for `pg`, and ends the rows. */
const passedOver = new Set([...'HNSA'].map((letter) => letter.charCodeAt(0)));

/**
 * A `COPY … TO STDOUT` that `pg` sends, and the rows that come. Each row is a message of its own: the headers, and the
 * numbers that it begins with, are taken out in the memory that the socket has filled, so that nothing is made for a row,
 * and that memory is given back once it has been read. There are as many rows as the server says in the end, or it fails.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export class CopyOut implements Submittable {
  readonly #text: string;
  readonly #events: CopyOutEvents;
  #socket: Socket | undefined;
  /** What listens to the socket at all other times. */
  #listeners: ((data: Buffer) => void)[] = [];
  /** What was received, and how many bytes of rows are in it. */
  readonly #held: { readonly data: Buffer; readonly length: number }[] = [];
  #bytesHeld = 0;
  /** Whether nothing is read until more rows are asked for. */
  #isFull = false;
  #rest: NodeJS.Timeout | undefined;
  readonly #header = Buffer.alloc(headerBytes);
  #headerLength = 0;
  /** Bytes of a message that have not come yet. */
  #left = 0;
  /** Rows of which all has come. */
  #rows = 0;
  readonly #leading: LeadingNumbers | undefined;
  readonly #numbers: Int32Array;
  /** Numbers of the row that have not come yet. */
  #numbersLeft = 0;
  #isWanted = false;
  #isOver = false;
  #error: unknown;
  #wake: () => void = () => {};

  constructor(text: string, events: CopyOutEvents, leading?: LeadingNumbers) {
    this.#text = text;
    this.#events = events;
    this.#leading = leading;
    this.#numbers = new Int32Array(2 * (leading?.count ?? 0));
  }

  /** Yields the rows, cut anywhere. Bytes are good until the next ones are asked for. @throws why there are no more. */
  async *rows(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        if (this.#error !== undefined) throw this.#error;
        const next = this.#held.shift();
        if (next === undefined) {
          if (this.#isOver) return;
          await this.#more();
          continue;
        }
        this.#bytesHeld -= next.length;
        yield next.data.subarray(0, next.length);
        freeMemory(next.data);
      }
    } finally {
      if (!this.#isOver) this.#events.onAbandoned();
    }
  }

  /** Ends it without the rows that have not been read. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#end();
  }

  /** Called by `pg`, as are all below. */
  submit(connection: Connection): void {
    const socket = (connection as unknown as { readonly stream: Socket }).stream;
    this.#socket = socket;
    this.#listeners = socket.listeners('data') as ((data: Buffer) => void)[];
    for (const listener of this.#listeners) socket.off('data', listener);
    socket.on('data', this.#receive);
    connection.query(this.#text);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    if (text !== `COPY ${this.#rows}`)
      this.fail(new Error(`The server says ${text}, and has sent ${this.#rows} rows.`));
  }

  handleReadyForQuery(): void {
    this.#end();
  }

  handleError(error: Error): void {
    this.fail(error);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#rest);
    this.#events.onOver();
    this.#wake();
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#events.onWait();
    if (this.#isFull) {
      this.#isFull = false;
      this.#socket?.resume();
    }
    await promise;
    this.#events.onWaited();
  }

  readonly #receive = (data: Buffer): void => {
    let rest: Buffer | undefined;
    try {
      rest = this.#takeRows(data);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (rest !== undefined) this.#handOver(rest);
    else if (data.length < fullReadBytes) this.#pause();
  };

  /** Holds the rows; returns what is behind them, once it is there. */
  #takeRows(data: Buffer): Buffer | undefined {
    const header = this.#header;
    let length = 0;
    let rest: Buffer | undefined;
    for (let at = 0; at < data.length; ) {
      if (this.#left > 0) {
        if (this.#numbersLeft > 0) {
          at = this.#readNumber(data, at);
          continue;
        }
        const count = Math.min(this.#left, data.length - at);
        if (header[0] === copyData) {
          if (this.#isWanted) this.#leading?.onWanted(data.subarray(at, at + count));
          data.copyWithin(length, at, at + count);
          length += count;
        }
        this.#left -= count;
        at += count;
        if (this.#left === 0) this.#endMessage();
        continue;
      }
      header[this.#headerLength] = data[at] as number;
      this.#headerLength += 1;
      at += 1;
      if (this.#headerLength === 1 && header[0] !== copyData && !passedOver.has(header[0] as number)) {
        // Memory of its own, as that of the rows is given back.
        rest = Buffer.from(data.subarray(at - 1));
        break;
      }
      if (this.#headerLength < headerBytes) continue;
      this.#headerLength = 0;
      this.#left = header.readUInt32BE(1) - lengthBytes;
      if (header[0] === copyData) this.#numbersLeft = this.#leading?.count ?? 0;
      if (this.#left === 0) this.#endMessage();
    }
    if (length > 0) this.#hold(data, length);
    return rest;
  }

  /** Takes nothing more: who reads the rows is told why, and gives the connection up. Here it would be the end of the process. */
  #refuse(error: unknown): void {
    const socket = this.#socket as Socket;
    clearTimeout(this.#rest);
    socket.off('data', this.#receive);
    socket.pause();
    this.#error ??= error;
    this.#wake();
  }

  /** Reads on in the number that a row goes on with; returns where that ends. */
  #readNumber(data: Buffer, from: number): number {
    const leading = this.#leading as LeadingNumbers;
    const numbers = this.#numbers;
    const to = Math.min(data.length, from + this.#left);
    const place = 2 * (leading.count - this.#numbersLeft);
    let high = numbers[place] as number;
    let low = numbers[place + 1] as number;
    let at = from;
    let byte = 0;
    while (at < to) {
      byte = data[at] as number;
      at += 1;
      if (byte === tab) break;
      high = (high << 4) | (low >>> 28);
      // The digits are 0x30 to 0x39, and the letters 0x61 to 0x66.
      low = (low << 4) | (byte < 0x40 ? byte & 15 : (byte & 15) + 9);
    }
    numbers[place] = high;
    numbers[place + 1] = low;
    this.#left -= at - from;
    if (byte === tab) this.#numbersLeft -= 1;
    if (this.#left === 0) throw new Error('A row ends with the numbers that it begins with.');
    if (this.#numbersLeft > 0) return at;
    this.#isWanted = leading.onRow(numbers);
    for (let index = 0; index < numbers.length; index += 1) numbers[index] = 0;
    return at;
  }

  #endMessage(): void {
    if (this.#header[0] !== copyData) return;
    if (this.#numbersLeft > 0) throw new Error('A row is without the numbers that it begins with.');
    this.#rows += 1;
  }

  /** Lets the server send some more before that is looked at, unless something has come already. */
  #pause(): void {
    const socket = this.#socket as Socket;
    if (this.#isFull || socket.readableLength > 0) return;
    socket.pause();
    this.#rest ??= setTimeout(() => {
      this.#rest = undefined;
      if (!this.#isFull) socket.resume();
    }, restMs);
  }

  #hold(data: Buffer, length: number): void {
    this.#held.push({ data, length });
    this.#bytesHeld += length;
    if (this.#bytesHeld >= heldBytes && !this.#isFull) {
      this.#isFull = true;
      this.#socket?.pause();
    }
    this.#wake();
  }

  /** The rows are over: what the server says from here on is for `pg`. */
  #handOver(rest: Buffer): void {
    const socket = this.#socket as Socket;
    clearTimeout(this.#rest);
    socket.off('data', this.#receive);
    for (const listener of this.#listeners) {
      socket.on('data', listener);
      listener(rest);
    }
    socket.resume();
  }
}
