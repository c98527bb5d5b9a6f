import type { Sql } from 'sql-template-tag';
import { configSchema } from '../config.ts';
import { contextFor, openAuditedDatabase } from '../context-fixtures.ts';
import type { Outcome, Violations } from '../outcome.ts';
import { observedReader } from '../queries/query-fixtures.ts';
import { isScanRule } from '../rule-kinds.ts';
import { formatSample } from '../samples.ts';
import { auditScans } from './audit-scans.ts';

/** What a test wants of a scan beside the rules. */
export interface ScanSettings {
  /** As under `databases` in the task's configuration. */
  readonly settings?: unknown;
  readonly samples?: number;
  readonly statementTimeoutSeconds?: number;
  readonly now?: Date;
  readonly timeZone?: string;
  /** Told of every statement before it is sent; what it throws is what the statement comes to. */
  readonly onStatement?: (statement: Sql) => void;
}

/** What reading rules has shown, by their ids. */
export interface Scanned {
  readonly outcomes: Readonly<Record<string, Outcome>>;
  /** Why the others could not be read. */
  readonly unchecked: Readonly<Record<string, string>>;
  readonly details: Readonly<Record<string, string>>;
  readonly checked: number;
  /** How often each table was read for the rules together, without the samples. */
  readonly statements: readonly string[];
}

/** Reads rules together, as they are written in a configuration; those without an id are `rule-1`, `rule-2` … */
export async function scan(
  url: string,
  rules: readonly Record<string, unknown>[],
  options: ScanSettings = {},
): Promise<Scanned> {
  const { settings = {}, samples = 10, statementTimeoutSeconds = 20, now, timeZone = 'America/New_York' } = options;
  const config = configSchema.parse({
    rules: rules.map((rule, index) => ({ id: `rule-${index + 1}`, ...rule })),
    limits: { samples },
  });
  const context = contextFor({ config, ...(now === undefined ? {} : { now }) });
  await using database = await openAuditedDatabase(url, {
    settings,
    rules: config.rules,
    reader: { statementTimeoutSeconds, timeZone },
  });
  const statements: string[] = [];
  const snapshot = observedReader(database.snapshot, (statement) => {
    statements.push(statement.text);
    options.onStatement?.(statement);
  });
  const outcomes = await auditScans(config.rules.filter(isScanRule), { ...database, snapshot }, context);
  const { unchecked, checked } = context.coverage.summary();
  return {
    outcomes: Object.fromEntries(outcomes.map((outcome) => [outcome.rule.id, outcome])),
    unchecked: Object.fromEntries(unchecked.map(({ resource, reason }) => [resource.name, reason])),
    details: Object.fromEntries(unchecked.map(({ resource, detail }) => [resource.name, detail])),
    checked,
    statements: statements.filter((text) => /^select \((count|sum|coalesce|extract|avg)/.test(text)),
  };
}

/** Returns how many of how many rows break each rule. */
export function counts({ outcomes }: Scanned): Record<string, readonly [count: number, tested: number | undefined]> {
  return Object.fromEntries(
    Object.entries(outcomes).flatMap(([id, outcome]) =>
      outcome.kind === 'violations' ? [[id, [outcome.count, outcome.tested]]] : [],
    ),
  );
}

/** Returns what one rule's rows have shown, and the samples as people read them. */
export async function scanOne(
  url: string,
  rule: Record<string, unknown>,
  options?: ScanSettings,
): Promise<Omit<Violations, 'samples'> & { readonly samples: readonly string[] }> {
  const scanned = await scan(url, [rule], options);
  const outcome = scanned.outcomes['rule-1'];
  if (outcome?.kind !== 'violations') throw new Error(`not read: ${JSON.stringify(scanned.details)}`);
  return { ...outcome, samples: outcome.samples.map(formatSample) };
}
