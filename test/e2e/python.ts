import { existsSync } from 'node:fs';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError, type Processes } from './processes.ts';

const requirementsPath = join(dirname(fileURLToPath(import.meta.url)), 'requirements.txt');

/** What is missing on this machine; the message says it in one line. */
export class MissingToolError extends Error {
  override readonly name = 'MissingToolError';
}

const candidates = ['python3', 'python', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];

/**
 * Returns the Python of a virtual environment at `path` with exactly `requirements.txt` in it; made unless it is there already.
 *
 * @throws MissingToolError without Python 3.10 or later, or without its venv module.
 */
export async function pythonEnvironment(path: string, processes: Processes): Promise<string> {
  const python = join(path, 'bin', 'python');
  const installedPath = join(path, 'requirements.txt');
  const wanted = await readFile(requirementsPath, 'utf8');
  if (existsSync(installedPath) && (await readFile(installedPath, 'utf8')) === wanted) return python;

  const base = await findPython(processes);
  await rm(path, { recursive: true, force: true });
  try {
    await processes.run(base, ['-m', 'venv', path]);
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    throw new MissingToolError(`${base} cannot make a virtual environment; on Debian, install python3-venv`, { cause });
  }
  await processes.run(python, [
    ...[
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--requirement',
      requirementsPath,
    ],
  ]);
  // Last, so that an interrupted installation is made again.
  await copyFile(requirementsPath, installedPath);
  return python;
}

async function findPython(processes: Processes): Promise<string> {
  for (const candidate of candidates) {
    try {
      const script = 'import sys; print(sys.version_info >= (3, 10))';
      if ((await processes.run(candidate, ['-c', script])).trim() === 'True') return candidate;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
  throw new MissingToolError('The end-to-end test needs Python 3.10 or later for MiniStack; none was found in PATH.');
}
