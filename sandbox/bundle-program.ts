import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');

/**
 * Bundles a program of this repository as a function is, and returns its file: what strips types from TypeScript takes time and memory,
 * and so would what a function only loads when it needs it.
 *
 * @param program path from the repository's root.
 * @throws esbuild's errors.
 */
export async function bundleProgram(program: string, folder: string): Promise<string> {
  const name = program.replace(/\W/g, '-');
  await build({
    entryPoints: { [name]: join(root, program) },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    external: ['pg-native'],
    // `pg` is CommonJS, and requires modules of Node's.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return join(folder, `${name}.mjs`);
}
