import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { own, postgresBin, unprivilegedUser } from '../../sandbox/postgres/postgres-binaries.ts';
import type { PostgresServer } from '../../sandbox/postgres/start-postgres.ts';

/** Ends with this process, which holds descriptor 3 open, however that ends. */
const launcher = `
"$@" 3<&- &
server=$!
trap '' TERM
read -r _ <&3
kill -QUIT $server
wait $server
`;

/**
 * Starts a hot standby of a server that runs on this machine: it replays what the other one writes as soon as it is
 * written, and can be read meanwhile. Its connection string differs from the other's in the port alone.
 */
export async function startHotStandby(primary: PostgresServer): Promise<{ url: string } & AsyncDisposable> {
  await using started = new AsyncDisposableStack();
  const user = await unprivilegedUser();
  const directory = await mkdtemp(join(tmpdir(), 'caretaker-standby-'));
  started.defer(() => rm(directory, { recursive: true, force: true }));
  await own(user, directory, 0o700);
  const data = join(directory, 'data');
  await copyData(primary, data);
  const port = await freePort();
  const { hostname, port: primaryPort, username, password } = new URL(primary.url);
  const upstream = `host=${hostname} port=${primaryPort} user=${username} password=${password}`;
  await writeFile(join(data, 'standby.signal'), '');
  await giveTo(data);
  const settings = {
    primary_conninfo: upstream,
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    hot_standby: 'on',
    fsync: 'off',
    shared_buffers: '32MB',
    // So a test need not wait for it.
    wal_retrieve_retry_interval: '100ms',
    wal_receiver_status_interval: '1s',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const postgres = join(await postgresBin(user, directory), 'postgres');
  const server = spawn('/bin/sh', ['-c', launcher, 'sh', postgres, '-D', data, ...options], {
    ...user,
    cwd: directory,
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  started.defer(async () => {
    const exited = server.exitCode === null ? once(server, 'exit') : undefined;
    (server.stdio[3] as Duplex).end();
    await exited;
  });
  await new Promise<void>((resolve, reject) => {
    let written = '';
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      written += text;
      if (written.includes('ready to accept read-only connections')) resolve();
    });
    server.once('exit', () => reject(new Error(`The standby did not start:\n${written}`)));
  });
  const running = started.move();
  const url = new URL(primary.url);
  url.port = String(port);
  return { url: url.href, [Symbol.asyncDispose]: () => running.disposeAsync() };

  async function giveTo(path: string): Promise<void> {
    await own(user, path, 0o700);
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) await giveTo(child);
      else if (entry.isFile()) await own(user, child, 0o600);
    }
  }
}

/** https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP */
async function copyData(primary: PostgresServer, to: string): Promise<void> {
  const client = new pg.Client(primary.url);
  await client.connect();
  try {
    const { rows } = await client.query(
      "select current_setting('data_directory') as path, pg_backup_start('standby', true)",
    );
    await cp(String(rows[0]?.path), to, {
      recursive: true,
      filter: (path) => !/postmaster\.(pid|opts)$|pg_replslot\/.|pg_dynshmem\/.|pg_stat_tmp\/./.test(path),
    });
    const stopped = await client.query('select labelfile from pg_backup_stop(false)');
    await writeFile(join(to, 'backup_label'), String(stopped.rows[0]?.labelfile));
  } finally {
    await client.end();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
