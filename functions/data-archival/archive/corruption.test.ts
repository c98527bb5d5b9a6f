import { once as happens } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StoredBucket } from '../../../sandbox/s3/stored-bucket.ts';
import { manifestHash } from '../../../shared/archive/read-manifest.ts';
import { archiveBucket, parsePolicy } from '../context-fixtures.ts';
import { type ArchivePlace, startArchivePlace, withClaps } from './archive-fixtures.ts';
import type { ArchiveStep } from './archive-steps.ts';

let at: ArchivePlace;

beforeAll(async () => {
  at = await startArchivePlace();
});

afterAll(() => at?.[Symbol.asyncDispose]());

beforeEach(() => at.reset(1_200));

const bucket = (): StoredBucket => at.s3.bucket(archiveBucket);

function keyOf(ending: string): string {
  const key = [...bucket().keysFrom('archives/')].find((one) => one.endsWith(ending));
  if (key === undefined) throw new Error(`there is no ${ending}`);
  return key;
}

const flipBit = (body: Buffer) => {
  const flipped = Buffer.from(body);
  flipped[body.length >> 1] = (flipped[body.length >> 1] as number) ^ 1;
  return flipped;
};

const rootFile = 'public.listens.copy.zst';
const childFile = 'public.claps.copy.zst';

/** What may happen to a file of an archive, with S3's own checksums none the wiser. */
const damages: Readonly<Record<string, () => void>> = {
  'a flipped bit': () => bucket().corrupt(keyOf(rootFile), flipBit),
  'a flipped bit in the file of a child': () => bucket().corrupt(keyOf(childFile), flipBit),
  'a truncated part': () => bucket().corrupt(keyOf(rootFile), (body) => body.subarray(0, body.length - 100)),
  'bytes behind the end': () => bucket().corrupt(keyOf(rootFile), (body) => Buffer.concat([body, body])),
  'a swapped object': () => {
    const other = bucket().read(keyOf(childFile));
    bucket().corrupt(keyOf(rootFile), () => other);
  },
  'an empty object': () => bucket().corrupt(keyOf(rootFile), () => Buffer.alloc(0)),
  'a missing object': () => void bucket().delete(keyOf(rootFile)),
};

const smallBatches = parsePolicy({ ...withClaps, pace: { batchRows: 100, maximumBatchRows: 100 } });

class Ended extends Error {}

/** Ends a run at a step as a crash would. */
async function endAt(last: ArchiveStep): Promise<void> {
  const run = at.archive({
    onStep(step) {
      if (step === last) throw new Ended();
    },
  });
  await expect(run).rejects.toThrow(Ended);
}

/** Does something when a step comes for the first time. */
function once(when: ArchiveStep, work: () => unknown): { onStep: (step: ArchiveStep) => Promise<void> } {
  let isDone = false;
  return {
    async onStep(step) {
      if (step !== when || isDone) return;
      isDone = true;
      await work();
    },
  };
}

async function expectAllThere(): Promise<void> {
  expect(await at.ids()).toHaveLength(1_200);
  const { rows } = await at.admin.query('select count(*)::int as n from claps');
  expect(rows[0].n).toBe(800);
}

describe.each(Object.entries(damages))('%s of an archive', (_, damage) => {
  it('is found when it is read back, and nothing is deleted', async () => {
    const outcome = await at.archive(once('rows-copied', damage));
    expect(outcome).toMatchObject({ state: 'stopped', archived: 0, deleted: 0, manifests: [] });
    expect(outcome.faults).toMatchObject([{ rule: 'archive-corrupt', subject: expect.stringContaining('.copy.zst') }]);
    await expectAllThere();
    // The next run makes it anew.
    expect(await at.archive()).toMatchObject({ state: 'done', deleted: 1_200 });
    expect((await at.archived()).keys).toHaveLength(1_200);
  });

  it('is found by a run that finishes what another one began, and nothing is deleted', async () => {
    await endAt('archive-recorded');
    damage();
    for (let run = 0; run < 2; run += 1) {
      const outcome = await at.archive();
      expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [] });
      expect(outcome.faults).toMatchObject([
        { rule: 'archive-corrupt', subject: expect.stringContaining('.copy.zst') },
      ]);
      await expectAllThere();
    }
  });
});

describe('a manifest', () => {
  const edit = (change: (manifest: { tables: { rows: number }[]; actor: string }) => void) => () =>
    bucket().corrupt(keyOf('manifest.json'), (body) => {
      const manifest = JSON.parse(body.toString());
      change(manifest);
      return Buffer.from(JSON.stringify(manifest));
    });
  const edits = {
    'in what is said of who made it': edit((manifest) => {
      manifest.actor = 'somebody else';
    }),
    'in its counts': edit(({ tables: [root] }) => {
      if (root !== undefined) root.rows -= 1;
    }),
    'to be no JSON': () => bucket().corrupt(keyOf('manifest.json'), (body) => body.subarray(1)),
  };

  it.each(Object.entries(edits))('that was edited by hand %s is found, and nothing is deleted', async (_, change) => {
    await endAt('archive-recorded');
    change();
    const outcome = await at.archive();
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [] });
    expect(outcome.faults).toMatchObject([
      { rule: 'manifest-tampered', subject: expect.stringContaining('manifest.json') },
    ]);
    await expectAllThere();
  });

  it('that was edited is found, too, when what is remembered of the chain says that it was looked at', async () => {
    await endAt('archive-recorded');
    edits['in what is said of who made it']();
    const link = { sequence: 1, manifestHash: manifestHash(bucket().read(keyOf('manifest.json')).toString()) };
    await at.context.control.write('chain/data-archival/old-listens', link);
    expect((await at.archive()).faults).toMatchObject([{ rule: 'manifest-tampered' }]);
    await expectAllThere();
  });

  it('that was edited in its counts before the ledger knew of it is found too', async () => {
    await endAt('manifest-written');
    edits['in its counts']();
    const outcome = await at.archive();
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0 });
    expect(outcome.faults).toMatchObject([{ rule: 'manifest-tampered' }]);
    await expectAllThere();
  });

  it('that was edited the moment it was written is found, and nothing is deleted', async () => {
    const outcome = await at.archive(once('manifest-written', edits['in its counts']));
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0 });
    expect(outcome.faults).toMatchObject([{ rule: 'manifest-tampered' }]);
    await expectAllThere();
  });

  it('that is gone is missed, by the ledger or by the next one, and nothing is deleted', async () => {
    await endAt('archive-recorded');
    bucket().delete(keyOf('manifest.json'));
    const outcome = await at.archive();
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0 });
    expect(outcome.faults).toMatchObject([{ rule: 'chain-broken' }]);
    await expectAllThere();
  });
});

/** What people do while rows wait to be deleted, and which keys that is told of. */
const changes: Readonly<Record<string, { sql: string; keys: string[]; left: number[] }>> = {
  'a row that is updated': {
    sql: "update listens set note = 'corrected' where id = 700",
    keys: ['700'],
    left: [700],
  },
  'a row that gets another age within the archive': {
    sql: "update listens set listened_at = '2024-01-01 00:00:30+00' where id = 700",
    keys: ['700'],
    left: [700],
  },
  'a row that gets younger than the retention': {
    sql: "update listens set listened_at = '2026-11-01' where id = 700",
    keys: ['700'],
    left: [700],
  },
  'a row that is inserted with an old date': {
    sql: "insert into listens values (5000, '2024-01-01 02:00:30+00', 'late')",
    keys: ['5000'],
    left: [5_000],
  },
  'a child that is added': {
    sql: "insert into claps (listen_id, note) values (700, 'late')",
    keys: ['700'],
    left: [700],
  },
  'a child that is changed': {
    sql: "update claps set note = 'changed' where listen_id = 700",
    keys: ['700'],
    left: [700],
  },
  'a child that is deleted': { sql: 'delete from claps where listen_id = 700', keys: ['700'], left: [700] },
  'a child that goes with another row': {
    sql: 'update claps set listen_id = 699 where listen_id = 700',
    keys: ['699', '700'],
    left: [699, 700],
  },
  'a row that is deleted': {
    sql: 'delete from claps where listen_id = 700; delete from listens where id = 700',
    keys: ['700'],
    left: [],
  },
};

describe.each(Object.entries(changes))('%s between copy and deletion', (_, { sql, keys, left }) => {
  const archivedIds = async () => {
    const { keys: archived, excluded } = await at.archived();
    return { archived: archived.map(Number), excluded };
  };

  it('keeps everything from being deleted in that run, which names it; the next one goes on without it', async () => {
    const outcome = await at.archive(once('archive-recorded', () => at.admin.query(sql)));
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, archived: 1_200 });
    expect(outcome.faults).toMatchObject([{ rule: 'row-changed', evidence: { rows: keys.length, keys } }]);
    expect((await at.ids()).length).toBe(1_200 + (left.includes(5_000) ? 1 : 0) - (left.length === 0 ? 1 : 0));
    await finish();
  });

  it('is left out by a run that finishes what another one began', async () => {
    await endAt('archive-recorded');
    await at.admin.query(sql);
    await finish();
  });

  /** Each row ends in one place, in its last form. */
  async function finish(): Promise<void> {
    const { rows } = await at.admin.query('select count(*)::int as n from claps');
    const outcome = await at.archive(once('completed', async () => expect(await at.ids()).toEqual(left)));
    expect(outcome.faults).toMatchObject([{ rule: 'row-changed', evidence: { keys } }]);
    const young = (await at.ids()).length;
    expect(outcome.state).toBe('done');
    const { archived, excluded } = await archivedIds();
    expect(excluded).toEqual(left.includes(5_000) ? [] : keys);
    expect(new Set(archived).size).toBe(archived.length);
    const expected = new Set([...Array.from({ length: 1_200 }, (__, index) => index + 1), ...left]);
    if (left.length === 0) expected.delete(700);
    for (const id of await at.ids()) expected.delete(id);
    expect(new Set(archived)).toEqual(expected);
    const inTable = await at.admin.query('select count(*)::int as n from claps');
    expect((await at.archived()).children.length + inTable.rows[0].n).toBe(rows[0].n);
    expect(young).toBe(sql.includes('2026') ? 1 : 0);
  }
});

describe('a table that is altered between copy and deletion', () => {
  it.each([
    ['a column that is added', "add column mood text default 'calm'", 'the column mood has been added since'],
    [
      'a column of another type',
      'alter column note type varchar(40)',
      'note is character varying(40) now and was text',
    ],
    ['a column of another name', 'rename column note to words', 'the column note is not there any more'],
  ])('has other rows by %s: nothing is deleted, and the next run archives them anew', async (_, change, told) => {
    const outcome = await at.archive(once('archive-recorded', () => at.admin.query(`alter table listens ${change}`)));
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0 });
    expect(outcome.faults).toMatchObject([{ rule: 'row-changed', detail: expect.stringContaining(told) }]);
    await expectAllThere();
    const next = await at.archive();
    expect(next).toMatchObject({ state: 'done', archived: 1_200, deleted: 1_200 });
    expect(next.faults).toMatchObject([{ rule: 'row-changed', detail: expect.stringContaining(told) }]);
    const { keys, excluded, children } = await at.archived();
    expect([keys.length, excluded.length, children.length]).toEqual([1_200, 1_200, 800]);
    expect(await at.ids()).toEqual([]);
  });

  it('as a child is another one too', async () => {
    const outcome = await at.archive(
      once('archive-recorded', () => at.admin.query('alter table claps add column loud boolean')),
    );
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, faults: [{ rule: 'row-changed' }] });
    await expectAllThere();
    expect(await at.archive()).toMatchObject({ state: 'done', archived: 1_200, deleted: 1_200 });
  });

  it('while batches are deleted loses no further one', async () => {
    const outcome = await at.archive({
      policy: smallBatches,
      ...once('batch-final', () => at.admin.query("alter table listens add column mood text default 'calm'")),
    });
    expect(outcome).toMatchObject({ state: 'stopped', faults: [{ rule: 'row-changed' }] });
    expect(outcome.faults[0]?.detail).toContain('the column mood has been added since');
    const left = await at.ids();
    expect(left).toHaveLength(1_200 - outcome.deleted);
    expect(left).not.toEqual([]);
    const next = await at.archive({ policy: smallBatches });
    expect(next).toMatchObject({ state: 'done', archived: left.length, deleted: left.length });
    const { keys, excluded } = await at.archived();
    expect([keys.length, excluded.length]).toEqual([1_200, left.length]);
    expect(await at.ids()).toEqual([]);
  });

  it('has the same rows when a column may not be NULL any more', async () => {
    const outcome = await at.archive(
      once('archive-recorded', () => at.admin.query('alter table listens alter note set not null')),
    );
    expect(outcome).toMatchObject({ state: 'done', deleted: 1_200, faults: [] });
  });
});

describe('a row that changes while batches are deleted', () => {
  it('stays, with all of its batch; the next run goes on without it', async () => {
    const policy = { policy: smallBatches };
    const outcome = await at.archive({
      ...policy,
      ...once('batch-final', () => at.admin.query("update listens set note = 'corrected' where id = 1100")),
    });
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 1_000 });
    expect(outcome.faults).toMatchObject([{ rule: 'row-changed' }]);
    expect(await at.ids()).toHaveLength(200);
    const next = await at.archive(policy);
    expect(next).toMatchObject({ state: 'done', archived: 1, deleted: 200 });
    const { keys, excluded } = await at.archived();
    expect([keys.length, excluded]).toEqual([1_200, ['1100']]);
  });
});

/** Passes on what a server and its clients say, until it lets go of the server: clients are told when they next say something. */
async function startRelay(url: string) {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();
  const { hostname, port } = new URL(url);
  let isCut = false;
  const listener = createServer((client) => {
    const server = connect(Number(port), hostname);
    pairs.add({ client, server });
    const end = () => {
      if (!isCut) client.destroy();
    };
    client.on('error', () => {}).on('close', () => server.destroy());
    server.on('error', () => {}).on('close', end);
    client.on('data', (bytes) => (isCut ? client.destroy() : server.write(bytes)));
    server.on('data', (bytes) => client.write(bytes));
  }).listen(0, '127.0.0.1');
  await happens(listener, 'listening');
  const own = new URL(url);
  own.host = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  return {
    url: own.href,
    cut() {
      isCut = true;
      for (const { server } of pairs) server.destroy();
    },
    [Symbol.dispose]() {
      listener.close();
      for (const { client } of pairs) client.destroy();
    },
  };
}

describe('a run that has lost its lock and does not know', () => {
  it('gives no files a manifest that the next run may have removed', async () => {
    using relay = await startRelay(at.url);
    const outcome = await at.archive({
      context: { databases: { main: { url: at.url, writer: { url: relay.url } } } },
      ...once('read-back', async () => {
        const files = [...bucket().keysFrom('archives/')];
        relay.cut();
        // The server lets go of the lock when it sees that nobody is there.
        const held = "select from pg_locks where locktype = 'advisory' and granted";
        while ((await at.admin.query(held)).rowCount !== 0) await setTimeout(20);
        await endAt('leftovers-removed');
        expect(files).toHaveLength(2);
        expect([...bucket().keysFrom('archives/')]).toEqual([]);
      }),
    });
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, faults: [], unchecked: [{ reason: 'lock-lost' }] });
    await expectAllThere();
    // What it left keeps nobody up.
    expect(await at.archive()).toMatchObject({ state: 'done', deleted: 1_200, faults: [], unchecked: [] });
    expect((await at.archived()).keys).toHaveLength(1_200);
  });
});
