import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FileLedgerStore } from '../shared/ledger/file-ledger-store.ts';
import { Ledger } from '../shared/ledger/ledger.ts';
import { ledgerRecord } from '../shared/ledger/ledger-fixtures.ts';
import type { LedgerStore } from '../shared/ledger/ledger-store.ts';
import { caretakerIn, purgeConfiguration, startStage } from './desk-fixtures.ts';

let directory: string;
let state: string;
let folder: string;
const at = new Date('2026-11-20T12:00:00.000Z');
const chain = 'data-purge/uploads';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'caretaker-ledger-'));
  await writeFile(join(directory, 'estate.json'), JSON.stringify({ estate: purgeConfiguration.estate }));
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(async () => {
  state = await mkdtemp(join(directory, 'state-'));
  folder = join(state, 'caretaker', 'nycmg', 'ledgers');
});

const ledger = (...args: string[]) =>
  caretakerIn(directory, ['ledger', ...args, '--config', 'estate.json'], { XDG_STATE_HOME: state });

async function written(entries: number, store: LedgerStore = new FileLedgerStore(folder), name = chain) {
  const opened = await Ledger.open(store, name, () => at);
  for (let index = 1; index <= entries; index += 1) {
    await opened.append(ledgerRecord({ subject: 'uploads', target: 'nycmg-uploads', facts: { batch: index } }));
  }
  return opened;
}

describe('caretaker ledger verify', () => {
  it('proves every ledger, and says by which hash each can be recognized', async () => {
    const last = (await written(3)).last?.hash;
    await written(1, undefined, 'integrity-audit/main');
    const { code, stdout, stderr } = await ledger('verify');
    expect([code, stderr]).toEqual([0, '']);
    expect(
      stdout.replace(/last hash (?!LAST)[0-9a-f]{64}\nint/, 'last hash LAST\nint'),
    ).toContain(`data-purge/uploads  proven
    3 entries as written, from 2026-11-20T12:00:00.000Z to
      2026-11-20T12:00:00.000Z
    last hash`);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('Proven: 4 entries in 2 ledgers on this machine');
    const json = JSON.parse((await ledger('verify', chain, '--json')).stdout);
    expect(json).toMatchObject({ isProven: true, chains: [{ chain, entries: 3, lastHash: last, faults: [] }] });
  });

  it('exits with 1 for a ledger that somebody has changed or shortened, and names the entry', async () => {
    await written(3);
    const path = join(folder, chain, '00000002.json');
    const line = await readFile(path, 'utf8');
    await writeFile(path, line.replace('"ada"', '"eve"'));
    const changed = await ledger('verify');
    expect([changed.code, changed.stdout.includes('NOT PROVEN')]).toEqual([1, true]);
    expect(changed.stdout.replaceAll(/\s+/g, ' ')).toContain('The ledger is broken at entry 2: its content does not');
    expect(changed.stdout).toContain('docs/runbook.md#ledger-broken');
    await writeFile(path, line);
    await rm(join(folder, chain, '00000003.json'));
    const shortened = await ledger('verify', '--json');
    expect([shortened.code, JSON.parse(shortened.stdout)]).toMatchObject([
      1,
      { isProven: false, chains: [{ entries: 2, faults: [{ sequence: 3 }, { sequence: 3 }] }] },
    ]);
  });

  it('exits with 1 for an intention that nothing tells the end of', async () => {
    const opened = await Ledger.open(new FileLedgerStore(folder), chain, () => at);
    await opened.append(ledgerRecord({ outcome: 'intended', action: 'purge' }));
    await opened.append(ledgerRecord());
    const { code, stdout } = await ledger('verify');
    expect(code).toBe(1);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('Nothing tells what became of entry 1: purge of main');
  });

  it('does not call proven what is not there', async () => {
    const none = await ledger('verify');
    expect([none.code, none.stdout]).toEqual([1, 'NOT PROVEN: there is no ledger on this machine.\n']);
    await written(1);
    const misspelt = await ledger('verify', 'data-purge/uplaods');
    expect([misspelt.code, misspelt.stdout.replaceAll(/\s+/g, ' ')]).toEqual([
      1,
      'NOT PROVEN: there is no ledger data-purge/uplaods on this machine. ' +
        'Those that there are: caretaker ledger verify --config estate.json ',
    ]);
    expect((await ledger('verify', '../x')).code).toBe(2);
  });

  it('looks into the bucket of a stage, and sees what was deleted there', async () => {
    await using stage = await startStage({ 'caretaker-prod-data-purge': {} });
    await written(12, stage.ledgers);
    const verify = () => caretakerIn(directory, ['ledger', 'verify', '--stage', 'prod'], stage.environment);
    const proven = await verify();
    expect([proven.code, proven.stderr]).toEqual([0, '']);
    expect(proven.stdout.replaceAll(/\s+/g, ' ')).toContain('12 entries in 1 ledger on the stage prod');
    await stage.s3.send(new DeleteObjectCommand({ Bucket: stage.bucket, Key: `${chain}/00000012.json` }));
    const shortened = await verify();
    expect(shortened.code).toBe(1);
    expect(shortened.stdout.replaceAll(/\s+/g, ' ')).toContain('A delete marker');
  });
});

describe('caretaker ledger show', () => {
  it('prints the entries, all or the newest', async () => {
    await written(12);
    const { code, stdout } = await ledger('show', chain);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^1 {2}2026-11-20T12:00:00\.000Z {2}ada\n {4}done: purge uploads in nycmg-uploads, 3 before, 0 after\n/,
    );
    expect(stdout.match(/^\d+ {2}2026/gm)).toHaveLength(12);
    const json = JSON.parse((await ledger('show', chain, '--last', '2', '--json')).stdout);
    expect(json.map(({ sequence }: { sequence: number }) => sequence)).toEqual([11, 12]);
  });

  it('prints what is proven of a broken one, and says where it ends', async () => {
    await written(3);
    await rm(join(folder, chain, '00000002.json'));
    const { code, stdout, stderr } = await ledger('show', chain, '--json');
    expect([code, JSON.parse(stdout).length]).toEqual([1, 1]);
    expect(stderr).toContain('The ledger is broken at entry 2');
  });

  it('exits with 1 where there is none, and with 2 for wrong usage', async () => {
    const none = await ledger('show', chain, '--json');
    expect([none.code, none.stdout, none.stderr]).toEqual([1, '[]\n', `${chain} has no entries.\n`]);
    expect((await ledger('show', chain, '--last', '0')).code).toBe(2);
    expect((await ledger('show')).code).toBe(2);
  });

  it('shows what somebody has written as text and nothing else', async () => {
    const opened = await Ledger.open(new FileLedgerStore(folder), chain, () => at);
    await opened.append(ledgerRecord({ facts: { note: 'a\u001b[2J\u009b2Jb' } }));
    for (const args of [[], ['--json']]) {
      const { stdout } = await ledger('show', chain, ...args);
      expect(stdout).not.toContain('\u001b');
      expect(stdout).not.toContain('\u009b');
    }
  });
});
