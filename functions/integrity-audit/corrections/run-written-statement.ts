import { randomBytes } from 'node:crypto';
import sql, { raw, type Sql } from 'sql-template-tag';
import { formatTableName, identifier, parseTableName } from '../../../shared/postgres/sql.ts';
import type { Ran, Writer } from '../../../shared/postgres/writer.ts';
import type { Correction } from '../config.ts';
import { RefusedError } from './refused-error.ts';

type Written = Pick<Extract<Correction, { kind: 'sql' }>, 'statement' | 'alsoChanges'>;

/**
 * Returns the owner's statement as one that can only change rows: PREPARE takes nothing but SELECT, INSERT, UPDATE, DELETE and MERGE,
 * so that the server's own grammar keeps it from ending the transaction and from changing anything else.
 * https://www.postgresql.org/docs/current/sql-prepare.html
 */
export function prepareWritten(statement: string): { readonly name: Sql; readonly prepare: Sql } {
  // A name is used once: behind a pooler a connection may have been somebody else's, who has left what they prepared.
  const name = identifier(`caretaker_${randomBytes(8).toString('hex')}`);
  return { name, prepare: sql`prepare ${name} as\n${raw(statement)}` };
}

/**
 * Runs the owner's statement in the transaction that is open, and returns how many rows of its table it has changed.
 *
 * @throws RefusedError when it is no single change of one table, when rows of other tables were changed with it that the correction
 * does not name, and when it cannot be told what was changed; the transaction has to be rolled back then.
 */
export async function runWritten(writer: Writer, { statement, alsoChanges }: Written): Promise<number> {
  const { name, prepare } = prepareWritten(statement);
  await writer.run(prepare);
  const target = await targetOf(writer, name);
  const before = await changedRows(writer);
  const ran = await writer.run(sql`execute ${name}`);
  const after = await changedRows(writer);
  const changed = new Map([...after].map(([table, tally]) => [table, minus(tally, before.get(table))]));
  const allowed = alsoChanges.map((table) => formatTableName(parseTableName(table)));
  const others = [...changed].filter(
    ([table, tally]) => table !== target && !allowed.includes(table) && totalOf(tally) > 0,
  );
  if (others.length > 0) {
    const what = others.map(([table, tally]) => `${table} (${tallyText(tally)})`).join(', ');
    throw new RefusedError(
      'other-tables',
      `Triggers or cascades would change rows of ${what} too; name them in alsoChanges if they may.`,
    );
  }
  const tally = changed.get(target) ?? none;
  if (!allowed.includes(target) && !isThat(tally, ran)) {
    throw new RefusedError(
      'more-rows',
      `The statement says that it changed ${ran.rowCount} rows of ${target}, and the server counts ${tallyText(tally)}.`,
    );
  }
  return ran.rowCount;
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Schema?: string;
  readonly Plans?: readonly PlanNode[];
}

/** Returns the one table that the prepared statement changes. */
async function targetOf(writer: Writer, name: Sql): Promise<string> {
  const plans = await writer.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
    sql`explain (verbose, format json) execute ${name}`,
  );
  const nodes = plans.flatMap((row) => row['QUERY PLAN']).flatMap(({ Plan }) => changesIn(Plan));
  const [node] = nodes;
  if (node === undefined) throw new RefusedError('changes-nothing', 'The statement changes no rows of any table.');
  if (nodes.length > 1) {
    throw new RefusedError('other-tables', `The statement makes ${nodes.length} changes in one; write one of them.`);
  }
  return formatTableName({ schema: node.Schema ?? '', name: node['Relation Name'] ?? '' });
}

function changesIn(node: PlanNode): PlanNode[] {
  return [...(node['Node Type'] === 'ModifyTable' ? [node] : []), ...(node.Plans ?? []).flatMap(changesIn)];
}

interface Tally {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

const none: Tally = { inserted: 0, updated: 0, deleted: 0 };

/**
 * Returns the rows that this session has changed, whatever made it, by table; those of a partition count for the table that it is one of.
 * https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-STATS-VIEWS-TABLE
 */
async function changedRows(writer: Writer): Promise<Map<string, Tally>> {
  const rows = await writer.query<{ schema: string; name: string } & Record<keyof Tally, number>>(sql`
    select n.nspname as schema, c.relname as name, pg_catalog.sum(s.n_tup_ins)::float8 as inserted,
      pg_catalog.sum(s.n_tup_upd)::float8 as updated, pg_catalog.sum(s.n_tup_del)::float8 as deleted
    from pg_stat_xact_user_tables s
      join pg_class c on c.oid = coalesce(pg_catalog.pg_partition_root(s.relid), s.relid)
      join pg_namespace n on n.oid = c.relnamespace
    group by 1, 2`);
  return new Map(rows.map(({ schema, name, ...tally }) => [formatTableName({ schema, name }), tally]));
}

function minus(tally: Tally, before: Tally = none): Tally {
  return {
    inserted: tally.inserted - before.inserted,
    updated: tally.updated - before.updated,
    deleted: tally.deleted - before.deleted,
  };
}

function totalOf({ inserted, updated, deleted }: Tally): number {
  return inserted + updated + deleted;
}

/** A row that moves to another partition is deleted there and inserted here. */
function isThat(tally: Tally, { command, rowCount }: Ran): boolean {
  const { inserted, updated, deleted } = tally;
  if (command === 'UPDATE') return updated + deleted === rowCount && inserted === deleted;
  return totalOf(tally) === rowCount;
}

function tallyText({ inserted, updated, deleted }: Tally): string {
  return `${inserted} inserted, ${updated} updated, ${deleted} deleted`;
}
