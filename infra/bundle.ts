import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
 * Writes the Lambda bundle of a task: `index.mjs` with everything in it, the SDK too, so that what was tested is what
 * runs; its source map; and the configuration. The same input gives the same bytes, wherever `outDir` is.
 *
 * @returns esbuild's account of what went in, with paths relative to the repository.
 * @throws esbuild's BuildFailure when the handler does not compile.
 */
export function bundle({ taskId, deployed, outDir }: BundleProps): Metafile {
  const result = buildSync({
    absWorkingDir: root,
    entryPoints: [`functions/${taskId}/handler.ts`],
    // Never written there: paths in the source map are relative to it, and must not depend on a temporary folder.
    outfile: 'out/bundle/index.mjs',
    write: false,
    bundle: true,
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
  mkdirSync(outDir, { recursive: true });
  for (const file of result.outputFiles) {
    writeFileSync(join(outDir, file.path.endsWith('.map') ? 'index.mjs.map' : 'index.mjs'), file.contents);
  }
  writeFileSync(join(outDir, deployedConfigFileName), `${JSON.stringify(deployed, undefined, 2)}\n`);
  return result.metafile;
}
