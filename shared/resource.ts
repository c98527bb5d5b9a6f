import * as z from 'zod';

/** Something in the estate that a run looks at: a certificate, a database, an endpoint, or a whole listing (`scope`). */
export const resourceSchema = z.object({
  /** Kebab-case kind such as `acm-certificate` or `endpoint`; `scope` for a listing of one service in one account and region. */
  type: z.string(),
  /** Unique and stable over runs: an ARN where there is one. Identity of findings hangs on it. */
  id: z.string(),
  /** What a person calls it. */
  name: z.string(),
  account: z.string().optional(),
  region: z.string().optional(),
});

export type Resource = z.output<typeof resourceSchema>;
