import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { caretakerIn } from './desk-fixtures.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'caretaker-apply-'));
  const configuration = { estate: { name: 'nycmg', timeZone: 'America/New_York' } };
  await writeFile(join(directory, 'estate.json'), JSON.stringify(configuration));
});
afterAll(() => rm(directory, { recursive: true }));

const run = (...args: string[]) =>
  caretakerIn(directory, ['run', ...args, '--config', 'estate.json'], { XDG_STATE_HOME: join(directory, 'state') });

describe('caretaker run of a task that changes things', () => {
  it('is a dry one unless it is told to apply', async () => {
    const dry = await run('data-purge', '--json');
    expect([dry.code, dry.stderr, JSON.parse(dry.stdout).mode]).toEqual([0, '', 'dry-run']);
    const applied = await run('data-purge', '--json', '--apply');
    expect([applied.code, applied.stderr, JSON.parse(applied.stdout).mode]).toEqual([0, '', 'apply']);
  });

  it('applies only those that change things of several, and refuses to apply none', async () => {
    const both = JSON.parse((await run('certificate-expiry', 'data-purge', '--json', '--apply')).stdout);
    expect(both.map(({ task, mode }: Record<string, string>) => [task, mode])).toEqual([
      ['certificate-expiry', 'dry-run'],
      ['data-purge', 'apply'],
    ]);
    const none = await run('certificate-expiry', 'integrity-audit', '--apply');
    expect([none.code, none.stdout]).toEqual([2, '']);
    expect(none.stderr).toContain('certificate-expiry, integrity-audit: changes nothing');
  });
});
