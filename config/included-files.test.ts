import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { includeFiles } from './included-files.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'caretaker-include-'));
  await put('a.json', '{"a":1}');
  await put('below/list.json', '[1,2]');
  await put('bom.json', '\uFEFF{"a":1}');
  await put('nested.json', '{"inner":{"$file":"a.json"}}');
  await put('own.json', '{"$file":"a.json"}');
  await put('broken.json', 'password=geheim');
  await put('proto.json', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
  await put('node_modules/maps/data/city.json', '"the city"');
  await put('node_modules/@scope/maps/city.json', '"scoped"');
  await put('node_modules/closed/package.json', '{"name":"closed","exports":{".":"./index.js"}}');
  await put('node_modules/closed/data.json', '1');
});
afterAll(() => rm(directory, { recursive: true }));

async function put(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(directory, name)), { recursive: true });
  await writeFile(join(directory, name), text);
}

/** Includes as a configuration in that folder does. */
function include(value: unknown) {
  return includeFiles(value, join(directory, 'caretaker.config.json'));
}

async function contentOf(value: unknown): Promise<unknown> {
  const { value: included, faults } = await include(value);
  expect(faults).toEqual([]);
  return included;
}

describe('includeFiles', () => {
  it('puts the JSON of a file in place of an object that names it, however deep that is', async () => {
    const value = { x: [{ y: { $file: 'a.json' } }, { $file: './below/list.json' }], z: 1 };
    expect(await contentOf(value)).toEqual({ x: [{ y: { a: 1 } }, [1, 2]], z: 1 });
    expect(await contentOf({ $file: join(directory, 'a.json') })).toEqual({ a: 1 });
  });

  it('finds files of packages as Node does from the configuration', async () => {
    expect(await contentOf({ $file: 'npm:maps/data/city.json' })).toBe('the city');
    expect(await contentOf({ $file: 'npm:@scope/maps/city.json' })).toBe('scoped');
    const here = await includeFiles({ $file: 'npm:us-atlas/counties-10m.json' }, 'caretaker.config.ts');
    expect(here).toMatchObject({ value: { type: 'Topology' }, faults: [] });
  });

  it('leaves everything else as it is, the very same', async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const value = { circle, date: new Date(0), list: [1, { $file: 'a.json', more: 1 }], nothing: null, call: () => {} };
    expect(await contentOf(value)).toBe(value);
  });

  it('leaves what files hold as it is', async () => {
    expect(await contentOf({ $file: 'nested.json' })).toEqual({ inner: { $file: 'a.json' } });
    expect(await contentOf({ $file: 'own.json' })).toEqual({ $file: 'a.json' });
  });

  it('takes no offence at a byte order mark', async () => {
    expect(await contentOf({ $file: 'bom.json' })).toEqual({ a: 1 });
  });

  it('changes nothing of what every object has', async () => {
    const value = JSON.parse('{"x":{"$file":"proto.json"},"__proto__":{"y":{"$file":"a.json"},"polluted":1}}');
    const included = (await contentOf(value)) as Record<string, unknown>;
    expect(Object.keys(included)).toEqual(['x', '__proto__']);
    expect(Object.getPrototypeOf(included)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each<[string, unknown, string]>([
    ['that is missing', 'absent.json', 'absent.json cannot be read: ENOENT'],
    ['that is a folder', 'below', 'is not a file'],
    ['that is a device', '/dev/zero', 'is not a file'],
    ['that is not JSON', 'broken.json', 'broken.json is not JSON'],
    ['without a name', '', '$file is not the path of a file'],
    ['whose name is a number', 5, '$file is not the path of a file'],
    ['of a package that is not installed', 'npm:absent/a.json', 'install the package'],
    ['that a package does not export', 'npm:closed/data.json', 'npm:closed/data.json is not there'],
    ['of no package', 'npm:../a.json', 'is not npm:<package>/<path>'],
    ['that is a package', 'npm:maps', 'is not npm:<package>/<path>'],
  ])('names the key and the fault of a file %s', async (_, $file, message) => {
    const { faults } = await include({ areas: [{ data: { $file } }] });
    expect(faults).toEqual([{ path: 'areas[0].data', message: expect.stringContaining(message) }]);
  });

  it('shows nothing of a file that is not JSON', async () => {
    expect(JSON.stringify(await include({ $file: 'broken.json' }))).not.toContain('geheim');
  });

  it('reads no file that is too large', async () => {
    const file = await open(join(directory, 'large.json'), 'w');
    await file.truncate(20_000_001);
    await file.close();
    const { faults } = await include({ $file: 'large.json' });
    expect(faults[0]?.message).toMatch(/20000001 bytes; 20000000 are the most/);
  });

  it('names every fault at once', async () => {
    const { faults, value } = await include({ a: { $file: 'x' }, b: { $file: 'y' }, c: { $file: 'a.json' } });
    expect(faults.map(({ path }) => path)).toEqual(['a', 'b']);
    expect(value).toEqual({ a: undefined, b: undefined, c: { a: 1 } });
  });
});
