import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Desk,
  type RestoreServer,
  startRestoreServer,
} from '../functions/data-archival/restore/archive-fixtures.ts';
import { FileLedgerStore } from '../shared/ledger/file-ledger-store.ts';

let at: RestoreServer;
let desk: Desk;
let directory: string;
let state: string;
/** Of the ledgers of this machine. */
let ledgers: FileLedgerStore;
beforeAll(async () => {
  at = await startRestoreServer();
  directory = await mkdtemp(join(tmpdir(), 'caretaker-restore-'));
});
afterAll(async () => {
  await at?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
beforeEach(async () => {
  state = await mkdtemp(join(directory, 'state-'));
  ledgers = new FileLedgerStore(join(state, 'caretaker', 'nycmg', 'ledgers'));
  desk = at.desk();
  await at.client.query(`
    drop schema public cascade; create schema public; drop schema if exists scratch cascade;
    create table listens (id integer primary key, heard timestamptz not null, title text);
    insert into listens select n, '2020-01-01', 'secret ' || n from generate_series(1, 1200) n`);
  await desk.archive({ ageColumn: 'heard', tables: [{ table: 'public.listens' }], excludedKeys: [['7']] });
});

/** Has this machine be the one that archived. */
async function record(): Promise<void> {
  for await (const name of desk.ledgers.list('')) await ledgers.add(name, (await desk.ledgers.read(name)) as string);
}

async function caretaker(...args: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,

      XDG_STATE_HOME: state,
      ...at.objects.environment,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...texts };
}

async function restore(...args: string[]) {
  const path = join(directory, 'estate.json');
  const policy = { id: 'listens', table: 'listens', ageColumn: 'heard', retention: { days: 1 }, index: 'by_age' };
  const configuration = {
    estate: { name: 'nycmg', timeZone: 'America/New_York' },
    databases: { main: { url: at.postgres.url, writer: { url: at.postgres.url } }, other: { url: at.postgres.url } },
    tasks: { 'data-archival': { policies: [policy], destination: { bucket: 'archives', prefix: desk.prefix } } },
  };
  await writeFile(path, JSON.stringify(configuration));
  return caretaker('restore', ...args, '--config', path);
}

/** Without what is another one each time. */
function plain(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'SHA256')
    .replaceAll(/\b[0-9a-f]{16}\b/g, 'HASH')
    .replaceAll(desk.prefix, 'prefix/')
    .replaceAll(join(directory, 'estate.json'), 'FILE');
}

describe('caretaker restore', () => {
  it('proves an archive, loads nothing, and says how to load it', async () => {
    await record();
    const written = await readdir(state, { recursive: true });
    const { code, stdout, stderr } = await restore('listens');
    expect([code, stderr]).toEqual([0, '']);
    expect(plain(stdout)).toBe(`Restore of listens/1 · nycmg

  manifest  s3://archives/prefix/listens/00000001/manifest.json
  SHA-256   SHA256
  proven    every file and every row; the chain holds; the ledger tells of it
  archived  2026-11-20 07:00 -05:00, from database main
  rows      public.listens: 1,200 rows, hash HASH
  left out  1 row left out, which had changed and so was never taken away

Verified: Every row is as it was archived. Nothing was loaded.

To look at them in a schema of their own, in database main:
  caretaker restore listens --config FILE --into <schema>

To put them back into public.listens:
  caretaker restore listens --config FILE --apply
`);
    expect(stdout).not.toContain('secret');
    expect(await readdir(state, { recursive: true })).toEqual(written);
  });

  it('proves an archive that the ledger does not tell of, and loads it only with --unrecorded', async () => {
    const proven = await restore('listens');
    expect([proven.code, proven.stderr]).toEqual([0, '']);
    expect(plain(proven.stdout)).toContain('the ledger here does not\n            know it\n');
    expect(plain(proven.stdout)).toContain(`
Whoever can write into the bucket may have made it: load it only when you know
  where it comes from.

To look at them in a schema of their own, in database main:
  caretaker restore listens --config FILE --into <schema> --unrecorded
`);
    const refused = await restore('listens', '--into', 'scratch');
    expect(refused.code).toBe(1);
    expect(refused.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'REFUSED (unrecorded): The ledger here tells neither of s3:',
    );
    expect(await readdir(state)).toEqual([]);
    const { code, stdout } = await restore('listens', '--into', 'scratch', '--unrecorded');
    expect([code, stdout]).toEqual([0, expect.stringContaining('Restored:')]);
  });

  it('loads it into a schema, and tells where the rows are and that they are equal', async () => {
    await record();
    const { code, stdout } = await restore(
      `s3://archives/${desk.prefix}listens/00000001/manifest.json`,
      '--into',
      'scratch',
    );
    expect(code).toBe(0);
    expect(plain(stdout)).toContain(`
Restored: Every row is there as it was archived: count and hash are equal.
  scratch.listens: 1,199 rows, hash HASH; 1 row left out, which had
    changed and so was never taken away
Entry 2 of the ledger of restores.

They are in database main, in scratch.listens.
`);
    expect((await at.client.query('select from scratch.listens')).rowCount).toBe(1_199);
    const again = await restore('listens', '--into', 'scratch', '--json');
    expect(again.code).toBe(1);
    expect(JSON.parse(again.stdout)).toMatchObject({ outcome: 'refused', code: 'table-exists', loaded: [] });
  });

  it('puts rows back only when told to apply, and exits with 1 when they are there', async () => {
    await record();
    const refused = await restore('listens/1', '--apply');
    expect(refused.code).toBe(1);
    expect(refused.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'REFUSED (conflicts): public.listens has 1,199 of these rows already: id=1; id=2; id=3;',
    );
    await at.client.query('delete from listens where id <> 7');
    const { code, stdout } = await restore('listens/1', '--apply');
    expect(code).toBe(0);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('caretaker pause data-archival --policy listens');
    expect((await at.client.query('select from listens')).rowCount).toBe(1_200);
    const shown = await caretaker('ledger', 'verify', '--config', join(directory, 'estate.json'));
    expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining('data-archival/listens.restores')]);
  });

  it('exits with 1 when an archive is not what was written, and says what is wrong', async () => {
    await record();
    const key = `${desk.prefix}listens/00000001/attempt-1/public.listens.copy.zst`;
    await at.replace(key, (bytes) => bytes.with(100, (bytes[100] as number) ^ 1));
    const { code, stdout } = await restore('listens', '--into', 'scratch');
    expect(code).toBe(1);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`FAILED (archive-corrupt): s3://archives/${key}: `);
    expect(await at.client.query("select from pg_namespace where nspname = 'scratch'")).toMatchObject({ rowCount: 0 });
  });

  it.each([
    ['a policy that is not configured', ['tracks'], 'policies: listens'],
    ['both ways', ['listens', '--into', 'x', '--apply'], 'exclude each other'],
    ['what the ledger tells of, when nothing is loaded', ['listens', '--unrecorded'], 'goes with --into or --apply'],
    ['a schema without a name', ['listens', '--into', ''], 'name of a schema'],
    ['the sandbox with a configuration', ['listens', '--sandbox'], 'brings its own'],
  ])('exits with 2 for %s', async (_, args, text) => {
    const { code, stdout, stderr } = await restore(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(text);
  });
});
