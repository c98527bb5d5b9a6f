import type { Rule } from './config.ts';

/** Returns the tables that a rule names, as the configuration writes them; those inside of written SQL are not known. */
export function tablesOf(rule: Rule): string[] {
  switch (rule.kind) {
    case 'sql':
      return [];
    case 'equalCount':
    case 'sum':
      return [rule.left.table, ...(rule.right === undefined ? [] : [rule.right.table])];
    case 'foreignKey':
      return [rule.table, rule.references.table];
    case 'rights':
      return [rule.table, rule.claims.table];
    case 'geotag':
      return [rule.table, ...('references' in rule.area ? [rule.area.references.table] : [])];
    default:
      return [rule.table];
  }
}
