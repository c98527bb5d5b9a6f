import sql, { type Sql } from 'sql-template-tag';
import { connectionConfig } from '../../../shared/postgres/connection.ts';
import { openSnapshot, type Reader } from '../../../shared/postgres/reader.ts';
import { identifier } from '../../../shared/postgres/sql.ts';
import { databaseSettings } from '../database-settings.ts';
import { formatSample, sampleOf } from '../samples.ts';
import { amount } from './amount.ts';
import { configuredDatabase } from './configured-database.ts';
import type { CorrectionContext } from './correction-context.ts';
import { openLedger } from './correction-ledger.ts';
import { type CorrectionPlan, planExpiry, planHash, writePlan } from './correction-plan.ts';
import { type CorrectionResult, resultOf, type ShownStatement } from './correction-result.ts';
import { countViolations, type ViolationCount } from './count-violations.ts';
import { type CorrectableRule, type PreparedCorrection, prepareCorrection } from './prepared-correction.ts';
import { createQuarantine, fillQuarantine, findQuarantine, type Quarantine } from './quarantine.ts';
import { prepareWritten } from './run-written-statement.ts';
import { settleIntents } from './settle-intents.ts';
import { hasViolatingRows } from './violating-rows.ts';

/**
 * Looks at what a correction would do, remembers it as the rule's plan and returns it. Nothing in the database is changed: it is
 * read by the role that reads, though where a correction would be made and not at a replica, which may be behind.
 *
 * @throws RefusedError where it could never be applied as it is configured.
 */
export async function planCorrection(rule: CorrectableRule, context: CorrectionContext): Promise<CorrectionResult> {
  const { correction } = rule;
  if (!hasViolatingRows(rule)) {
    const message = `${instructionsOf(rule)} How many violations there are, the audit says.`;
    return resultOf(rule, { outcome: 'attend', message });
  }
  await using reader = await openPrimary(rule, context);
  const ledger = await openLedger(rule.database, context);
  const settled = await settleIntents(ledger, rule.database, reader, context.actor);
  const prepared = await prepareCorrection(rule, databaseSettings(context.config, rule.database), reader);
  const { violations, digest } = await countViolations(reader, prepared);
  if (violations === 0) {
    return resultOf(rule, { outcome: 'nothing-to-correct', message: 'No row violates the rule.', violations, settled });
  }
  const expectedRows = (correction.kind === 'sql' ? correction.expectedRows : undefined) ?? violations;
  const plan: CorrectionPlan = {
    schemaVersion: 1,
    rule: rule.id,
    database: rule.database,
    plannedAt: context.clock().toISOString(),
    violations,
    digest,
    expectedRows,
    definition: prepared.definition,
  };
  const samples = await samplesOn(reader, prepared, context.config.limits.samples);
  const shown = { violations, samples, settled };
  if (correction.kind === 'manual') {
    await writePlan(context.store, plan);
    return resultOf(rule, { ...shown, outcome: 'attend', message: instructionsOf(rule) });
  }
  const statements = await statementsOn(reader, prepared, planHash(plan));
  await writePlan(context.store, plan);
  return resultOf(rule, {
    ...shown,
    outcome: 'planned',
    message: whatItDoes(prepared, violations),
    plan: {
      hash: planHash(plan),
      plannedAt: plan.plannedAt,
      expiresAt: planExpiry(plan).toISOString(),
      expectedRows,
      statements,
      lacksWriter: configuredDatabase(rule, context).writer === undefined,
    },
  });
}

/** Returns what violates a rule now; undefined where violations are no rows. */
export async function countNow(rule: CorrectableRule, context: CorrectionContext): Promise<ViolationCount | undefined> {
  if (!hasViolatingRows(rule)) return undefined;
  await using reader = await openPrimary(rule, context);
  const settings = databaseSettings(context.config, rule.database);
  return await countViolations(reader, await prepareCorrection(rule, settings, reader));
}

async function openPrimary(rule: CorrectableRule, context: CorrectionContext): Promise<Reader> {
  const { limits } = context.config;
  return openSnapshot({
    config: await connectionConfig(configuredDatabase(rule, context), context),
    connections: 1,
    statementTimeoutSeconds: limits.statementTimeoutSeconds,
    lockTimeoutSeconds: limits.lockTimeoutSeconds,
    timeZone: context.estate.timeZone,
    signal: context.signal,
  });
}

async function samplesOn(
  reader: Reader,
  { sampleRows, shown, fromHeap }: PreparedCorrection,
  limit: number,
): Promise<string[]> {
  if (sampleRows === undefined || limit === 0) return [];
  const visible = shown.columns.filter((column) => !shown.masked.has(column));
  // What is masked does not leave the server.
  const texts = shown.columns.map((column) =>
    visible.includes(column)
      ? sql`v.${identifier(column)}::text as ${identifier(column)}`
      : sql`case when v.${identifier(column)} is not null then '' end as ${identifier(column)}`,
  );
  const list = texts.reduce((all, text) => sql`${all}, ${text}`);
  const rows = await reader.query<Record<string, unknown>>(sql`select ${list} from (${sampleRows}) v limit ${limit}`, {
    fromHeap,
  });
  return rows.map((row) => formatSample(sampleOf(row, shown)));
}

async function statementsOn(reader: Reader, prepared: PreparedCorrection, hash: string): Promise<ShownStatement[]> {
  const { correction } = prepared.rule;
  if (correction.kind === 'manual') return [];
  if (correction.kind === 'sql') {
    await requirePreparable(reader, correction.statement);
    return [{ text: correction.statement, parameters: [] }];
  }
  const quarantine = quarantineOf(prepared, correction.table);
  const exists = await findQuarantine(reader, quarantine);
  const created = exists ? [] : createQuarantine(quarantine, await hasNullsNotDistinct(reader));
  return [...created, fillQuarantine(quarantine, hash)].map(shownStatement);
}

/** Returns what a quarantine is filled with. */
export function quarantineOf({ rule, keys, rows, fromHeap }: PreparedCorrection, table: string): Quarantine {
  return { table, rule: rule.id, keys, rows, fromHeap };
}

/** Returns whether a unique index can take nulls for equal: from PostgreSQL 15 on. */
export async function hasNullsNotDistinct(reader: Pick<Reader, 'query'>): Promise<boolean> {
  const [row] = await reader.query<{ since: boolean }>(
    sql`select pg_catalog.current_setting('server_version_num')::int >= 150000 as since`,
  );
  return row?.since === true;
}

/** Has the server read the statement, so that a mistake in it is seen now. */
async function requirePreparable(reader: Reader, statement: string): Promise<void> {
  try {
    await reader.query(prepareWritten(statement).prepare);
  } catch (error) {
    // The role that reads may not even know the tables; the one that writes will say.
    if ((error as { code?: unknown }).code !== '42501') throw error;
  }
}

function shownStatement({ text, values }: Sql): ShownStatement {
  return { text: text.replaceAll(/\n\s+/g, '\n  '), parameters: values };
}

function instructionsOf({ correction }: CorrectableRule): string {
  return correction.kind === 'manual' ? correction.instructions : '';
}

function whatItDoes({ rule, keys }: PreparedCorrection, violations: number): string {
  const { correction } = rule;
  if (correction.kind === 'quarantine') {
    const rows = amount(violations, 'violating row');
    return `Copies the keys (${keys.join(', ')}) of ${rows} into ${correction.table}; nothing is changed or deleted.`;
  }
  const others = correction.kind === 'sql' ? correction.alsoChanges : [];
  const also = others.length === 0 ? '' : ` Triggers and cascades may change rows of ${others.join(', ')} too.`;
  return `Runs the statement that the configuration has for this rule.${also}`;
}
