import { glob } from '../glob.ts';
import type { CollectContext, FinishedWork, WorkItem } from '../run-task.ts';
import { type PolicyOutcome, policyOutcomeSchema } from './policy-outcome.ts';
import { policyResource } from './policy-resource.ts';

/** What every policy has, of whatever task. */
interface AnyPolicy {
  readonly id: string;
}

const prefix = 'policy/';

/** Returns a part of the work for each policy that the run takes in. */
export function policyItems(task: string, policies: readonly AnyPolicy[], only: string | undefined): WorkItem[] {
  const matches = only === undefined ? () => true : glob(only);
  return policies
    .map(({ id }) => ({ id, resource: policyResource(task, id) }))
    .filter(({ resource }) => matches(resource.id) || matches(resource.name))
    .map(({ id }) => ({ id: `${prefix}${id}` }));
}

/** Returns the policy that a part of the work is about. @throws TypeError for one that is not configured any more. */
export function policyOf<Policy extends AnyPolicy>(policies: readonly Policy[], item: WorkItem): Policy {
  const policy = policies.find(({ id }) => `${prefix}${id}` === item.id);
  if (policy === undefined) throw new TypeError(`${item.id} is not the work of a policy`);
  return policy;
}

/**
 * Returns what became of each policy, and settles them in the coverage: one whose work was not begun is not reached, one that could
 * not be looked at in some respect is unchecked, whatever else was done.
 */
export function collectOutcomes(
  task: string,
  policies: readonly AnyPolicy[],
  { coverage, work, measure }: Pick<CollectContext<unknown>, 'coverage' | 'work' | 'measure'>,
): PolicyOutcome[] {
  if (policies.length === 0) coverage.allowEmpty();
  const outcomes: PolicyOutcome[] = [];
  for (const { id } of policies) {
    const resource = policyResource(task, id);
    coverage.expect(resource);
    const outcome = outcomeOf(work.find(({ item }) => item.id === `${prefix}${id}`));
    if (outcome === undefined) continue;
    outcomes.push(outcome);
    const [first, ...others] = outcome.unchecked;
    if (first === undefined) coverage.checked(resource);
    else coverage.unchecked(resource, first.reason, [first, ...others].map(({ detail }) => detail).join(' '));
  }
  const sum = (of: (outcome: PolicyOutcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  measure(
    'plannedCount',
    sum(({ planned }) => planned),
  );
  measure(
    'archivedCount',
    sum(({ archived }) => archived),
  );
  measure(
    'deletedCount',
    sum(({ deleted }) => deleted),
  );
  measure(
    'keptCount',
    sum(({ kept }) => kept),
  );
  const applied = outcomes.filter(({ mode }) => mode === 'apply');
  const ages = applied.flatMap((outcome) => backlogAge(outcome) ?? []);
  if (ages.length > 0) measure('backlogAgeHours', Math.max(...ages));
  for (const outcome of applied) {
    const age = backlogAge(outcome);
    if (age !== undefined) measure(`backlogAgeHours.${outcome.policy}`, age);
  }
  return outcomes;
}

/** Nothing that is left is of no age, which ends an alarm; what was not measured leaves it as it is. */
function backlogAge({ backlog, backlogAgeHours }: PolicyOutcome): number | undefined {
  return backlogAgeHours ?? (backlog === 0 ? 0 : undefined);
}

function outcomeOf(work: FinishedWork | undefined): PolicyOutcome | undefined {
  return work?.progress === undefined ? undefined : policyOutcomeSchema.parse(work.progress.state);
}
