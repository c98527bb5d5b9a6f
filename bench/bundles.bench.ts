import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Metafile } from 'esbuild';
import * as registry from '../functions/index.ts';
import { bundle } from '../infra/bundle.ts';
import { median } from './median.ts';

const rounds = 9;
const goalBytes = 1_000_000;

/**
 * Prints the size of each function's minified bundle and how long this Node takes to load it, beside loading
 * nothing. Each load is a process of its own.
 */
export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-bundles-'));
  try {
    print(`Node ${process.version}; import times are medians of ${rounds} processes`);
    for (const { id } of Object.values(registry)) {
      const outDir = join(directory, id);
      const { outputs } = bundle({ taskId: id, deployed: { estate: { name: 'bench' }, config: {} }, outDir });
      const modules = Object.entries(outputs).filter(([path]) => path.endsWith('.mjs'));
      const bytes = modules.reduce((sum, [, output]) => sum + output.bytes, 0);
      const entry = modules.find(([path]) => path.endsWith('/index.mjs'))?.[1];
      const atOnce = bytesLoadedAtOnce(outputs, entry);
      const milliseconds = await importTime(join(outDir, 'index.mjs'));
      print(
        `${id}: ${kB(bytes)} minified in ${modules.length} modules (goal ≤ ${kB(goalBytes)}), of which ${kB(atOnce)} are loaded ` +
          `at once, in ${milliseconds.toFixed(0)} ms`,
      );
      for (const [name, size] of largest(modules.map(([, output]) => output)))
        print(`  ${kB(size).padStart(8)}  ${name}`);
    }
    const empty = await importTime('node:fs');
    print(`beside it: an empty module ${empty.toFixed(0)} ms`);
  } finally {
    await rm(directory, { recursive: true });
  }
}

type Output = Metafile['outputs'][string];

/** Bytes of the entry and of everything that it imports statically. */
function bytesLoadedAtOnce(outputs: Metafile['outputs'], entry: Output | undefined): number {
  const loaded = new Set<Output>();
  const load = (output: Output | undefined) => {
    if (output === undefined || loaded.has(output)) return;
    loaded.add(output);
    for (const { kind, path } of output.imports) if (kind === 'import-statement') load(outputs[path]);
  };
  load(entry);
  return [...loaded].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Bytes by package, and of this project's own code; the largest ten. */
function largest(outputs: readonly Output[]): [string, number][] {
  const sizes = new Map<string, number>();
  for (const [path, { bytesInOutput }] of outputs.flatMap(({ inputs }) => Object.entries(inputs))) {
    const name =
      path
        .split('node_modules/')
        .at(-1)
        ?.match(/^(@[^/]+\/)?[^/]+/)?.[0] ?? path;
    const key = path.includes('node_modules/') ? name : 'caretaker';
    sizes.set(key, (sizes.get(key) ?? 0) + bytesInOutput);
  }
  return [...sizes].sort(([, a], [, b]) => b - a).slice(0, 10);
}

/** Milliseconds that `import()` takes in a fresh process, without the start of Node itself. */
async function importTime(module: string): Promise<number> {
  const script = `const t=performance.now();await import(${JSON.stringify(module)});console.log(performance.now()-t);process.exit()`;
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, POWERTOOLS_METRICS_DISABLED: 'true' },
    });
    times.push(Number(stdout));
  }
  return median(times);
}

function kB(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
