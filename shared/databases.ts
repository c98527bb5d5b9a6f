import * as z from 'zod';

const host = z.string().min(1).max(253);
const port = z.int().min(1).max(65_535).default(5432);

/** An RDS secret in Secrets Manager, which names host, port, database, user and password. */
const secretDatabase = z.strictObject({ secretId: z.string().min(1) });

/** IAM database authentication: no password anywhere. */
const iamDatabase = z.strictObject({
  host,
  port,
  database: z.string().min(1),
  user: z.string().min(1),
  iam: z.literal(true),
});

/** A connection string, for the command line and the sandbox. */
const urlDatabase = z.strictObject({
  url: z.string().regex(/^postgres(ql)?:\/\/./, 'not a postgres:// connection string'),
});

const forms = 'one of { secretId }, { host, port, database, user, iam: true } or { url }';
const connection = z.union([secretDatabase, iamDatabase, urlDatabase], { error: forms });

/**
 * How to reach a PostgreSQL database; tasks refer to it by its name. Reads go to `replica` where one is given.
 */
export const databaseSchema = z.union(
  [
    secretDatabase.extend({ replica: connection.optional() }),
    iamDatabase.extend({ replica: connection.optional() }),
    urlDatabase.extend({ replica: connection.optional() }),
  ],
  { error: `${forms}, each with an optional replica` },
);
