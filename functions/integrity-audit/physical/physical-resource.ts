import { scopeType } from '../../../shared/coverage.ts';
import type { Resource } from '../../../shared/resource.ts';

/** What in a database is looked at on its own. */
export type PhysicalKind =
  | 'index'
  | 'table'
  | 'sequence'
  | 'database'
  | 'constraint'
  | 'collation'
  | 'slot'
  | 'prepared-transaction';

/** Returns the resource of something in a database, as the configuration calls that; its name has parts, such as schema and table. */
export function physicalResource(database: string, kind: PhysicalKind, ...parts: readonly string[]): Resource {
  return {
    type: `postgres-${kind}`,
    id: `postgres://${database}/${kind}/${parts.map(escaped).join('.')}`,
    name: parts.join('.'),
  };
}

/** A table, or the TOAST table of one. */
export interface RelationName {
  readonly schema: string;
  /** The table's, or that of the table whose TOAST it is. */
  readonly owner: string;
  readonly isToast: boolean;
}

/** An index of one. */
export interface IndexName extends RelationName {
  readonly name: string;
}

/** Returns the resource of a table; a TOAST table goes by its owner's name, because its own is but a number. */
export function tableResource(database: string, { schema, owner, isToast }: RelationName): Resource {
  return physicalResource(database, 'table', schema, owner, ...(isToast ? ['toast'] : []));
}

/** Returns the resource of an index; that of a TOAST table goes by the table's name. */
export function indexResource(database: string, { schema, owner, isToast, name }: IndexName): Resource {
  return physicalResource(database, 'index', schema, ...(isToast ? [owner, 'toast'] : [name]));
}

/** Returns the resource of a whole listing, such as `indexes`. */
export function physicalScope(database: string, what: string): Resource {
  return { type: scopeType, id: `postgres://${database}/${what}`, name: `${what} of ${database}` };
}

/** Without this, `a.b` in the schema `c` and `b` in the schema `c.a` were one. */
function escaped(part: string): string {
  return part.replaceAll('%', '%25').replaceAll('.', '%2E').replaceAll('/', '%2F');
}
