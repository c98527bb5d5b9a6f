import * as z from 'zod';
import { databasesFor, type TaskDefinition } from './task.ts';

const host = z.string().min(1).max(253);
const port = z.int().min(1).max(65_535).default(5432);

const tls = {
  /** `off` only where nobody else is on the way. The server's certificate is verified otherwise, and that it is that host's. */
  tls: z.enum(['verify', 'off']).default('verify'),
  /** PEM certificates of authorities to trust instead of those that Node and NODE_EXTRA_CA_CERTS bring. */
  trustedCertificates: z
    .array(z.string().includes('-----BEGIN CERTIFICATE-----', { error: 'not a PEM certificate' }))
    .min(1)
    .optional(),
} as const;

/** An RDS secret in Secrets Manager, which names host, port, user and password, and often the database. */
const secretDatabase = z.strictObject({
  secretId: z.string().min(1),
  /** In place of the secret's own `dbname`. */
  database: z.string().min(1).optional(),
  ...tls,
});

/** IAM database authentication: no password anywhere. */
const iamDatabase = z.strictObject({
  host,
  port,
  database: z.string().min(1),
  user: z.string().min(1),
  iam: z.literal(true),
  ...tls,
});

/** A connection string, for the command line and the sandbox. */
const urlDatabase = z.strictObject({
  url: z.string().regex(/^postgres(ql)?:\/\/./, 'not a postgres:// connection string'),
});

const forms = 'one of { secretId }, { host, port, database, user, iam: true } or { url }';
const connection = z.union([secretDatabase, iamDatabase, urlDatabase], { error: forms });

/** One way to reach a database. */
export type DatabaseConnection = z.output<typeof connection>;

const others = {
  /** Where reads go to. */
  replica: connection.optional(),
  /** Who may change data there: what a person asks for with `--apply`, and tasks whose work it is. */
  writer: connection.optional(),
} as const;

/**
 * How to reach a PostgreSQL database; tasks refer to it by its name. It is read with a role that cannot write; reads go to `replica`
 * where one is given.
 */
export const databaseSchema = z.union(
  [secretDatabase.extend(others), iamDatabase.extend(others), urlDatabase.extend(others)],
  { error: `${forms}, each with an optional replica and writer` },
);

export type Database = z.output<typeof databaseSchema>;

/** Databases by the names that tasks use. */
export type Databases = Readonly<Record<string, Database>>;

const databaseName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, 'a database is named in lower-case letters, digits and hyphens');

export const databasesSchema = z.record(databaseName, databaseSchema);

/**
 * Returns how a task with this configuration reaches the databases that it reads, for reading, and those that it writes to as their
 * writer too: what a deployed function is told, and nothing more.
 */
export function forTask(definition: TaskDefinition, config: unknown, databases: Databases): Databases {
  const written = definition.writes?.(config, Object.keys(databases)) ?? [];
  return Object.fromEntries(
    Object.entries(databasesFor(definition, config, databases)).map(([name, database]) => {
      const { writer } = database;
      const {
        writer: _,
        replica: __,
        ...connection
      } = { writer: undefined, replica: undefined, ...readConnection(database) };
      const mayWrite = writer !== undefined && written.includes(name);
      return [name, (mayWrite ? { ...connection, writer } : connection) as Database];
    }),
  );
}

/** Returns what databases to read are reached by: their replica where they have one. */
export function readConnection(database: Database): DatabaseConnection {
  return database.replica ?? database;
}
