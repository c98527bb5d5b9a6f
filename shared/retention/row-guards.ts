import type { TrippedGuard } from './guard.ts';
import type { StoredPlan } from './plans.ts';
import { type Approval, isApproved } from './plans.ts';
import type { DependentFacts, ForeignKeyFacts } from './read-dependents.ts';
import type { ChildIndexFacts, IndexFacts } from './read-index.ts';
import type { Guards } from './retention-config.ts';
import type { RowTarget } from './row-target.ts';

/** The ages of what a plan would take, beside the server's own clock. */
export interface AgeFacts {
  /** Of the plan. */
  readonly cutoff: string;
  /** By the server's clock, now. */
  readonly serverCutoff: string;
  /** The former is behind the latter. */
  readonly isCutoffLater: boolean;
  readonly youngest: string | null;
  /** The youngest row is not before the server's cutoff. */
  readonly isYoungestLater: boolean;
  /** Of children whose age is looked at. */
  readonly children: readonly {
    readonly table: string;
    /** Rows that are not before the server's cutoff, or have no age. */
    readonly tooYoung: number;
  }[];
}

/** Rows would be taken that the server's clock says are still to be kept. */
export function youngerThanRetention(facts: AgeFacts): TrippedGuard | undefined {
  const { cutoff, serverCutoff, isCutoffLater, youngest, isYoungestLater } = facts;
  const guard = 'younger-than-retention';
  const isPast = `by the database's clock only what is before ${serverCutoff} is past its retention`;
  const evidence = { cutoff, serverCutoff, ...(youngest === null ? {} : { youngest }) };
  if (isCutoffLater) {
    const detail = `The plan takes what is before ${cutoff}, but ${isPast}.`;
    return { guard, detail, evidence };
  }
  if (isYoungestLater) {
    const detail = `The youngest row is of ${youngest}, but ${isPast}.`;
    return { guard, detail, evidence };
  }
  const young = facts.children.filter(({ tooYoung }) => tooYoung !== 0);
  if (young.length === 0) return undefined;
  const told = young.map(({ table, tooYoung }) => `${tooYoung} of ${table}`);
  const detail = `Rows would go with the ones that they refer to and are younger than the retention, or have no age: ${told.join(', ')}.`;
  return { guard, detail, evidence: { ...evidence, children: told } };
}

/** Below this a child is read as a whole as fast as by an index. */
const smallBytes = 8 * 1024 * 1024;

/** There is no index by which the rows are found, and every batch would read the whole table. */
export function indexMissing(
  { root, age }: Pick<RowTarget, 'root' | 'age'>,
  name: string,
  index: IndexFacts | undefined,
  children: readonly ChildIndexFacts[],
): TrippedGuard | undefined {
  const fault = index === undefined ? 'does not exist' : indexFault(index, age.name);
  const guard = 'index-missing';
  if (fault !== undefined) {
    const detail = `The index ${name} on ${root.schema}.${root.name} by ${age.name} ${fault}.`;
    return { guard, detail, evidence: { index: name, column: age.name } };
  }
  const without = children.filter(({ isIndexed, bytes }) => !isIndexed && !(bytes < smallBytes));
  if (without.length === 0) return undefined;
  const told = without.map(({ table, columns }) => `${table} (${columns.join(', ')})`);
  const detail = `No index finds the rows that go with others, in ${told.join(' and ')}: every batch would read the whole table.`;
  return { guard, detail, evidence: { tables: told } };
}

function indexFault(index: IndexFacts, age: string): string | undefined {
  const { isOfRoot, table, isUsable, method, firstColumn, coversRange, predicate } = index;
  if (!isOfRoot) return `is one of ${table}`;
  if (!isUsable) return 'is not valid: its creation did not end, or not in all partitions';
  if (method !== 'btree') return `is of the kind ${method}, which knows no order`;
  if (firstColumn !== age) return `begins with ${firstColumn ?? 'an expression'}`;
  if (!coversRange)
    return `has only rows for which ${predicate}, and it is not proven that these are all that the policy takes`;
  return undefined;
}

const actionWords: Readonly<Record<string, string>> = {
  a: 'would fail',
  r: 'would fail',
  c: 'would delete its rows unseen',
  n: 'would empty its columns unseen',
  d: 'would change its rows unseen',
};

/** Deleting would do something that the plan does not tell: to rows that refer to those deleted, or through a trigger or a rule. */
export function undeclaredDependents(
  target: RowTarget,
  facts: DependentFacts,
  accepted: readonly string[] = [],
): TrippedGuard | undefined {
  const keys = facts.foreignKeys
    .filter((key) => !isDeclared(target, key))
    .map(({ name, referringTable, referredTable, onDelete }) => {
      const what = actionWords[onDelete] ?? 'does something unknown';
      return `${referringTable} refers to ${referredTable} by ${name}: a deletion ${what}`;
    });
  const triggers = facts.triggers.filter((name) => !accepted.includes(name)).map((name) => `the trigger ${name} fires`);
  const rules = facts.rules.filter((name) => !accepted.includes(name)).map((name) => `the rule ${name} applies`);
  const dependents = [...keys, ...triggers, ...rules];
  const [first] = dependents;
  if (first === undefined) return undefined;
  const others = dependents.length === 1 ? '' : `; and ${dependents.length - 1} more`;
  return {
    guard: 'undeclared-dependents',
    detail: `Deleting has effects that the policy does not declare: ${first}${others}.`,
    evidence: { dependents },
  };
}

/**
 * Whether a foreign key is how a child goes with its parent. One between tables that are both declared, which only refuses, may be there
 * beside it where what refers goes first: it lets nothing happen that is not declared.
 */
function isDeclared({ root, children }: RowTarget, key: ForeignKeyFacts): boolean {
  const at = children.findIndex(({ oid }) => oid === key.referring);
  const child = children[at];
  if (child === undefined) return false;
  const isSame =
    (child.parent ?? null) === key.referred &&
    pairs(child.referringColumns, child.referredColumns) === pairs(key.referringColumns, key.referredColumns);
  if (isSame) return true;
  const goesFirst = key.referring !== root.oid && at > (key.referred ?? -1);
  return goesFirst && (key.onDelete === 'a' || key.onDelete === 'r');
}

function pairs(referring: readonly string[], referred: readonly string[]): string {
  return JSON.stringify(referring.map((name, at) => [name, referred[at]]).sort());
}

/** What is known of a plan's approval when it is to be begun. */
export interface ApprovalFacts {
  readonly stored: StoredPlan;
  readonly approval: Approval | undefined;
  /** Something was deleted by the same definition before. */
  readonly hasBegun: boolean;
  readonly runBy: string;
  /** Why the plan that waited before was of no use any more. */
  readonly replaced: string | undefined;
}

/** A second person has to look at what a first run is going to do. */
export function approvalMissing(
  { stored, approval, hasBegun, runBy, replaced }: ApprovalFacts,
  { approval: rule }: Pick<Guards, 'approval'>,
): TrippedGuard | undefined {
  if (!needsApproval(rule, hasBegun) || isApproved(stored.plan, approval, runBy)) return undefined;
  const detail = [
    replaced,
    approval === undefined ? undefined : `It was approved by ${approval.by}, who ${whoIs(approval.by, stored, runBy)}.`,
    `The plan ${stored.hash} waits for the approval of somebody else than ${[...new Set([stored.plan.plannedBy, runBy])].join(' and ')}.`,
  ];
  return {
    guard: 'approval-missing',
    detail: detail.filter((sentence) => sentence !== undefined).join(' '),
    evidence: { planHash: stored.hash, plannedBy: stored.plan.plannedBy, validUntil: stored.validUntil.toISOString() },
  };
}

/** Returns whether a plan has to be approved before anything is deleted by it. */
export function needsApproval(rule: Guards['approval'], hasBegun: boolean): boolean {
  return rule === 'always' || (rule === 'first-run' && !hasBegun);
}

function whoIs(approver: string, { plan }: StoredPlan, runBy: string): string {
  return approver === runBy && approver !== plan.plannedBy ? 'runs it' : 'made it';
}
