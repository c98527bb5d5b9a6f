// Runs a script of the project on Node 24, whatever Node npm itself runs on, and sets up first what is missing.
// Plain JavaScript, because it has to run before anything is installed, on Node 20 too.
//
//   node scripts/launch.mjs <script> [arguments…]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');
const [script, ...args] = process.argv.slice(2);

if (!isInstalled()) install();

const node = findNode24();
if (node === process.execPath) {
  process.argv = [process.argv[0], resolve(root, script), ...args];
  await import(pathToFileURL(resolve(root, script)).href);
} else {
  runOn(node);
}

/** Whether node_modules holds what the lock file asks for; npm records what it installed in a lock file of its own. */
function isInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || have[path]?.version === entry.version,
  );
}

function install() {
  process.stderr.write('Installing dependencies (once, about half a minute)…\n');
  const npm = process.env.npm_execpath ?? 'npm';
  const command = npm.endsWith('js') ? [process.execPath, npm] : [npm];
  const result = spawnSync(command[0], [...command.slice(1), 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    // Standard output carries the result of the command that was asked for, and nothing else.
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && command.length === 1,
  });
  if (result.status !== 0) {
    process.stderr.write('npm ci failed; see above. The npm registry must be reachable the first time.\n');
    process.exit(1);
  }
}

function findNode24() {
  const local = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (Number(process.versions.node.split('.')[0]) === 24) return process.execPath;
  if (existsSync(local)) return local;
  process.stderr.write(
    `Node 24 is needed, this is ${process.version}, and the npm package node@24 did not install its binary ` +
      '(were install scripts switched off?). Install Node 24, or run: npm rebuild node\n',
  );
  return process.exit(1);
}

function runOn(node) {
  const child = spawn(node, [resolve(root, script), ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
  });
  // A terminal sends Ctrl-C to both processes; a supervisor only to this one. The child decides when it is done.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
