import type { Evaluation } from '../evaluate-rules.ts';
import type { FindingDraft, Severity } from '../finding.ts';
import type { Change, ReportTable } from '../report.ts';
import type { GuardId } from './guard.ts';
import type { PolicyOutcome } from './policy-outcome.ts';
import { policyResource } from './policy-resource.ts';

/** What a fault of the work is as a finding, by its rule. */
export type FaultRules<Rule extends string> = Readonly<
  Record<Rule, { readonly severity: Severity; readonly remedy: string }>
>;

type CommonRule = GuardId | 'backlog' | 'paused';

const guardRemedies: Readonly<Record<GuardId, string>> = {
  'too-many-rows': 'Look at what has grown; if it is right, raise guards.maximumRows, or let the backlog go in parts.',
  'too-large-share': 'See that the retention and the condition are meant so; if they are, raise guards.maximumPercent.',
  'unusual-volume':
    'Find out why there is so much more than in earlier runs; if it is right, raise guards.maximumDeviation.',
  'younger-than-retention':
    'Do not override this: the plan would take what must be kept. Correct the retention, the age column or the clock.',
  'index-missing': 'Create the index, or name the one that there is: without it every batch reads the whole table.',
  'undeclared-dependents':
    'Declare the tables that refer to this one as its children, so that their rows are archived and deleted with it.',
  'approval-missing':
    'A second person looks at the plan and approves it: caretaker approve <plan hash>, with --stage <stage> for what is deployed.',
};

/**
 * Returns what became of the policies: guards that stopped them, what went otherwise than planned, what is overdue, what was changed,
 * and a table of all. A guard pages where it stopped an apply. A dry run only says that it would, and so does a policy that somebody has
 * paused: nothing is going to be taken.
 */
export function evaluateOutcomes<Rule extends string>(
  task: string,
  outcomes: readonly PolicyOutcome[],
  faultRules: FaultRules<Rule>,
  { maximumBacklogHours, policies }: { readonly maximumBacklogHours: number; readonly policies: readonly unknown[] },
): Evaluation<Rule | CommonRule> {
  const findings = outcomes.flatMap((outcome) => [
    ...guardFindings(task, outcome),
    ...faultFindings(task, outcome, faultRules),
    ...backlogFindings(task, outcome, maximumBacklogHours),
    ...pauseFindings(task, outcome),
  ]);
  return {
    findings,
    unchecked: [],
    changes: outcomes.flatMap((outcome) => changesOf(task, outcome, faultRules)),
    headline: headlineOf(outcomes, policies.length),
    ...(outcomes.length === 0 ? {} : { tables: [tableOf(outcomes)] }),
  };
}

function guardFindings(
  task: string,
  { policy, target, mode, state, guards, planHash }: PolicyOutcome,
): FindingDraft<GuardId>[] {
  const hasStopped = mode === 'apply' && state !== 'paused';
  const then = hasStopped
    ? 'Nothing was touched.'
    : state === 'paused'
      ? 'It is paused; when it is resumed, it would stop here.'
      : 'It would stop here.';
  return guards.map(({ guard, detail, evidence }) => ({
    rule: guard,
    severity: hasStopped ? 'critical' : 'medium',
    resource: policyResource(task, policy),
    summary: `${detail} ${then}`,
    evidence: { target, ...(planHash === null ? {} : { planHash }), ...evidence },
    remedy: guardRemedies[guard],
  }));
}

function faultFindings<Rule extends string>(
  task: string,
  { policy, target, faults }: PolicyOutcome,
  rules: FaultRules<Rule>,
): FindingDraft<Rule>[] {
  return faults.map(({ rule, subject, detail, evidence }) => {
    if (!Object.hasOwn(rules, rule)) throw new TypeError(`${task} has no rule ${rule}`);
    const { severity, remedy } = rules[rule as Rule];
    return {
      rule: rule as Rule,
      severity,
      resource: policyResource(task, policy),
      discriminator: subject,
      summary: detail,
      evidence: { target, subject, ...evidence },
      remedy,
    };
  });
}

/** Of a policy that only shows what it would do, everything is overdue. */
function backlogFindings(
  task: string,
  { policy, target, mode, backlog, backlogAgeHours, waitedMs, workedMs, waitedFor }: PolicyOutcome,
  maximumBacklogHours: number,
): FindingDraft<'backlog'>[] {
  if (mode !== 'apply' || backlogAgeHours === null || backlogAgeHours <= maximumBacklogHours) return [];
  return [
    {
      rule: 'backlog',
      severity: 'high',
      resource: policyResource(task, policy),
      summary: `What is past its retention has been so for up to ${daysText(backlogAgeHours)}, and is still there.`,
      evidence: {
        target,
        backlogAgeHours,
        maximumBacklogHours,
        ...(backlog === null ? {} : { backlog }),
        waitedMs,
        workedMs,
        ...(waitedFor.length === 0 ? {} : { waitedFor }),
      },
      remedy: 'See why it is not taken: a guard, a pause, too little time, or a pace that waits all the time.',
    },
  ];
}

function pauseFindings(task: string, { policy, target, state, deleted }: PolicyOutcome): FindingDraft<'paused'>[] {
  if (state !== 'paused') return [];
  return [
    {
      rule: 'paused',
      severity: 'low',
      resource: policyResource(task, policy),
      summary: 'The policy is paused, or all of its task: nothing more is taken until somebody resumes it.',
      evidence: { target, deleted },
      remedy: `caretaker pause ${task} --list says who has paused what, and why. When the reason is gone: caretaker resume ${task}, with --policy ${policy} where only that one is paused.`,
    },
  ];
}

function changesOf<Rule extends string>(task: string, outcome: PolicyOutcome, rules: FaultRules<Rule>): Change[] {
  const { policy, target, mode, state, planned, archived, deleted, detached, kept, manifests, planHash, notes } =
    outcome;
  if (planned === 0 && archived === 0 && deleted === 0) return [];
  const resource = policyResource(task, policy);
  const plan = planHash === null ? '' : ` Plan ${planHash}.`;
  // What is kept on purpose is no failure.
  const hasFailed =
    mode === 'apply' &&
    (state === 'stopped' || outcome.faults.some(({ rule }) => rules[rule as Rule]?.severity !== 'low'));
  if (!hasFailed && archived === 0 && deleted === 0 && kept === 0) {
    const shown = mode === 'apply' ? [] : notes;
    const detail = [`${count(planned)} past the retention in ${target}.${plan}`, ...shown].join(' ');
    return [{ resource, action: 'take', outcome: 'planned', detail }];
  }
  const archives = `${manifests.length} verified ${manifests.length === 1 ? 'archive' : 'archives'}`;
  const parts = [
    ...(archived === 0 ? [] : [`${count(archived)} archived in ${archives}`]),
    ...(detached === 0 ? [] : [`${count(detached)} detached with their partitions, to be dropped later`]),
    ...(detached > 0 && detached === deleted ? [] : [`${count(deleted - detached)} deleted`]),
    ...(kept === 0 ? [] : [`${count(kept)} kept`]),
  ];
  const detail = `${target}: ${parts.join(', ')}.${plan}`;
  return [{ resource, action: 'take', outcome: hasFailed ? 'failed' : 'done', detail }];
}

function headlineOf(outcomes: readonly PolicyOutcome[], configured: number): string {
  if (outcomes.length === 0) return configured === 0 ? 'No policy is configured.' : 'No policy was looked at.';
  const applied = outcomes.filter(({ mode }) => mode === 'apply');
  const total = (of: (outcome: PolicyOutcome) => number, among = outcomes) =>
    among.reduce((sum, outcome) => sum + of(outcome), 0);
  const planned = total(({ planned: rows }) => rows);
  if (applied.length === 0) return `${count(planned)} past their retention; nothing was changed.`;
  const archived = total(({ archived: rows }) => rows);
  const detached = total(({ detached: rows }) => rows);
  const deleted = total(({ deleted: rows }) => rows) - detached;
  const shown = outcomes.length - applied.length;
  const sentences = [
    `${archived === 0 ? '' : `${count(archived)} archived and verified, `}${count(deleted)} deleted${detached === 0 ? '' : `, ${count(detached)} detached`}.`,
    ...(shown === 0
      ? []
      : [`Of ${shown === 1 ? 'one policy' : `${shown} policies`} it was only shown what would be done.`]),
  ];
  return sentences.join(' ');
}

function tableOf(outcomes: readonly PolicyOutcome[]): ReportTable {
  return {
    title: 'What became of the policies',
    columns: [
      { key: 'policy', title: 'policy' },
      { key: 'target', title: 'takes from' },
      { key: 'mode', title: 'mode' },
      { key: 'state', title: 'state' },
      { key: 'planned', title: 'planned' },
      { key: 'archived', title: 'archived' },
      { key: 'deleted', title: 'deleted' },
      { key: 'kept', title: 'kept' },
      { key: 'backlogAgeHours', title: 'backlog' },
      { key: 'plan', title: 'plan' },
    ],
    rows: outcomes.map(
      ({ policy, target, mode, state, planned, archived, deleted, detached, kept, backlogAgeHours, planHash }) => ({
        policy,
        target,
        mode,
        state,
        planned,
        archived,
        deleted: deleted - detached,
        kept,
        backlogAgeHours,
        plan: planHash === null ? null : planHash.slice(0, 12),
      }),
    ),
  };
}

function daysText(hours: number): string {
  return hours < 48 ? `${Math.floor(hours)} hours` : `${count(Math.floor(hours / 24))} days`;
}

function count(things: number): string {
  return things.toLocaleString('en-US');
}
