import { UncheckedError } from '../../../shared/unchecked-error.ts';
import type { PlanCoverage, Tags } from '../items.ts';
import type { AwsBackupFacts, PlanSelection } from './facts.ts';
import { backupTypeOf } from './resource-kind.ts';
import { matchesWildcard } from './wildcard.ts';

/** What a selection is asked about. */
export interface SelectableResource {
  readonly arn: string;
  /** As AWS Backup names it, `Aurora` or `DynamoDB`; taken from the ARN unless given. */
  readonly backupType?: string | undefined;
  /** Undefined: could not be read. */
  readonly tags: Tags | undefined;
  readonly account: string;
  readonly region: string;
}

/**
 * Types whose ARNs do not tell them apart from others, so that naming a resource type, or even the resource, does not stand above
 * the region's settings: https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources-json.html ("Shared resource
 * types")
 */
const alwaysNeedOptIn: ReadonlySet<string> = new Set(['Aurora', 'Neptune', 'DocumentDB', 'FSx']);

/**
 * Returns whether a selection of a backup plan takes a resource in, as AWS Backup decides it:
 *
 * - only resources of the plan's own account and region;
 * - none that `NotResources` names, whatever else does;
 * - those that any of `Resources` names, or that carry any tag of `ListOfTags`; a selection with neither takes in nothing, and
 *   AWS Backup no longer accepts one;
 * - of these, those that meet every one of `Conditions`. A resource without the tag meets the negated ones;
 * - types that are switched off in the region only when a pattern names their resource type, and not even then when other types
 *   share it.
 *
 * In ARNs and in the values of `StringLike` and `StringNotLike`, `*` stands for any run of characters. Case counts throughout.
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources-json.html,
 * https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupSelection.html
 *
 * @param optedOut `account/region/type` that are switched off; see {@link AwsBackupFacts.optedOut}.
 * @throws UncheckedError when it depends on tags that could not be read.
 */
export function selectionTakesIn(
  selection: PlanSelection,
  resource: SelectableResource,
  optedOut: ReadonlySet<string>,
): boolean {
  const { arn, account, region } = resource;
  if (selection.account !== account || selection.region !== region) return false;
  if (selection.notResources.some((pattern) => matchesWildcard(pattern, arn))) return false;
  const naming = selection.resources.filter((pattern) => matchesWildcard(pattern, arn));
  const isTagged = () => selection.listOfTags.some(({ key, value }) => tagOf(resource, key) === value);
  if (naming.length === 0 && !isTagged()) return false;
  if (!meetsConditions(selection, resource)) return false;
  const type = resource.backupType ?? backupTypeOf(arn);
  if (type === undefined || !optedOut.has(`${account}/${region}/${type}`)) return true;
  return !alwaysNeedOptIn.has(type) && naming.some(namesResourceType);
}

/**
 * Returns the rules of backup plans that take a resource in. That says what should be made of it, and not that anything was.
 *
 * @throws UncheckedError when it depends on tags that could not be read.
 */
export function planCoverage(
  facts: Pick<AwsBackupFacts, 'selections' | 'rules' | 'protectedResources' | 'optedOut'>,
  given: SelectableResource,
): PlanCoverage[] {
  // What AWS Backup has once protected it knows by its right type, which the ARN of a cluster does not tell.
  const known = facts.protectedResources.find(({ arn }) => arn === given.arn)?.type;
  const resource = { ...given, backupType: known ?? given.backupType };
  const taking = facts.selections.filter((selection) => selectionTakesIn(selection, resource, facts.optedOut));
  return taking.flatMap(({ planArn, name }) =>
    facts.rules
      .filter((rule) => rule.planArn === planArn)
      .map(({ planName, ruleName, retentionDays, schedule }) => ({
        planName,
        planArn,
        ruleName,
        selectionName: name,
        retentionDays,
        schedule,
      })),
  );
}

function meetsConditions(selection: PlanSelection, resource: SelectableResource): boolean {
  const tag = (key: string) => tagOf(resource, key);
  const like = (key: string, pattern: string) => {
    const value = tag(key);
    return value !== undefined && matchesWildcard(pattern, value);
  };
  return (
    selection.stringEquals.every(({ key, value }) => tag(key) === value) &&
    selection.stringNotEquals.every(({ key, value }) => tag(key) !== value) &&
    selection.stringLike.every(({ key, value }) => like(key, value)) &&
    selection.stringNotLike.every(({ key, value }) => !like(key, value))
  );
}

function tagOf({ arn, tags }: SelectableResource, key: string): string | undefined {
  if (tags === undefined) {
    throw new UncheckedError(
      'tags-unreadable',
      `Whether a backup plan takes ${arn} in depends on tags that are not known.`,
    );
  }
  return Object.hasOwn(tags, key) ? tags[key] : undefined;
}

/** `arn:aws:ec2:*:*:instance/*` does, `arn:aws:ec2:*` names a service only. A bucket's ARN has nothing but the bucket. */
function namesResourceType(pattern: string): boolean {
  const [, , service, , , ...rest] = pattern.split(':');
  if (rest.length === 0) return false;
  return service === 's3' || !rest.join(':').startsWith('*');
}
