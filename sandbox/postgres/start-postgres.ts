import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { own, postgresBin, type RunAs, unprivilegedUser } from './postgres-binaries.ts';

/** A PostgreSQL server of one's own. */
export interface PostgresServer {
  /** Connection string of the superuser `postgres` for the database `postgres`, with a password of this run. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Ends the server at once, its clients with it, and removes all it has stored. */
  stop(): Promise<void>;
}

/** How to start a server. */
export interface PostgresOptions {
  /** PEM of what the server shows; given, it accepts TLS beside plain connections. `cert` may hold a chain. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Settings of the server by name, such as `max_prepared_transactions`, in place of the defaults and of those that make it fast. */
  readonly settings?: ServerSettings;
  /** `false`: pages have no checksums, as on servers that were set up before PostgreSQL 18. */
  readonly checksums?: boolean;
}

/** Settings of the server, by name. */
type ServerSettings = Readonly<Record<string, string | number>>;

/**
 * Starts PostgreSQL 18 on an ephemeral port of 127.0.0.1, with its data in a temporary directory, on Linux or macOS, as
 * root too. Nothing it stores would survive a crash of the machine: it does not wait for disks.
 *
 * It does not outlive this process, however that ends: the operating system closes a pipe then, and a shell that waits
 * for just that ends the server and removes its directory.
 *
 * @throws Error with what the server wrote when it does not start.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Somebody else took the port between its choice and its use.
      if (attempt === 3 || !(error instanceof Error && error.message.includes('Address already in use'))) throw error;
    }
  }
}

async function startOnce({ tls, settings = {}, checksums = true }: PostgresOptions): Promise<PostgresServer> {
  const user = await unprivilegedUser();
  await using started = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-postgres-'));
  // The launcher removes it too, but whom PostgreSQL runs as need not be allowed to remove it from its parent.
  started.defer(() => rm(directory, { recursive: true, force: true }));
  await own(user, directory, 0o700);
  const bin = await postgresBin(user, directory);
  const password = randomBytes(18).toString('base64url');
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, password);
  await own(user, passwordFile, 0o400);
  const tlsSettings = tls === undefined ? {} : await writeTlsFiles(tls, directory, user);
  const port = await freePort();
  const server = launch(
    { bin, directory, user },
    [...initdbOptions, checksums ? '--data-checksums' : '--no-data-checksums'],
    { ...fastSettings, ...settings, ...serverSettings(port), ...tlsSettings },
  );
  started.defer(() => end(server));
  await ready(server);
  const url = `postgresql://postgres:${password}@${host}:${port}/postgres`;
  const running = started.move();
  return { url, host, port, stop: () => running.disposeAsync() };
}

const host = '127.0.0.1';

/** Nothing of the caller's environment: PGPORT and its like would change the server. */
const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' };

async function writeTlsFiles(
  tls: { key: string; cert: string },
  directory: string,
  user: RunAs,
): Promise<ServerSettings> {
  const keyFile = join(directory, 'server.key');
  const certFile = join(directory, 'server.crt');
  await Promise.all([writeFile(keyFile, tls.key), writeFile(certFile, tls.cert)]);
  await Promise.all([own(user, keyFile, 0o400), own(user, certFile, 0o400)]);
  return { ssl: 'on', ssl_key_file: keyFile, ssl_cert_file: certFile };
}

const fastSettings: ServerSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '32MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

function serverSettings(port: number): ServerSettings {
  return { listen_addresses: host, port, unix_socket_directories: '' };
}

const initdbOptions = [
  '--username=postgres',
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  // Sorts alike on every machine, whatever locales are installed there.
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--locale=C',
  // The smallest log segment: the default of 16 MB has to be written in full first.
  '--wal-segsize=1',
  '--no-sync',
  '--no-instructions',
];

/**
 * Creates the data directory and becomes the server, so that its exit is ours to see. In the background a second shell
 * waits for the end of descriptor 3, which only this process holds open, then ends whatever runs here, waits until it
 * is gone and removes the directory. It does not wait for ever: a dead server keeps its process id where nobody
 * collects orphans, as in a container without an init. It may have to remove the directory more than once, while
 * initdb's helpers still write to it; all but the directory itself where its parent is not writable.
 */
const launcher = `
bin=$1
directory=$2
initdb_options=$3
shift 3
(
  trap '' QUIT
  read -r _ <&3
  kill -QUIT -$$
  tries=0
  while [ $tries -lt 500 ] && kill -0 $$; do tries=$((tries + 1)); sleep 0.02; done
  tries=0
  until rm -rf "$directory" || [ -z "$(ls -A "$directory")" ] || [ $tries -eq 100 ]; do tries=$((tries + 1)); sleep 0.02; done
) >/dev/null 2>&1 &
"$bin/initdb" --pgdata="$directory/data" --pwfile="$directory/password" $initdb_options 3<&- || exit
exec "$bin/postgres" -D "$directory/data" "$@" 3<&-
`;

function launch(
  { bin, directory, user }: { readonly bin: string; readonly directory: string; readonly user: RunAs },
  initdb: readonly string[],
  settings: ServerSettings,
): ChildProcess {
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn('/bin/sh', ['-c', launcher, 'sh', bin, directory, initdb.join(' '), ...options], {
    ...user,
    env,
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // A process group of its own. Ctrl-C in a terminal is for this process, which may still want its database while it
    // cleans up; and the shell in the background ends the group as a whole, whatever step it is at.
    detached: true,
  });
}

/** Resolves when the server accepts connections, rejects with what it wrote when it ends before that. */
function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let written = '';
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      // Read on for ever, so that the server never waits for a full pipe; kept only until it is up.
      if (written.includes(readyMessage)) return;
      written += text;
      if (written.includes(readyMessage)) resolve();
    });
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${written}`)));
  });
}

const readyMessage = 'database system is ready to accept connections';

async function end(server: ChildProcess): Promise<void> {
  const pipe = server.stdio[3] as Duplex;
  // Ends when the shell behind it does, which is when everything is gone.
  if (pipe.destroyed) return;
  const closed = once(pipe, 'close');
  pipe.resume().end();
  await closed;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
