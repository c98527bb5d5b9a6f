import { PassThrough } from 'node:stream';
import type { Connection } from 'pg';
import { describe, expect, it } from 'vitest';
import { CopyOut, type LeadingNumbers } from './copy-out.ts';

/** A message of the server's: a letter, its length with that of the length itself, and what it says. */
function message(letter: string, content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string);
  const header = Buffer.alloc(5);
  header.write(letter);
  header.writeUInt32BE(4 + bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

const row = (text: string) => message('d', text);
const response = message('H', '\0\0\0');
const notice = message('N', 'what nobody asked for');
const end = Buffer.concat([message('c', ''), message('C', 'COPY 3\0'), message('Z', 'I')]);

/** A COPY over a connection on which `pg` listens, and what becomes of it. */
function begin(leading?: LeadingNumbers) {
  const socket = new PassThrough();
  const pgReceived: Buffer[] = [];
  const listen = (data: Buffer) => {
    pgReceived.push(Buffer.from(data));
    if (Buffer.concat(pgReceived).includes(message('Z', 'I'))) copy.handleReadyForQuery();
  };
  socket.on('data', listen);
  const events: string[] = [];
  const copy = new CopyOut(
    'copy notes to stdout',
    {
      onWait: () => events.push('wait'),
      onWaited: () => events.push('waited'),
      onOver: () => events.push('over'),
      onAbandoned: () => events.push('abandoned'),
    },
    leading,
  );
  const sent: string[] = [];
  const query = (text: string) => sent.push(text);
  copy.submit({ stream: socket, query } as unknown as Connection);
  return { socket, copy, events, sent, listen, pgReceived };
}

async function textOf(rows: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const bytes of rows) text += Buffer.from(bytes).toString();
  return text;
}

describe('a COPY out', () => {
  it('yields the rows alone, wherever what comes is cut, and leaves the rest to pg', async () => {
    const long = 'x'.repeat(300);
    const sent = Buffer.concat([response, row('1\tone\n'), notice, row(''), row(`${long}\n`), row('3\n'), end]);
    for (let at = 1; at < sent.length; at += 1) {
      const { socket, copy, events, listen, pgReceived } = begin();
      const text = textOf(copy.rows());
      socket.write(Buffer.from(sent.subarray(0, at)));
      await new Promise(setImmediate);
      socket.write(Buffer.from(sent.subarray(at)));
      expect(await text).toBe(`1\tone\n${long}\n3\n`);
      expect(Buffer.concat(pgReceived)).toEqual(end);
      expect(socket.listeners('data')).toEqual([listen]);
      expect(events.filter((event) => event === 'over')).toHaveLength(1);
    }
  });

  it('takes the numbers that they begin with, and gives those that are wanted, wherever what comes is cut', async () => {
    const rows = [row('0\tffffffffffffffff\tone\n'), row('1a\t9\t\n'), row('fedcba9876543210\t0\tthree\n')];
    const sent = Buffer.concat([response, ...rows, notice, end]);
    for (let at = 1; at < sent.length; at += 1) {
      const numbers: number[][] = [];
      const wanted: string[] = [];
      const { socket, copy } = begin({
        count: 2,
        onRow: (some) => numbers.push([...some]) !== 2,
        onWanted: (text) => wanted.push(Buffer.from(text).toString()),
      });
      const text = textOf(copy.rows());
      socket.write(Buffer.from(sent.subarray(0, at)));
      await new Promise(setImmediate);
      socket.write(Buffer.from(sent.subarray(at)));
      expect(await text).toBe('one\n\nthree\n');
      expect(numbers).toEqual([
        [0, 0, -1, -1],
        [0, 0x1a, 0, 9],
        [0xfedcba98 | 0, 0x76543210, 0, 0],
      ]);
      expect(wanted.join('')).toBe('one\nthree\n');
    }
  });

  it('gives what is wanted as it comes, and holds no row as a whole', async () => {
    let most = 0;
    let wanted = 0;
    const { socket, copy } = begin({
      count: 1,
      onRow: () => true,
      onWanted: (text) => {
        most = Math.max(most, text.length);
        wanted += text.length;
      },
    });
    const text = textOf(copy.rows());
    const sent = row(`1\t${'x'.repeat(1_000_000)}\n`);
    for (let at = 0; at < sent.length; at += 10_000) {
      socket.write(Buffer.from(sent.subarray(at, at + 10_000)));
      await new Promise(setImmediate);
    }
    socket.write(end);
    expect((await text).length).toBe(1_000_001);
    expect([wanted, most <= 10_000]).toEqual([1_000_001, true]);
  });

  it('fails by what is thrown where numbers go, and where a row has not as many, rather than end the process', async () => {
    const refused = (): never => {
      throw new Error('refused');
    };
    const leading = { count: 2, onRow: () => true, onWanted: () => {} };
    const faults = [
      { leading: { ...leading, onRow: refused }, sent: row('1\t2\tx\n'), reason: 'refused' },
      { leading: { ...leading, onWanted: refused }, sent: row('1\t2\tx\n'), reason: 'refused' },
      { leading, sent: row(''), reason: 'A row is without' },
      { leading, sent: row('1\n'), reason: 'A row ends' },
      { leading, sent: row('1\t'), reason: 'A row ends' },
      { leading, sent: row('1\t2\n'), reason: 'A row ends' },
    ];
    for (const { leading: some, sent, reason } of faults) {
      const { socket, copy, events, pgReceived } = begin(some);
      const text = textOf(copy.rows());
      socket.write(Buffer.concat([response, sent, row('3\t4\ty\n'), end]));
      await expect(text).rejects.toThrow(reason);
      expect(events.at(-1)).toBe('abandoned');
      socket.write(row('5\t6\tz\n'));
      await new Promise(setImmediate);
      expect(pgReceived).toEqual([]);
    }
  });

  it('fails when there are not as many as the server says', async () => {
    for (const said of ['COPY 1', 'COPY 3', 'SELECT 2']) {
      const { socket, copy } = begin();
      const text = textOf(copy.rows());
      socket.write(Buffer.concat([response, row('1\n'), row('2\n')]));
      await new Promise(setImmediate);
      copy.handleCommandComplete({ text: said });
      await expect(text).rejects.toThrow(`The server says ${said}, and has sent 2 rows.`);
    }
  });

  it('yields them when they come a byte at a time', async () => {
    const { socket, copy, sent } = begin();
    expect(sent).toEqual(['copy notes to stdout']);
    const text = textOf(copy.rows());
    for (const byte of Buffer.concat([response, notice, row('1\n'), row('2\n'), end])) {
      socket.write(Buffer.from([byte]));
    }
    expect(await text).toBe('1\n2\n');
  });

  it('holds back a server that is faster than its reader, and gives memory back', async () => {
    const { socket, copy } = begin();
    const content = Buffer.alloc(64 * 1024, 'x');
    let isDone = false;
    let written = 0;
    const send = async () => {
      for (let index = 0; index < 100; index += 1) {
        written += content.length;
        if (!socket.write(message('d', content))) {
          await new Promise((resolve) => socket.once('drain', resolve));
        }
      }
      socket.write(end);
      isDone = true;
    };
    const sending = send();
    let read = 0;
    let previous: Uint8Array | undefined;
    for await (const bytes of copy.rows()) {
      expect(previous?.length ?? 0).toBe(0);
      for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
      expect(written - read).toBeLessThan(1024 * 1024);
      read += bytes.length;
      previous = bytes;
    }
    await sending;
    expect(isDone).toBe(true);
    expect(read).toBe(100 * content.length);
  });

  it('says what the server says went wrong, and passes on what it says after that', async () => {
    const { socket, copy, events, pgReceived } = begin();
    const text = textOf(copy.rows());
    const failure = message('E', 'SERROR\0\0');
    socket.write(Buffer.concat([response, row('1\n'), failure]));
    await new Promise(setImmediate);
    copy.handleError(new Error('division by zero'));
    await expect(text).rejects.toThrow('division by zero');
    socket.write(message('Z', 'E'));
    await new Promise(setImmediate);
    expect(Buffer.concat(pgReceived)).toEqual(Buffer.concat([failure, message('Z', 'E')]));
    expect(events.at(-1)).not.toBe('abandoned');
  });

  it('tells when it is waited for, when it is not read on, and keeps why it has failed', async () => {
    const left = begin();
    setImmediate(() => left.socket.write(Buffer.concat([response, row('1\n')])));
    for await (const _ of left.copy.rows()) break;
    expect(left.events).toEqual(['wait', 'waited', 'abandoned']);
    const failed = begin();
    failed.copy.fail(new Error('the connection was lost'));
    failed.copy.fail(new Error('and again'));
    await expect(textOf(failed.copy.rows())).rejects.toThrow('the connection was lost');
    expect(failed.events).toEqual(['over']);
  });
});
