import type * as z from 'zod';

/** One thing that is wrong, and where: `tasks.certificate-expiry.endpoints[0].port`. */
export interface ConfigFault {
  readonly path: string;
  readonly message: string;
}

/** Bad configuration or a bad event. The message lists every fault with its path; nothing has been run. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(source: string, faults: readonly ConfigFault[], options?: ErrorOptions) {
    const lines = faults.map((fault) =>
      fault.path === '' ? `  ${fault.message}` : `  ${fault.path}: ${fault.message}`,
    );
    super(`${source}: ${faults.length === 1 ? '1 fault' : `${faults.length} faults`}\n${lines.join('\n')}`, options);
    this.faults = faults;
  }
}

/**
 * Returns `input` parsed by `schema`.
 *
 * @param source what is being parsed, for the message: a file name, `event`.
 * @throws ConfigError with every fault that the schema found.
 */
export function parseOrThrow<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  source: string,
): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new ConfigError(source, faultsIn(result.error));
}

/** Returns every fault that a schema found, each with its path. */
export function faultsIn(error: z.ZodError): ConfigFault[] {
  return error.issues.flatMap((issue) => faultsOf(issue));
}

function faultsOf(issue: z.core.$ZodIssue): ConfigFault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: formatPath([...issue.path, key]), message: 'unknown key' }));
  }
  // Zod says of a bad key only that it is invalid; why is in the issues of the key's own schema.
  if (issue.code === 'invalid_key') {
    return issue.issues.map(({ message }) => ({ path: formatPath(issue.path), message }));
  }
  return [{ path: formatPath(issue.path), message: issue.message }];
}

/** Returns the path of a key as people write it: `tasks.certificate-expiry.endpoints[0].port`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}
