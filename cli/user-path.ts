import { resolve } from 'node:path';

/**
 * Returns the absolute path of `path` as the person meant it: npm runs scripts in the project's folder and says in INIT_CWD
 * where it was called.
 */
export function userPath(path: string, environment: NodeJS.ProcessEnv = process.env): string {
  const isNpm = environment.npm_lifecycle_event !== undefined;
  return resolve((isNpm ? environment.INIT_CWD : undefined) ?? process.cwd(), path);
}
