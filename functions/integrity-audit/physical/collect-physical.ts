import type { Resource } from '../../../shared/resource.ts';
import type { Context, LiveDatabase } from '../context.ts';
import type { PhysicalFacts, ServerFacts } from './facts.ts';
import { lookInTime } from './look-in-time.ts';
import { physicalScope } from './physical-resource.ts';
import { readCollations } from './read-collations.ts';
import { readConstraints } from './read-constraints.ts';
import { readDatabases } from './read-databases.ts';
import { readInvalidIndexes } from './read-invalid-indexes.ts';
import { readPreparedTransactions } from './read-prepared-transactions.ts';
import { readRole } from './read-role.ts';
import { readSequences } from './read-sequences.ts';
import { readServer } from './read-server.ts';
import { readSlots } from './read-slots.ts';
import { verifyRelations } from './verify-relations.ts';

/**
 * Returns the state of a database's files and housekeeping; what could not be looked at is in the coverage ledger. What the catalog tells
 * comes first, because files may take all the time that is left.
 */
export async function collectPhysical(database: LiveDatabase, context: Context): Promise<PhysicalFacts> {
  const { name, live } = database;
  const server = await lookInTime(physicalScope(name, 'server'), context, () => readServer(live));
  const facts: PhysicalFacts = {
    database: name,
    server,
    corruptIndexes: [],
    corruptHeaps: [],
    invalidIndexes: [],
    unprovenConstraints: [],
    collations: [],
    sequences: [],
    databases: [],
    preparedTransactions: [],
    slots: [],
    role: undefined,
  };
  if (server === undefined) return facts;
  return {
    ...facts,
    ...(await readCatalog(database, server, context)),
    ...(await verifyRelations(database, server, context)),
  };
}

async function readCatalog(
  database: LiveDatabase,
  server: ServerFacts,
  context: Context,
): Promise<Partial<PhysicalFacts>> {
  const { name } = database;
  const { coverage } = context;
  /** Each thing of a listing is looked at with it. */
  const list = async <T extends { readonly resource: Resource }>(what: string, read: () => Promise<T[]>) => {
    const items = (await lookInTime(physicalScope(name, what), context, read)) ?? [];
    for (const { resource } of items) coverage.checked(resource);
    return items;
  };
  const databases = await list('databases', () => readDatabases(database, server));
  const invalidIndexes = await list('invalid-indexes', () => readInvalidIndexes(database, server));
  const constraints = await lookInTime(physicalScope(name, 'constraints'), context, () =>
    readConstraints(database, server),
  );
  for (const resource of constraints?.all ?? []) coverage.checked(resource);
  return {
    databases,
    invalidIndexes,
    unprovenConstraints: constraints?.unproven ?? [],
    collations: await readCollations(database, server, context),
    sequences: await readSequences(database, server, context),
    preparedTransactions: await list('prepared-transactions', () => readPreparedTransactions(database, server)),
    slots: await list('slots', () => readSlots(database, server)),
    role: await lookInTime(physicalScope(name, 'role'), context, () => readRole(database, server)),
  };
}
