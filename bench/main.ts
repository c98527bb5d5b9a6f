import { readdirSync } from 'node:fs';
import { tolerateClosedPipe } from '../cli/closed-pipe.ts';

/** A benchmark is a file of this folder named `<name>.bench.ts`, which exports `run`. */
const suffix = '.bench.ts';

tolerateClosedPipe();

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length));
const [name, ...options] = process.argv.slice(2);

if (name === undefined || !names.includes(name)) {
  process.stderr.write(`Usage: npm run bench -- <${names.join(' | ')}> [options]\n`);
  process.exitCode = 2;
} else {
  const benchmark: { run(options: readonly string[]): Promise<void> } = await import(`./${name}${suffix}`);
  try {
    await benchmark.run(options);
  } catch (error) {
    if (!isUsageFault(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}

/** What `parseArgs` says of options: https://nodejs.org/api/errors.html */
function isUsageFault(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}
