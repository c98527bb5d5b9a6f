import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** What `npm run check` asks: format and lint, types, and nothing unused. */
const checks: readonly (readonly string[])[] = [
  ['biome', 'check', '--error-on-warnings', '.'],
  ['tsc', '--noEmit'],
  ['knip', '--no-progress'],
];

const bin = join(import.meta.dirname, '..', 'node_modules', '.bin');

/** Runs one tool and returns whether it passed; its output is shown in one piece. */
function runCheck([tool = '', ...args]: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(join(bin, tool), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', (error) => {
      output += error.message;
    });
    child.on('close', (code) => {
      process.stdout.write(`${code === 0 ? '✓' : '✗'} ${tool} ${args.join(' ')}\n`);
      if (code !== 0) process.stdout.write(`${output}\n`);
      resolve(code === 0);
    });
  });
}

const results = await Promise.all(checks.map(runCheck));
if (results.includes(false)) process.exitCode = 1;
