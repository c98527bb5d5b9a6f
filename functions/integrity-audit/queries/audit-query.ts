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
  return (await context.coverage.look(ruleResource(rule), () => read(rule, database, context))) ?? [];
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
