import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync, type Metafile } from 'esbuild';
import { type DeployedConfig, deployedConfigFileName } from '../shared/deployment.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Module that Lambda loads, and the function in it: its `Handler` setting. */
export const bundledHandler = 'index.handler';

// A CommonJS dependency that calls `require` for a module of Node finds none in an ES module.
const banner = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

export interface BundleProps {
  readonly taskId: string;
  /** What the bundle carries as its configuration. */
  readonly deployed: DeployedConfig;
  /** Folder to write to; made if it is missing. */
  readonly outDir: string;
}

/**
 * Writes the Lambda bundle of a task: `index.mjs` and the chunks that it loads when they are needed, with everything in them,
 * the SDK too, so that what was tested is what runs; their source maps; and the configuration. The same input gives the same
 * bytes, wherever `outDir` is.
 *
 * What is imported dynamically is a chunk of its own, not only to load it late: inlined, it would keep all that it imports,
 * used or not, because esbuild drops unused statements only from modules that it does not have to wrap.
 *
 * @returns esbuild's account of what went in, with paths relative to the repository.
 * @throws esbuild's BuildFailure when the handler does not compile.
 */
export function bundle({ taskId, deployed, outDir }: BundleProps): Metafile {
  // Never written there: paths in source maps are relative to it, and must not depend on a temporary folder.
  const nominalDir = join(root, 'out', 'bundle');
  const result = buildSync({
    absWorkingDir: root,
    entryPoints: { index: `functions/${taskId}/handler.ts` },
    outdir: nominalDir,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunks/[name]-[hash]',
    // The SDK's code for browsers is dropped, but esbuild would make a chunk of what it imports all the same.
    external: ['bowser'],
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    sourcemap: 'linked',
    sourcesContent: false,
    banner: { js: banner },
    metafile: true,
    logLevel: 'silent',
  });
  for (const { path, contents } of result.outputFiles) {
    const file = join(outDir, relative(nominalDir, path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
  }
  writeFileSync(join(outDir, deployedConfigFileName), `${JSON.stringify(deployed)}\n`);
  return result.metafile;
}
