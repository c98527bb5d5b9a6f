import * as z from 'zod';
import type { ArchivalConfig } from '../functions/data-archival/config.ts';
import type { PurgeConfig } from '../functions/data-purge/config.ts';
import * as registry from '../functions/index.ts';
import { databasesSchema } from '../shared/databases.ts';
import { alertsSchema, estateSchema, networkSchema } from '../shared/estate.ts';
import { nextRun } from '../shared/schedule/next-run.ts';
import { parseScheduleExpression, ScheduleExpressionError } from '../shared/schedule/schedule-expression.ts';
import { type TaskDefinition, unknownDatabases } from '../shared/task.ts';
import { purgedArchives } from './kept-archives.ts';

/** What the configuration says of one task, every default filled in. */
export interface TaskSettings {
  /** `false`: neither deployed nor run. */
  readonly enabled: boolean;
  /** EventBridge Scheduler expression, in the estate's time zone. */
  readonly schedule: string;
  /** As the task's own schema returns it. */
  readonly config: Record<string, unknown>;
}

const scheduleSchema = z.string().superRefine((text, context) => {
  try {
    const expression = parseScheduleExpression(text);
    // Any zone will do: what is asked is whether there is such a day at all.
    if (nextRun(expression, new Date(0), 'UTC') === undefined) {
      context.addIssue({ code: 'custom', message: 'never comes: there is no such day' });
    }
  } catch (error) {
    if (!(error instanceof ScheduleExpressionError)) throw error;
    for (const fault of error.faults) context.addIssue({ code: 'custom', message: fault });
  }
});

/**
 * A task's entry mixes settings that every task has with the task's own keys. Both halves are parsed whatever the other
 * finds, so that one message names every fault.
 */
function taskSettingsSchema(definition: TaskDefinition) {
  const common = z.strictObject({
    enabled: z.boolean().default(true),
    schedule: scheduleSchema.default(definition.schedule),
  });
  return z.unknown().transform((entry, context): TaskSettings => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      context.addIssue({ code: 'custom', message: 'expected an object of settings' });
      return z.NEVER;
    }
    const { enabled, schedule, ...own } = entry as Record<string, unknown>;
    const settings = common.safeParse({ enabled, schedule });
    const config = definition.config.safeParse(own);
    for (const result of [settings, config]) {
      for (const issue of result.error?.issues ?? [])
        context.issues.push({ ...issue, input: entry } as z.core.$ZodRawIssue);
    }
    if (!settings.success || !config.success) return z.NEVER;
    return { ...settings.data, config: config.data as Record<string, unknown> };
  });
}

const definitions: readonly TaskDefinition[] = Object.values(registry);

/** The whole configuration file. A task that is not named runs with its defaults. */
export const configurationSchema = z
  .strictObject({
    estate: estateSchema,
    databases: databasesSchema.default({}),
    network: networkSchema.optional(),
    alerts: alertsSchema.prefault({}),
    tasks: z
      .strictObject(
        Object.fromEntries(
          definitions.map((definition) => [definition.id, taskSettingsSchema(definition).prefault({})] as const),
        ),
      )
      .prefault({}),
  })
  .superRefine(({ databases, tasks }, context) => {
    for (const definition of definitions) {
      const settings = tasks[definition.id];
      if (settings?.enabled !== true) continue;
      for (const message of unknownDatabases(definition, settings.config, databases)) {
        context.addIssue({ code: 'custom', path: ['tasks', definition.id], message });
      }
    }
    const { 'data-archival': archival, 'data-purge': purge } = tasks;
    if (archival === undefined || purge?.enabled !== true) return;
    for (const { index, message } of purgedArchives(archival.config as ArchivalConfig, purge.config as PurgeConfig)) {
      context.addIssue({ code: 'custom', path: ['tasks', 'data-purge', 'policies', index], message });
    }
  });

/** A parsed configuration; `tasks` holds an entry for every task in the registry. */
export type Configuration = z.output<typeof configurationSchema>;

type Definition = (typeof registry)[keyof typeof registry];

type TaskInputs = {
  readonly [D in Definition as D['id']]?: z.input<D['config']> & { enabled?: boolean; schedule?: string };
};

/** A configuration as it is written, before defaults. */
export type ConfigurationInput = Omit<z.input<typeof configurationSchema>, 'tasks'> & { tasks?: TaskInputs };

/**
 * Returns `configuration` unchanged; it is here for the editor, which completes and checks keys against it.
 * Everything is parsed again when the file is loaded.
 */
export function defineConfig(configuration: ConfigurationInput): ConfigurationInput {
  return configuration;
}

/**
 * Returns what stands in a configuration for the JSON in a file, beside it or in an installed package (`npm:<package>/<path>`), with
 * the type of what belongs there. Its content takes its place when the configuration is loaded.
 */
export function jsonFile<Content>(path: string): Content {
  return { $file: path } as Content;
}
