import type { Rule, RuleOfKind } from './config.ts';

/** Rules that are read together, in one scan of each table that they name. */
export type ScanRule = RuleOfKind<
  | 'notNull'
  | 'acceptedValues'
  | 'range'
  | 'pattern'
  | 'length'
  | 'freshness'
  | 'volume'
  | 'distribution'
  | 'equalCount'
  | 'sum'
>;

/** Those of them that hold or do not for a row alone. */
export type ColumnRule = RuleOfKind<'notNull' | 'acceptedValues' | 'range' | 'pattern' | 'length'>;

/** Rules that need a statement of their own. */
export type QueryRule = RuleOfKind<
  | 'unique'
  | 'foreignKey'
  | 'equalCount'
  | 'sum'
  | 'monotonic'
  | 'noOverlap'
  | 'duplicates'
  | 'nearDuplicates'
  | 'rights'
  | 'sql'
>;

/** Rules whose violating rows a statement can return. */
export type RowRule = ColumnRule | Exclude<QueryRule, { kind: 'equalCount' | 'sum' | 'sql' }>;

const columnKinds: readonly Rule['kind'][] = ['notNull', 'acceptedValues', 'range', 'pattern', 'length'];
const scanKinds: readonly Rule['kind'][] = [...columnKinds, 'freshness', 'volume', 'distribution'];

/** Returns whether a rule is read in a table's scan. Sums and counts of groups are not. */
export function isScanRule(rule: Rule): rule is ScanRule {
  if (rule.kind === 'equalCount' || rule.kind === 'sum') return rule.left.by === undefined;
  return scanKinds.includes(rule.kind);
}

/** Returns whether a rule is about single rows and their columns. */
export function isColumnRule(rule: Rule): rule is ColumnRule {
  return columnKinds.includes(rule.kind);
}

/** Returns whether a rule has a statement of its own. */
export function isQueryRule(rule: Rule): rule is QueryRule {
  return !isScanRule(rule) && rule.kind !== 'geotag' && rule.kind !== 'objects';
}
