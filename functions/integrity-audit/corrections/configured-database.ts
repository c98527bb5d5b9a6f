import type { Database } from '../../../shared/databases.ts';
import type { CorrectionContext } from './correction-context.ts';
import type { CorrectableRule } from './prepared-correction.ts';
import { RefusedError } from './refused-error.ts';

/** Returns the database that a rule is about. @throws RefusedError when the configuration has none of that name. */
export function configuredDatabase(rule: CorrectableRule, { databases }: CorrectionContext): Database {
  const database = Object.hasOwn(databases, rule.database) ? databases[rule.database] : undefined;
  if (database === undefined) {
    throw new RefusedError('no-database', `The configuration has no database ${rule.database}.`);
  }
  return database;
}
