import { Client } from 'pg';
import * as z from 'zod';
import { type PostgresServer, startPostgres } from '../../sandbox/postgres/start-postgres.ts';
import { openReader, type Reader } from '../postgres/reader.ts';
import { guardsSchema, rowSelection } from './retention-config.ts';
import type { RowPolicy } from './row-policy.ts';

const schema = z.strictObject({
  id: z.string(),
  mode: z.enum(['dry-run', 'apply']),
  guards: guardsSchema.prefault({}),
  ...rowSelection,
});

/** Returns a policy as a configuration would have it, for listens that are kept for 13 months. */
export function rowPolicy(changes: Partial<z.input<typeof schema>> = {}): RowPolicy {
  return schema.parse({
    id: 'old-listens',
    mode: 'apply',
    table: 'listens',
    ageColumn: 'listened_at',
    retention: { months: 13 },
    index: 'listens_listened_at',
    ...changes,
  });
}

/** A server of one's own, with a superuser who changes it and a reader as tasks have one. */
export interface RowServer extends AsyncDisposable {
  readonly url: string;
  readonly admin: Client;
  readonly reader: Reader;
}

/** Starts one. */
export async function startRowServer(): Promise<RowServer> {
  const server: PostgresServer = await startPostgres();
  const admin = new Client({ connectionString: server.url });
  await admin.connect();
  const reader = await readerFor(server.url);
  return {
    url: server.url,
    admin,
    reader,
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]();
      await admin.end();
      await server.stop();
    },
  };
}

/** Returns a reader as tasks have one. */
export function readerFor(url: string): Promise<Reader> {
  return openReader({
    config: { connectionString: url },
    connections: 1,
    statementTimeoutSeconds: 30,
    lockTimeoutSeconds: 2,
    timeZone: 'UTC',
    signal: new AbortController().signal,
  });
}

/** Returns what all tables of a database hold, whatever the order: the same text before and after means that nothing was touched. */
export async function fingerprint(admin: Client): Promise<string> {
  const { rows } = await admin.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const parts: string[] = [];
  for (const { name } of rows) {
    const { rows: found } = await admin.query(
      `select count(*) as rows, sum(hashtextextended(format('%s %s', t.ctid, t.*), 0)) as hash from only ${name} t`,
    );
    parts.push(`${name} ${found[0].rows} ${found[0].hash}`);
  }
  return parts.join('\n');
}
