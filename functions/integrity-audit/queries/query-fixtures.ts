import pg from 'pg';
import type { Sql } from 'sql-template-tag';
import type { Reader } from '../../../shared/postgres/reader.ts';
import type { Unchecked } from '../../../shared/report.ts';
import { configSchema, type Rule } from '../config.ts';
import { contextFor, openAuditedDatabase } from '../context-fixtures.ts';
import type { Outcome, Violations } from '../outcome.ts';
import { isQueryRule } from '../rule-kinds.ts';
import { formatSample } from '../samples.ts';
import { auditQuery } from './audit-query.ts';

/** What a test wants of an audit beside the rules. */
export interface AuditSettings {
  /** As under `databases` in the task's configuration. */
  readonly settings?: unknown;
  readonly samples?: number;
  readonly statementTimeoutSeconds?: number;
  readonly connections?: number;
  /** Told of every statement before it is sent; what it throws is what the statement comes to. */
  readonly onStatement?: (statement: Sql) => void;
}

/** What reading rules has shown. */
export interface Audited {
  readonly outcomes: readonly Outcome[];
  readonly unchecked: readonly Unchecked[];
}

/** Reads rules one after the other, as they are written in a configuration, in one snapshot. */
export async function auditRules(
  url: string,
  rules: readonly Record<string, unknown>[],
  { settings = {}, samples = 10, statementTimeoutSeconds = 20, connections = 1, onStatement }: AuditSettings = {},
): Promise<Audited> {
  const config = configSchema.parse({
    rules: rules.map((rule, index) => ({ id: `rule-${index + 1}`, ...rule })),
    limits: { samples },
  });
  const context = contextFor({ config });
  await using database = await openAuditedDatabase(url, {
    settings,
    rules: config.rules,
    reader: { statementTimeoutSeconds, connections },
  });
  const outcomes: Outcome[] = [];
  const observed = { ...database, snapshot: observedReader(database.snapshot, onStatement) };
  for (const rule of config.rules) outcomes.push(...(await auditQuery(queryRule(rule), observed, context)));
  return { outcomes, unchecked: context.coverage.summary().unchecked };
}

/** Returns a reader that tells of every statement before it is sent, and fails with what that throws. */
export function observedReader(reader: Reader, onStatement: (statement: Sql) => void = () => {}): Reader {
  return Object.assign(Object.create(reader), {
    query: async (statement: Sql, options: object) => {
      onStatement(statement);
      return reader.query(statement, options);
    },
  });
}

/** Returns what one rule's rows have shown, and the samples as people read them. */
export async function auditRule(
  url: string,
  rule: Record<string, unknown>,
  settings?: AuditSettings,
): Promise<Omit<Violations, 'samples'> & { readonly samples: readonly string[] }> {
  const { outcomes, unchecked } = await auditRules(url, [rule], settings);
  const [outcome] = outcomes;
  if (outcome?.kind !== 'violations') throw new Error(`not read: ${JSON.stringify(unchecked)}`);
  return { ...outcome, samples: outcome.samples.map(formatSample) };
}

/** Returns the reason for which a rule could not be read, and what was said about it; undefined when it was read. */
export async function uncheckedReason(
  url: string,
  rule: Record<string, unknown>,
  settings?: AuditSettings,
): Promise<{ readonly reason: string; readonly detail: string } | undefined> {
  const { unchecked } = await auditRules(url, [rule], settings);
  const [first] = unchecked;
  return first === undefined ? undefined : { reason: first.reason, detail: first.detail };
}

/** Runs statements, and returns the rows of the last one. */
export async function execute(url: string, ...statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows = [] } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

function queryRule(rule: Rule) {
  if (!isQueryRule(rule)) throw new Error(`${rule.kind} has no statement of its own`);
  return rule;
}
