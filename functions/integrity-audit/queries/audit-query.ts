import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { AuditedDatabase, Context } from '../context.ts';
import { type Outcome, ruleResource } from '../outcome.ts';
import type { QueryRule } from '../rule-kinds.ts';
import { auditGroups } from './groups.ts';
import { auditRights } from './rights.ts';
import { auditRows } from './row-check.ts';
import { rowCheck } from './row-checks.ts';
import { trigramSchema } from './trigram-schema.ts';
import { auditWrittenQuery } from './written-query.ts';

/**
 * Reads a rule that has a statement of its own, and settles it in the coverage ledger. Returns what it has shown,
 * nothing when it could not be read.
 */
export async function auditQuery(rule: QueryRule, database: AuditedDatabase, context: Context): Promise<Outcome[]> {
  const outcomes = await context.coverage.look(ruleResource(rule), async () => {
    try {
      return await read(rule, database, context);
    } catch (error) {
      throw reasonFor(error);
    }
  });
  return outcomes ?? [];
}

async function read(rule: QueryRule, database: AuditedDatabase, context: Context): Promise<Outcome[]> {
  switch (rule.kind) {
    case 'equalCount':
    case 'sum':
      return auditGroups(rule, database, context);
    case 'rights':
      return auditRights(rule, database, context);
    case 'sql':
      return [await auditWrittenQuery(rule, database, context)];
    default: {
      const schema = rule.kind === 'nearDuplicates' ? await trigramSchema(database.snapshot) : '';
      return [await auditRows(rule, rowCheck(rule, database.tables, schema), database, context)];
    }
  }
}

/**
 * Columns of types that cannot be compared are a fault of the rule; what the server says is that it has no such
 * operator.
 */
function reasonFor(error: unknown): unknown {
  if (error instanceof UncheckedError) return error;
  if (hasCode(error, '42883') && /operator/.test(error.message)) {
    return new UncheckedError('bad-sql', `The columns cannot be compared: ${error.message}.`, { cause: error });
  }
  return error;
}

function hasCode(error: unknown, code: string): error is Error {
  return error instanceof Error && 'code' in error && error.code === code;
}
