import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import type { DatabaseConnection } from '../../shared/databases.ts';
import type { EstateDocument } from '../control-plane/estate-document.ts';
import { loadNycmg } from '../postgres/load-nycmg.ts';
import { nycmgData } from '../postgres/nycmg-data.ts';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../postgres/start-postgres.ts';
import { issueCertificate, makeKey } from '../tls-farm/certificate-authority.ts';
import { auditRole, type PhysicalCase, physicalServer, plantPhysicalFaults } from './integrity-physical.ts';
import { integrityTables } from './integrity-tables.ts';

/** A PostgreSQL server of the sample with a database that is audited. */
export interface IntegrityDatabase {
  readonly server: PostgresServer;
  /** Connection string of the superuser for the database. */
  readonly url: string;
  /** How the task reaches it: over TLS, with the password of a secret. */
  readonly connection: SecretConnection;
  /** The secrets of the database as Secrets Manager keeps them, by name. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** The database with the platform's data. */
export interface MainDatabase extends IntegrityDatabase {
  /** How it is reached to correct it. */
  readonly writer: SecretConnection;
}

/** The database with faults in its files and its housekeeping. */
export interface PlatformDatabase extends IntegrityDatabase {
  /** What an audit must find there. */
  readonly cases: readonly PhysicalCase[];
}

type SecretConnection = Extract<DatabaseConnection, { secretId: string }>;

/** The role of the audit. */
export const auditRoleName = 'caretaker_audit';
/** The role that may write. */
export const writerRoleName = 'caretaker_writer';

const dayMs = 86_400_000;

/** What is wrong with the main database. */
export interface MainFaults {
  /** SQL that plants it, one after the other, as superuser. */
  readonly statements: readonly string[];
  /** Its pages have checksums. */
  readonly hasChecksums: boolean;
}

/** What the server calls the main database. */
export const mainDatabaseName = 'nycmg';

/**
 * Starts a server with the sample data and these faults, and makes the roles that the task uses: one that may read most of it, and
 * one that may write.
 */
export async function startMainDatabase(now: Date, { statements, hasChecksums }: MainFaults): Promise<MainDatabase> {
  const writerPassword = password();
  const { connectionTo, ...database } = await startDatabase(now, {
    name: mainDatabaseName,
    checksums: hasChecksums,
    secretId: 'nycmg/main/caretaker',
    prepare: async (client, auditPassword) => {
      await loadNycmg(client, nycmgData(now));
      await client.query(integrityTables(now));
      for (const statement of statements) await client.query(statement);
      await client.query(`
        create role ${auditRoleName} login password ${escapeLiteral(auditPassword)};
        create role ${writerRoleName} login password ${escapeLiteral(writerPassword)};
        grant pg_monitor to ${auditRoleName};
        grant pg_read_all_data, pg_write_all_data to ${writerRoleName};
        ${grants}`);
      await client.query('analyze');
    },
  });
  const writer = connectionTo('nycmg/main/caretaker-writer', writerRoleName, writerPassword);
  return { ...database, writer: writer.connection, secrets: { ...database.secrets, ...writer.secrets } };
}

/** Starts a server with faults in its files; what goes on there goes on in a whole cluster, so that it is one of its own. */
export async function startPlatformDatabase(now: Date): Promise<PlatformDatabase> {
  let cases: readonly PhysicalCase[] = [];
  const { connectionTo: _, ...database } = await startDatabase(now, {
    ...physicalServer,
    name: 'platform',
    secretId: 'nycmg/platform/caretaker',
    prepare: async (client, auditPassword) => {
      for (const statement of auditRole(auditRoleName, auditPassword)) await client.query(statement);
      cases = await plantPhysicalFaults(client, { database: 'platform', role: auditRoleName });
    },
  });
  return { ...database, cases };
}

/** Starts a server, and has its only database prepared by a superuser, who makes the role of the audit with this password. */
async function startDatabase(
  now: Date,
  {
    name,
    secretId,
    prepare,
    ...options
  }: Omit<PostgresOptions, 'tls'> & {
    readonly name: string;
    readonly secretId: string;
    readonly prepare: (client: Client, auditPassword: string) => Promise<void>;
  },
) {
  const { rootPem, tls } = serverCertificate(now);
  const server = await startPostgres({ ...options, tls });
  const connectionTo = (id: string, username: string, secret: string) => ({
    connection: { secretId: id, tls: 'verify', trustedCertificates: [rootPem] } satisfies SecretConnection,
    secrets: {
      [id]: JSON.stringify({
        engine: 'postgres',
        host: tlsHost,
        port: server.port,
        username,
        password: secret,
        dbname: name,
      }),
    },
  });
  try {
    const auditPassword = password();
    const url = urlOf(server, name);
    await withClient(server.url, (client) => client.query(`create database ${escapeIdentifier(name)}`));
    await withClient(url, (client) => prepare(client, auditPassword));
    return { server, url, connectionTo, ...connectionTo(secretId, auditRoleName, auditPassword) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Returns the secrets as the control plane's Secrets Manager answers with them. */
export function secretsDocument(
  account: string,
  region: string,
  secrets: Readonly<Record<string, string>>,
): EstateDocument {
  const documents = Object.entries(secrets).map(([Name, SecretString]) => ({
    ARN: `arn:aws:secretsmanager:${region}:${account}:secret:${Name}-AbCdEf`,
    Name,
    SecretString,
  }));
  return {
    homeAccount: account,
    accounts: { [account]: { regions: { [region]: { secretsManager: { secrets: documents } } } } },
  };
}

/** Runs `use` with a connection that is closed behind it. */
export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Returns a connection string of the superuser for another database of the server. */
function urlOf({ url }: PostgresServer, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.toString();
}

/** A certificate is that of a name; an address would do for servers, and not for all clients. */
const tlsHost = 'localhost';

function serverCertificate(now: Date) {
  const validity = { notBefore: new Date(now.getTime() - dayMs), notAfter: new Date(now.getTime() + 30 * dayMs) };
  const root = issueCertificate({
    ...validity,
    commonName: 'NYCMG Databases',
    key: makeKey('ec-p256'),
    isAuthority: true,
  });
  const leaf = issueCertificate({
    ...validity,
    commonName: tlsHost,
    names: [tlsHost],
    key: makeKey('ec-p256'),
    issuer: root,
  });
  return { rootPem: root.pem, tls: { key: leaf.keyPem, cert: leaf.pem } };
}

function password(): string {
  return randomBytes(18).toString('base64url');
}

const schemas = 'public, royalties, imports, analytics, search, social, ops';

/** Everything may be read but what is in the schema of payouts, where only what there is may be known. */
const grants = `
  grant usage on schema ${schemas}, payouts to ${auditRoleName};
  grant select on all tables in schema ${schemas} to ${auditRoleName};
  grant select on all sequences in schema ${schemas} to ${auditRoleName};
  grant create on schema ops to ${writerRoleName};
  do $$
  declare checking regprocedure;
  begin
    for checking in
      select objid::regprocedure from pg_depend
      where refclassid = 'pg_extension'::regclass and classid = 'pg_proc'::regclass and deptype = 'e'
        and refobjid = (select oid from pg_extension where extname = 'amcheck')
    loop
      execute format('grant execute on function %s to ${auditRoleName}', checking);
    end loop;
  end $$;
`;
