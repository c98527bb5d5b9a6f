import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../shared/config-error.ts';
import { loadConfiguration } from './load.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'caretaker-config-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function load(name: string, text: string) {
  const path = join(directory, name);
  await writeFile(path, text);
  return loadConfiguration(path);
}

describe('loadConfiguration', () => {
  it('reads JSON and TypeScript', async () => {
    expect((await load('a.json', '{"estate":{"name":"nycmg"}}')).estate.name).toBe('nycmg');
    const module = "const name: string = 'nycmg';\nexport default { estate: { name } };\n";
    expect((await load('a.ts', module)).estate.name).toBe('nycmg');
  });

  it.each([
    ['broken.json', '{', 'JSON'],
    ['broken.ts', 'export default {', ''],
    ['throws.ts', "throw new Error('no luck')", 'no luck'],
    ['nothing.ts', 'export const x = 1', 'default export'],
    ['wrong.yaml', 'estate: {}', '.json'],
  ])('names the file and the fault of %s', async (name, text, message) => {
    const loading = load(name, text);
    await expect(loading).rejects.toThrow(ConfigError);
    await expect(loading).rejects.toThrow(name);
    await expect(loading).rejects.toThrow(message);
  });

  it('says so when there is no such file', async () => {
    await expect(loadConfiguration(join(directory, 'absent.json'))).rejects.toThrow(/cannot be read/);
  });
});
