import { createHash } from 'node:crypto';
import * as z from 'zod';
import { resourceSchema } from './resource.ts';

/** Worst first; the order is the order of every list that people see. */
export const severities = ['critical', 'high', 'medium', 'low', 'informational'] as const;

export const severitySchema = z.enum(severities);

export type Severity = z.output<typeof severitySchema>;

/** A rule broken by a resource. */
export const findingSchema = z.object({
  /** Hash of task, rule, resource id and discriminator; see {@link findingId}. */
  id: z.string(),
  task: z.string(),
  rule: z.string(),
  severity: severitySchema,
  resource: resourceSchema,
  /** One sentence that says what is wrong, with the number that matters. */
  summary: z.string(),
  /** What was seen, as a machine can read it; units are in the keys. */
  evidence: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
  /** What to do about it. */
  remedy: z.string(),
});

export type Finding = z.output<typeof findingSchema>;

/** What `evaluate` returns: a finding without what the kernel adds. */
export interface FindingDraft<Rule extends string = string> extends Omit<Finding, 'id' | 'task' | 'rule'> {
  readonly rule: Rule;
  /** Tells apart two findings of one rule on one resource, such as two certificates of one chain. */
  readonly discriminator?: string;
}

/**
 * Returns the identity of a finding, 16 hexadecimal digits: a hash of what it is about, never of its wording or evidence,
 * so that the same trouble keeps its identity from run to run.
 */
export function findingId(task: string, rule: string, resourceId: string, discriminator = ''): string {
  return createHash('sha256')
    .update(JSON.stringify([task, rule, resourceId, discriminator]))
    .digest('hex')
    .slice(0, 16);
}

/** Negative when `a` is worse than `b`; for `sort`. */
export function compareSeverity(a: Severity, b: Severity): number {
  return severities.indexOf(a) - severities.indexOf(b);
}

/** Orders findings worst first, then by resource and rule, so that two runs over the same estate read alike. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    compareSeverity(a.severity, b.severity) ||
    a.resource.name.localeCompare(b.resource.name, 'en') ||
    a.resource.id.localeCompare(b.resource.id, 'en') ||
    a.rule.localeCompare(b.rule, 'en') ||
    a.id.localeCompare(b.id, 'en')
  );
}
