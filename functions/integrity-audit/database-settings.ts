import { type AuditConfig, type DatabaseSettings, databaseSettingsSchema } from './config.ts';

/** Returns what the task's configuration says of a database; the defaults where it says nothing. */
export function databaseSettings({ databases }: AuditConfig, name: string): DatabaseSettings {
  const given = databases !== undefined && Object.hasOwn(databases, name) ? databases[name] : undefined;
  return given ?? databaseSettingsSchema.parse({});
}
