import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import * as registry from '../functions/index.ts';

const root = join(import.meta.dirname, '..');
const ids = Object.values(registry).map(({ id }) => id);

/** Paths of everything that esbuild puts into a bundle of these entries; packages too, unless they are left out. */
async function inputsOf(entryPoints: string[], options: { packages?: 'external' } = {}): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    logLevel: 'silent',
    outdir: 'out',
    ...options,
  });
  return Object.keys(metafile.inputs);
}

/** Files of this project, and `node_modules/<package>`, that end up in a bundle of `entry`. */
async function bundled(entry: string): Promise<string[]> {
  const inputs = (await inputsOf([entry])).map((path) => {
    const inPackage = path
      .split('node_modules/')
      .at(-1)
      ?.match(/^(@[^/]+\/)?[^/]+/)?.[0];
    return path.includes('node_modules/') ? `node_modules/${inPackage}` : path;
  });
  return [...new Set(inputs)].sort();
}

const isInside =
  (...folders: string[]) =>
  (path: string) =>
    folders.some((folder) => path.startsWith(`${folder}/`));

describe('what may be bundled with what', () => {
  it.each(ids)('keeps the definition of %s data only: zod, defineTask and its own pure files', async (id) => {
    const inputs = await bundled(`functions/${id}/task.ts`);
    // What several tasks have in common of their configuration and permissions is as pure as their own.
    const common = [
      'node_modules/zod',
      'shared/task.ts',
      'shared/retention/retention-config.ts',
      'shared/retention/guard.ts',
      'shared/objects/bucket-arn.ts',
    ];
    const foreign = inputs.filter((path) => !common.includes(path) && !isInside(`functions/${id}`)(path));
    expect(foreign).toEqual([]);
    const impure = ['collect', 'apply', 'handler', 'steps'].map((name) => `functions/${id}/${name}.ts`);
    expect(inputs.filter((path) => impure.includes(path))).toEqual([]);
  });

  it.each(ids)('keeps the function %s to its own folder and shared', async (id) => {
    const own = (await bundled(`functions/${id}/handler.ts`)).filter((path) => !isInside('node_modules')(path));
    expect(own.filter((path) => !isInside('shared', `functions/${id}`)(path))).toEqual([]);
  });

  it.each(ids)('keeps deployment and test tools out of the function %s', async (id) => {
    const packages = await bundled(`functions/${id}/handler.ts`);
    const tools = ['aws-cdk-lib', 'constructs', 'cdk-nag', 'esbuild', 'commander', 'vitest', 'dynalite', 'fauxqs'];
    expect(packages.filter((path) => tools.includes(path.replace('node_modules/', '')))).toEqual([]);
  });

  it('keeps every task’s code out of infra: definitions only', async () => {
    const files = readdirSync(join(root, 'infra')).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
    const inputs = await inputsOf(
      files.map((file) => `infra/${file}`),
      { packages: 'external' },
    );
    expect(inputs.filter((path) => !isInside('infra', 'shared', 'config', 'functions')(path))).toEqual([]);
    const definitions = await Promise.all(ids.map((id) => bundled(`functions/${id}/task.ts`)));
    const allowed = new Set(['functions/index.ts', ...definitions.flat()]);
    expect(inputs.filter((path) => isInside('functions')(path) && !allowed.has(path))).toEqual([]);
  });

  it.each(['cli/main.ts', 'config/load.ts', 'sandbox/sandbox.ts'])('keeps infra out of %s', async (entry) => {
    const inputs = await inputsOf([entry], { packages: 'external' });
    expect(inputs.filter(isInside('infra'))).toEqual([]);
  });
});
