import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Signer } from '@aws-sdk/rds-signer';
import type { ClientConfig } from 'pg';
import * as z from 'zod';
import { targetIn } from '../aws/accounts.ts';
import type { DatabaseConnection } from '../databases.ts';
import type { WorkContext } from '../run-task.ts';
import { UncheckedError } from '../unchecked-error.ts';

/** What of a run decides how a database is reached. */
type Surroundings = Pick<WorkContext<unknown>, 'clients' | 'estate' | 'homeRegion' | 'signal'>;

/**
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html#reference_secret_json_structure_rds-postgres
 */
const secretSchema = z.object({
  host: z.string().min(1),
  port: z.coerce.number().int().min(1).max(65_535).default(5432),
  username: z.string().min(1),
  password: z.string(),
  dbname: z.string().min(1).optional(),
});

/**
 * Returns how `pg` connects to a database: with the password of its secret, with a token of IAM's, or as its URL says.
 *
 * @throws UncheckedError `bad-secret` for a secret that is none of a database; and the SDK's errors.
 */
export async function connectionConfig(
  connection: DatabaseConnection,
  surroundings: Surroundings,
): Promise<ClientConfig> {
  if ('url' in connection) return { connectionString: connection.url };
  if ('secretId' in connection) return withSecret(connection, surroundings);
  const { host, port, database, user } = connection;
  // A region in the host name is where its tokens are made: <name>.<id>.<region>.rds.amazonaws.com
  const region = /\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\./.exec(host)?.[1] ?? surroundings.homeRegion;
  const signer = new Signer({ hostname: host, port, username: user, region });
  // One for each connection: a token is good for 15 minutes, and connections are made as long as the audit lasts.
  return { host, port, database, user, password: () => signer.getAuthToken(), ssl: tlsOf(connection) };
}

async function withSecret(
  connection: Extract<DatabaseConnection, { secretId: string }>,
  { clients, estate, homeRegion, signal }: Surroundings,
): Promise<ClientConfig> {
  const { secretId } = connection;
  const region = /^arn:[^:]+:secretsmanager:([^:]+):/.exec(secretId)?.[1] ?? homeRegion;
  const client = clients.get(SecretsManagerClient, targetIn(estate, clients, { account: undefined, region }));
  const answer = await client.send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal: signal });
  const secret = secretSchema.safeParse(jsonOrUndefined(answer.SecretString));
  if (!secret.success) {
    // Never its content: not even in part.
    const fields = secret.error.issues.map(({ path }) => path.join('.') || 'the whole').join(', ');
    throw new UncheckedError('bad-secret', `The secret ${secretId} is not that of a database: ${fields}.`);
  }
  const { host, port, username, password, dbname } = secret.data;
  const database = connection.database ?? dbname ?? 'postgres';
  return { host, port, user: username, password, database, ssl: tlsOf(connection) };
}

function jsonOrUndefined(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/**
 * A certificate is always verified, and always that of the host asked for, unless TLS is switched off.
 * https://node-postgres.com/features/ssl
 */
function tlsOf({
  tls,
  trustedCertificates,
}: {
  readonly tls: 'verify' | 'off';
  readonly trustedCertificates?: readonly string[] | undefined;
}): ClientConfig['ssl'] {
  if (tls === 'off') return false;
  return { rejectUnauthorized: true, ...(trustedCertificates === undefined ? {} : { ca: [...trustedCertificates] }) };
}
