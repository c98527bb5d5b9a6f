import { readdir, readFile } from 'node:fs/promises';
import type { Client } from 'pg';

/** Linux tells the time of processes in these. https://man7.org/linux/man-pages/man7/time.7.html */
const ticksPerSecond = 100;

/**
 * Returns what tells for how many seconds all processes of a server have had a processor: those that have ended too,
 * its housekeeping and other people's sessions among them. Undefined where it does not run on this machine's Linux.
 */
export async function processorClock(client: Client): Promise<(() => Promise<number>) | undefined> {
  const { rows } = await client.query<{ pid: number; port: number | null }>(
    'select pg_backend_pid() as pid, inet_client_port() as port',
  );
  const [{ pid, port } = { pid: 0, port: null }] = rows;
  // Its title names the client's port: on another machine somebody else may have the number.
  const title = await readOrNothing(`/proc/${pid}/cmdline`);
  const backend = processOf(await readOrNothing(`/proc/${pid}/stat`));
  if (port === null || backend === undefined || !/^postgres\b/.test(title) || !title.includes(`(${port})`)) return;
  return () => secondsOf(backend.parent);
}

interface Process {
  readonly parent: number;
  readonly ticks: number;
  /** Of those that it began and that have ended. */
  readonly childTicks: number;
}

async function secondsOf(postmaster: number): Promise<number> {
  const own = processOf(await readOrNothing(`/proc/${postmaster}/stat`));
  const others = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  let ticks = (own?.ticks ?? Number.NaN) + (own?.childTicks ?? 0);
  for (const pid of others) {
    const other = processOf(await readOrNothing(`/proc/${pid}/stat`));
    if (other?.parent === postmaster) ticks += other.ticks;
  }
  return ticks / ticksPerSecond;
}

/**
 * Reads what follows the name, which is in parentheses and may hold anything.
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
function processOf(stat: string): Process | undefined {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent, , , , , , , , , , user, system, childUser, childSystem] = fields;
  if (parent === undefined || user === undefined || system === undefined) return undefined;
  return { parent, ticks: user + system, childTicks: (childUser ?? 0) + (childSystem ?? 0) };
}

/** A process may end before it is read. */
async function readOrNothing(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return '';
  }
}
