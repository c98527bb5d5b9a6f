import * as z from 'zod';

/**
 * The event of an invocation: what may be said on top of the deployed configuration. Everything is optional, so that
 * `aws lambda invoke --payload '{}'` works; an unknown key is an error that names it.
 */
export const invocationSchema = z.strictObject({
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
  /** Replaces top-level keys of the task's deployed configuration; the result is parsed strictly. */
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
});

export type Invocation = z.output<typeof invocationSchema>;
