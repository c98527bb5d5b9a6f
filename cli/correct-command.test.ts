import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CorrectionServer,
  startCorrectionServer,
  untitled,
} from '../functions/integrity-audit/corrections/correction-fixtures.ts';

let at: CorrectionServer;
let directory: string;
let state: string;
beforeAll(async () => {
  at = await startCorrectionServer();
  directory = await mkdtemp(join(tmpdir(), 'caretaker-correct-'));
});
afterAll(async () => {
  await at[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});
beforeEach(async () => {
  await at.reset();
  state = await mkdtemp(join(directory, 'state-'));
});

async function caretaker(...args: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, XDG_STATE_HOME: state },
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

const statement = "update tracks\n  set title = 'Untitled'\nwhere title is null";
const titles = { ...untitled, owner: 'catalogue', correction: { kind: 'sql', statement } };
const manual = { ...untitled, id: 'ask', correction: { kind: 'manual', instructions: 'Ask the label.' } };
const keys = { ...untitled, id: 'keys', correction: { kind: 'quarantine', table: 'quarantine' } };
const plain = { ...untitled, id: 'plain' };

async function configured(rules: readonly object[] = [titles, manual, keys, plain], writer = true): Promise<string> {
  const path = join(directory, 'estate.json');
  const configuration = {
    estate: { name: 'nycmg', timeZone: 'America/New_York' },
    databases: { main: { url: at.readerUrl, ...(writer ? { writer: { url: at.writerUrl } } : {}) } },
    tasks: { 'integrity-audit': { rules } },
  };
  await writeFile(path, JSON.stringify(configuration));
  return path;
}

const correct = async (...args: string[]) => caretaker('correct', ...args, '--config', await configured());

describe('caretaker correct', () => {
  it('shows the plan, changes nothing and says how to apply it', async () => {
    const { code, stdout, stderr } = await correct('titles');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.replaceAll(/[0-9a-f]{16}/g, 'HASH').replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d -0[45]:00/g, 'TIME')).toBe(
      `Correction of titles · nycmg

  rule          medium, database main
  owner         catalogue
  violations    3
                id=3
                id=4
                id=5
  correction    sql
  expects       3 rows
  plan          HASH of TIME
  holds until   TIME

Statement
  update tracks
    set title = 'Untitled'
  where title is null

Plan: Runs the statement that the configuration has for this rule.

To apply just this: caretaker correct titles --config ${join(directory, 'estate.json')} --apply
`,
    );
    expect(await at.column('select count(*)::int from tracks where title is null')).toEqual([3]);
  });

  it('applies the plan that was shown, and remembers who did it in a ledger that only the user can read', async () => {
    await correct('titles');
    const { code, stdout } = await correct('titles', '--apply');
    expect(stdout).toContain('violations    3 before, 0 now');
    expect(stdout).toContain(
      'Applied: The statement has changed 3 rows. No violation is left.\nEntry 2 of the ledger.',
    );
    expect(code).toBe(0);
    expect(await at.column('select count(*)::int from tracks where title is null')).toEqual([0]);
    const folder = join(state, 'caretaker', 'nycmg', 'ledgers', 'integrity-audit', 'main');
    expect((await readdir(folder)).sort()).toEqual(['.head', '00000001.json', '00000002.json']);
    const { stdout: json } = await correct('ask', '--done', 'asked them', '--json');
    expect(JSON.parse(json)).toMatchObject({ outcome: 'attended', remaining: 0, ledgerEntry: 3 });
    const entry = JSON.parse(await readFile(join(folder, '00000003.json'), 'utf8'));
    const actor = `${userInfo().username}@${hostname()}`;
    expect(entry).toMatchObject({ actor, outcome: 'attended', facts: { note: 'asked them' } });
    expect((await stat(join(folder, '00000003.json'))).mode & 0o077).toBe(0);
  });

  it('exits with 1 when it is refused, and says why and that nothing was changed', async () => {
    await correct('titles');
    await at.client.query('update tracks set title = null where id = 7');
    const { code, stdout } = await correct('titles', '--apply');
    expect(code).toBe(1);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'REFUSED (count-differs): There are 4 violations now, and 3 in the plan. ' +
        '`caretaker correct titles` shows it as it is now. Nothing was changed.',
    );
  });

  it('prints one JSON document, whatever came of it', async () => {
    const planned = JSON.parse((await correct('keys', '--json')).stdout);
    expect(planned).toMatchObject({
      rule: 'keys',
      outcome: 'planned',
      violations: 3,
      samples: ['id=3', 'id=4', 'id=5'],
    });
    expect(planned.plan.statements.at(-1).parameters).toEqual(['keys', planned.plan.hash]);
    expect(JSON.parse((await correct('keys', '--apply', '--json')).stdout)).toMatchObject({ outcome: 'applied' });
    const again = await correct('keys', '--apply', '--json');
    expect([again.code, JSON.parse(again.stdout).code]).toEqual([1, 'already-applied']);
  });

  it('shows what a person has to do, and how to say that it is done', async () => {
    const { code, stdout } = await correct('ask');
    expect(code).toBe(0);
    expect(stdout).toContain('For a person: Ask the label.');
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /When it is done: caretaker correct ask --config \S+ --done "<what was done>"/,
    );
  });

  it('says that nobody may write, in the plan already', async () => {
    const { code, stdout } = await caretaker('correct', 'titles', '--config', await configured([titles], false));
    expect(code).toBe(0);
    expect(stdout).toContain('It cannot be applied: databases.main has no writer');
    expect((await caretaker('correct', 'titles', '--apply', '--config', await configured([titles], false))).code).toBe(
      1,
    );
  });

  it('exits with 1 when the database cannot be reached', async () => {
    const path = await configured([titles]);
    const unreachable = { databases: { main: { url: 'postgres://a:b@127.0.0.1:1/x' } }, estate: { name: 'nycmg' } };
    await writeFile(path, JSON.stringify({ ...unreachable, tasks: { 'integrity-audit': { rules: [titles] } } }));
    const { code, stdout } = await caretaker('correct', 'titles', '--config', path);
    expect(code).toBe(1);
    expect(stdout).toContain('FAILED (unreachable)');
  });

  it('has nothing on the terminal that acts on it, whatever a rule or a key says', async () => {
    await at.client.query(`alter table tracks rename id to "i\u001b[31md"`);
    const rule = {
      ...untitled,
      owner: '\u001b]0;owner\u0007',
      query: 'select "i\u001b[31md", chr(27) as escape from tracks where title is null',
      key: ['i\u001b[31md', 'escape'],
      correction: { kind: 'sql', statement: "update tracks set title = '\u001b[2J\u0085' where title is null" },
    };
    for (const more of [[], ['--json']]) {
      const { stdout } = await caretaker('correct', 'titles', '--config', await configured([rule]), ...more);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      expect(stdout).toContain('owner');
    }
  });

  it.each([
    ['a rule that is none', ['titels'], 'no such rule of integrity-audit'],
    ['a rule whose name leads elsewhere', ['../../titles'], 'those with a correction: titles, ask, keys'],
    ['a rule with an escape sequence in its name', ['\u001b[31m'], '\\u001b[31m'],
    ['a rule without a correction', ['plain'], 'the rule plain has no correction'],
    ['--apply and --done', ['ask', '--apply', '--done', 'x'], 'exclude each other'],
    ['--done without a note', ['ask', '--done', ' '], '--done needs a note'],
    ['--done for what is not for a person', ['titles', '--done', 'x'], 'apply it with --apply'],
    ['no rule', [], "missing required argument 'rule'"],
  ])('exits with 2, having done nothing, for %s', async (_, args, message) => {
    const { code, stdout, stderr } = await correct(...args);
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('exits with 2 for --sandbox with a configuration', async () => {
    expect((await correct('titles', '--sandbox')).code).toBe(2);
  });
});
