import * as z from 'zod';
import { parseOrThrow } from '../shared/config-error.ts';

const variableName = z.string().regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'not the name of an environment variable');

const environment = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON; write -c environment=\'{"NAME":"value"}\'' });
    return z.NEVER;
  }
});

const optionsSchema = z.strictObject({
  stage: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,15}$/, 'lower-case letters, digits and hyphens, at most 16 characters')
    .default('dev'),
  config: z.string().min(1).default('caretaker.config.ts'),
  environment: environment
    .pipe(z.record(variableName, z.string(), { error: 'expected an object of strings: {"NAME":"value"}' }))
    .prefault('{}'),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'not an AWS region such as us-east-1')
    .optional(),
});

/** What a deployment can be told with `-c name=value`. */
export interface AppOptions {
  /** Part of every name that is fixed, so that several stages can share an account. `prod` protects its state. */
  readonly stage: string;
  /** Path of the configuration file. */
  readonly config: string;
  /** Extra environment variables for the functions, such as proxies or FIPS endpoints. */
  readonly environment: Readonly<Record<string, string>>;
  /** Region to deploy to; by default the first region of the estate. */
  readonly region?: string;
}

/**
 * Returns the options that `read` finds, with defaults.
 *
 * @param read gives the value of a context key, `undefined` when it was not given: `app.node.tryGetContext`.
 * @throws ConfigError with every option that is wrong.
 */
export function parseAppOptions(read: (key: string) => unknown): AppOptions {
  const given = Object.fromEntries(Object.keys(optionsSchema.shape).map((key) => [key, read(key)]));
  return parseOrThrow(optionsSchema, given, 'cdk context (-c name=value)');
}
