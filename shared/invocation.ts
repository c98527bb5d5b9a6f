import * as z from 'zod';

/** The name of an execution whose log Step Functions can show; also a part of a document's name. */
const runId = z.string().regex(/^[A-Za-z0-9_-]{1,80}$/, 'letters, digits, hyphens and underscores, at most 80');

/**
 * One step of a run that is too long for one invocation, as the task's state machine asks for it. Each can be asked for again, with
 * the same result.
 */
const stepSchema = z.discriminatedUnion('kind', [
  /** The first: divides the work, and remembers the rest of this event for the steps after it. */
  z.strictObject({ kind: z.literal('plan'), runId }),
  /** Goes on with one part, named by its id. */
  z.strictObject({ kind: z.literal('work'), runId, item: z.string().min(1) }),
  /** The last: makes the report, from what has been done by then. */
  z.strictObject({ kind: z.literal('finish'), runId }),
]);

const eventSchema = z.strictObject({
  /** `true` keeps a task that changes things from changing them. */
  dryRun: z.boolean().optional(),
  /** Narrows the run. */
  scope: z
    .strictObject({
      accounts: z.array(z.string()).min(1).optional(),
      regions: z.array(z.string()).min(1).optional(),
      /** Glob over resource ids and names: `*.nycmg.example`. */
      only: z.string().min(1).optional(),
    })
    .optional(),
  /** Replaces top-level keys of the task's deployed configuration; the result is parsed strictly. Changes are made by none such. */
  config: z.record(z.string(), z.unknown()).optional(),
  /** `true`: looks at nothing, and says how long ago the last scheduled run ended, for the alarm on missed runs. */
  watch: z.literal(true).optional(),
  /** Filled in by EventBridge Scheduler's context attributes; its presence makes the run a scheduled one. */
  schedule: z
    .strictObject({
      arn: z.string().min(1),
      /** The time for which the run was scheduled, the same for every attempt. */
      scheduledTime: z.string().min(1),
    })
    .optional(),
  /** Does this much of a run, for a task whose work is planned; without it, the invocation does all of a run. */
  step: stepSchema.optional(),
});

/**
 * The event of an invocation: what may be said on top of the deployed configuration. Everything is optional, so that
 * `aws lambda invoke --payload '{}'` works; an unknown key is an error that names it.
 */
export const invocationSchema = eventSchema.superRefine(({ step, ...rest }, context) => {
  if (step === undefined) return;
  // Ignored, it would be taken for obeyed.
  const misplaced = Object.keys(rest).filter((key) => step.kind !== 'plan' || key === 'watch');
  for (const key of misplaced) {
    context.addIssue({ code: 'custom', path: [key], message: `has no place in the step ${step.kind}` });
  }
});

export type Step = z.output<typeof stepSchema>;

export type Invocation = z.output<typeof invocationSchema>;
