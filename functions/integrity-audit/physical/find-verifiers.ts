import sql, { type Sql } from 'sql-template-tag';
import type { Reader } from '../../../shared/postgres/reader.ts';
import { identifier, qualified } from '../../../shared/postgres/sql.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { PhysicalConfig } from '../config.ts';
import type { Context, LiveDatabase } from '../context.ts';
import type { ServerFacts } from './facts.ts';
import { lookInTime } from './look-in-time.ts';
import { physicalScope } from './physical-resource.ts';

/** What of amcheck is there, and may be called; undefined where it is not, or not wanted. */
export interface Verifiers {
  /** Returns the statement that throws when a B-tree is corrupt. */
  readonly btree?: ((oid: string, isUnique: boolean) => Sql) | undefined;
  /** The same for a GIN index; from PostgreSQL 18 on. */
  readonly gin?: ((oid: string) => Sql) | undefined;
  /** Returns the call that yields a row for each thing that is wrong in these blocks of a table; to its end without `last`. */
  readonly heap?: ((oid: string, first: number, last: number | undefined) => Sql) | undefined;
}

/** A way to call a function of the extension; those of newer versions have more arguments. */
interface Signature {
  readonly name: string;
  readonly argumentTypes: string;
}

interface Amcheck {
  readonly schema: string;
  readonly version: string;
  readonly mayUse: boolean;
  readonly functions: readonly (Signature & { readonly mayExecute: boolean })[];
}

/**
 * Returns the functions of amcheck that the settings ask for. What is missing of them is unchecked, with the SQL that brings it.
 * https://www.postgresql.org/docs/current/amcheck.html
 */
export async function findVerifiers(database: LiveDatabase, server: ServerFacts, context: Context): Promise<Verifiers> {
  const { name, live } = database;
  const { indexes, heaps } = database.settings.physical;
  if (indexes === 'off' && !heaps) return {};
  const amcheck = await lookInTime(physicalScope(name, 'amcheck'), context, () => readAmcheck(live, server));
  if (amcheck === undefined) return {};
  const need = <T>(what: string, find: () => T): Promise<T | undefined> =>
    lookInTime(physicalScope(name, `amcheck/${what}`), context, async () => find());
  const granted = new Granted(amcheck, server.role);
  return {
    btree: indexes === 'off' ? undefined : await findBtree(indexes, granted, server, need),
    gin:
      indexes === 'off' || !granted.exists(ginCheck)
        ? undefined
        : await need('gin_index_check', () => {
            const check = granted.require(ginCheck);
            return (oid: string) => sql`select from ${check}(${oid}::oid::regclass)`;
          }),
    heap: !heaps
      ? undefined
      : await need('verify_heapam', () => {
          const verify = granted.require(heapCheck);
          return (oid: string, first: number, last: number | undefined) =>
            sql`${verify}(${oid}::oid::regclass, false, true, 'none', ${first}::int8, ${last ?? null}::int8)`;
        }),
  };
}

type Need = <T>(what: string, find: () => T) => Promise<T | undefined>;

const ginCheck: Signature = { name: 'gin_index_check', argumentTypes: 'regclass' };
const heapCheck: Signature = {
  name: 'verify_heapam',
  argumentTypes: 'regclass, boolean, boolean, text, bigint, bigint',
};
const btreeChecks = ['regclass, boolean, boolean', 'regclass, boolean'].map(
  (argumentTypes): Signature => ({ name: 'bt_index_check', argumentTypes }),
);
const parentChecks = ['regclass, boolean, boolean, boolean', 'regclass, boolean, boolean'].map(
  (argumentTypes): Signature => ({ name: 'bt_index_parent_check', argumentTypes }),
);

/** From PostgreSQL 17 on, unique indexes are also searched for duplicates. */
async function findBtree(
  mode: Exclude<PhysicalConfig['indexes'], 'off'>,
  granted: Granted,
  { isStandby }: ServerFacts,
  need: Need,
): Promise<Verifiers['btree']> {
  if (mode === 'parent') {
    const parent = await need('bt_index_parent_check', () => {
      if (isStandby) {
        const detail = 'The relation of pages to their parents cannot be checked on a standby; the rest is.';
        throw new UncheckedError('on-standby', detail);
      }
      const [check, signature] = granted.requireOneOf(parentChecks);
      return (oid: string, isUnique: boolean) =>
        signature === parentChecks[0]
          ? sql`select from ${check}(${oid}::oid::regclass, true, true, ${isUnique}::boolean)`
          : sql`select from ${check}(${oid}::oid::regclass, true, true)`;
    });
    if (parent !== undefined) return parent;
  }
  const everyRow = mode !== 'index';
  return need('bt_index_check', () => {
    const [check, signature] = granted.requireOneOf(btreeChecks);
    return (oid: string, isUnique: boolean) =>
      signature === btreeChecks[0]
        ? sql`select from ${check}(${oid}::oid::regclass, ${everyRow}::boolean, ${isUnique}::boolean)`
        : sql`select from ${check}(${oid}::oid::regclass, ${everyRow}::boolean)`;
  });
}

/** The functions of the extension that is installed, and what the role may do with them. */
class Granted {
  readonly #amcheck: Amcheck;
  readonly #role: string;

  constructor(amcheck: Amcheck, role: string) {
    this.#amcheck = amcheck;
    this.#role = role;
  }

  exists(wanted: Signature): boolean {
    return this.#find(wanted) !== undefined;
  }

  /** @throws UncheckedError `missing-function` or `access-denied`, with what to do. */
  require(wanted: Signature): Sql {
    return this.requireOneOf([wanted])[0];
  }

  /** Returns the first of these that is there. @throws as {@link require}. */
  requireOneOf(wanted: readonly Signature[]): readonly [Sql, Signature] {
    const { schema, version } = this.#amcheck;
    const signature = wanted.find((candidate) => this.exists(candidate));
    if (signature === undefined) {
      const detail = `amcheck ${version} has no ${wanted[0]?.name}: ALTER EXTENSION amcheck UPDATE; on a server that has it.`;
      throw new UncheckedError('missing-function', detail);
    }
    const check = qualified({ schema, name: signature.name });
    if (this.#find(signature)?.mayExecute !== true) {
      const grant = `GRANT EXECUTE ON FUNCTION ${check.text}(${signature.argumentTypes}) TO ${identifier(this.#role).text};`;
      throw new UncheckedError('access-denied', `The role may not call it: ${grant}`);
    }
    return [check, signature];
  }

  #find({ name, argumentTypes }: Signature): Amcheck['functions'][number] | undefined {
    return this.#amcheck.functions.find((found) => found.name === name && found.argumentTypes === argumentTypes);
  }
}

async function readAmcheck(reader: Reader, { role }: ServerFacts): Promise<Amcheck> {
  const [amcheck] = await reader.query<Amcheck>(sql`
    select n.nspname as schema, e.extversion as version, has_schema_privilege(n.oid, 'USAGE') as "mayUse", (
        select coalesce(json_agg(json_build_object(
          'name', p.proname, 'mayExecute', has_function_privilege(p.oid, 'EXECUTE'), 'argumentTypes', (
            select string_agg(format_type(type, null), ', ' order by position)
            from unnest(p.proargtypes::oid[]) with ordinality as argument (type, position)
          )
        )), '[]'::json)
        from pg_depend d join pg_proc p on p.oid = d.objid
        where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
          and d.deptype = 'e'
      ) as functions
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'amcheck'`);
  if (amcheck === undefined) {
    throw new UncheckedError(
      'missing-extension',
      'Indexes and tables are not verified: CREATE EXTENSION amcheck; and let the role call its functions: ' +
        `GRANT EXECUTE ON FUNCTION … TO ${identifier(role).text};`,
    );
  }
  if (!amcheck.mayUse) {
    const grant = `GRANT USAGE ON SCHEMA ${identifier(amcheck.schema).text} TO ${identifier(role).text};`;
    throw new UncheckedError('access-denied', `The role may not use the schema that amcheck is in: ${grant}`);
  }
  return amcheck;
}
