import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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

  const estate = { name: 'nycmg' };
  const withAreas = (areas: object) => JSON.stringify({ estate, tasks: { 'integrity-audit': { areas } } });

  it('reads what other files hold, in JSON and TypeScript alike', async () => {
    await writeFile(join(directory, 'parks.json'), '{"type":"FeatureCollection","features":[]}');
    const parks = { data: { $file: 'parks.json' } };
    const expected = { parks: { data: { type: 'FeatureCollection', features: [] } } };
    const fromJson = await load('areas.json', withAreas({ parks }));
    expect(fromJson.tasks['integrity-audit']?.config.areas).toMatchObject(expected);
    const fromTs = await load('areas.ts', `export default ${withAreas({ parks })};\n`);
    expect(fromTs.tasks['integrity-audit']?.config.areas).toMatchObject(expected);
  });

  it('names every fault at once: of files that cannot be read, and of the rest, but nothing twice', async () => {
    await writeFile(join(directory, 'number.json'), '5');
    const areas = {
      lost: { data: { $file: 'absent.json' } },
      odd: { data: { $file: 'number.json' } },
      fine: { data: { type: 'Topology' }, bogus: 1 },
    };
    const error = await load('faults.json', withAreas(areas)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    const at = 'tasks.integrity-audit.areas';
    expect((error as ConfigError).faults).toEqual([
      { path: `${at}.lost.data`, message: expect.stringContaining('cannot be read') },
      { path: `${at}.odd.data`, message: 'not a FeatureCollection of GeoJSON, nor a Topology of TopoJSON' },
      { path: `${at}.fine.bogus`, message: 'unknown key' },
    ]);
  });

  it('says nothing of what large files hold when something else is wrong', async () => {
    const areas = {
      counties: { data: { $file: fileURLToPath(import.meta.resolve('us-atlas/counties-10m.json')) }, bogus: 1 },
    };
    const error = await load('large.json', withAreas(areas)).catch((thrown: unknown) => thrown);
    expect((error as ConfigError).message.length).toBeLessThan(500);
  });
});
