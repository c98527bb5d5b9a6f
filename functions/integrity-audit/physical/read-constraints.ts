import sql from 'sql-template-tag';
import type { Resource } from '../../../shared/resource.ts';
import type { LiveDatabase } from '../context.ts';
import type { ServerFacts, UnprovenConstraint } from './facts.ts';
import { physicalResource } from './physical-resource.ts';
import { isUserSchema } from './user-relations.ts';

/** Every constraint that could be unproven, and those that are. */
export interface Constraints {
  readonly all: readonly Resource[];
  readonly unproven: readonly UnprovenConstraint[];
}

const kinds = { c: 'check', f: 'foreign-key', n: 'not-null' } as const;

/**
 * Returns the constraints of tables and domains; of those that a partition or a child has from its parent, the parent's stands for all.
 * https://www.postgresql.org/docs/current/catalog-pg-constraint.html
 */
export async function readConstraints(
  { name: database, settings, live }: LiveDatabase,
  { version }: ServerFacts,
): Promise<Constraints> {
  const rows = await live.query<ConstraintRow>(sql`
    select n.nspname as schema, coalesce(c.relname, t.typname) as on_name, con.conname as name, con.contype as kind,
      t.oid is not null as is_on_domain, con.convalidated as is_validated,
      ${version >= 180_000 ? sql`con.conenforced` : sql`true`} as is_enforced
    from pg_constraint con
      left join pg_class c on c.oid = con.conrelid
      left join pg_type t on t.oid = con.contypid
      join pg_namespace n on n.oid = coalesce(c.relnamespace, t.typnamespace)
    where con.contype in ('c', 'f', 'n') and ${isUserSchema(settings.physical.excludeSchemas)}
      and con.conparentid = 0 and (con.conislocal or con.coninhcount = 0)
      and coalesce(c.relpersistence, 'p') <> 't'
    order by n.nspname, 2, con.conname`);
  const constraints = rows.map((row) => ({
    row,
    resource: physicalResource(database, 'constraint', row.schema, row.on_name, row.name),
  }));
  return {
    all: constraints.map(({ resource }) => resource),
    unproven: constraints
      .filter(({ row }) => !row.is_validated)
      .map(({ row, resource }) => ({
        resource,
        on: { schema: row.schema, name: row.on_name },
        name: row.name,
        isOnDomain: row.is_on_domain,
        kind: kinds[row.kind],
        isEnforced: row.is_enforced,
      })),
  };
}

interface ConstraintRow {
  readonly schema: string;
  readonly on_name: string;
  readonly name: string;
  readonly kind: keyof typeof kinds;
  readonly is_on_domain: boolean;
  readonly is_validated: boolean;
  readonly is_enforced: boolean;
}
