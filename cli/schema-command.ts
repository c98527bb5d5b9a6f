import * as z from 'zod';
import { configurationSchema } from '../config/schema.ts';
import { reportSchema } from '../shared/report.ts';
import { definitions } from './tasks.ts';

/** The public interfaces that can be printed as JSON Schema. */
export const schemaNames = ['report', 'configuration'] as const;

export type SchemaName = (typeof schemaNames)[number];

/** Prints a public interface as JSON Schema (draft 2020-12), for editors and for programs that read reports. */
export function schemaCommand(name: SchemaName): void {
  const schema =
    name === 'report'
      ? z.toJSONSchema(reportSchema)
      : z.toJSONSchema(z.strictObject({ ...configurationSchema.shape, tasks: taskInputs() }), { io: 'input' });
  process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
}

/** A task's settings as they are written; the parsed form goes through a transform, which JSON Schema cannot express. */
function taskInputs() {
  const entries = definitions.map(({ id, config }) => {
    if (!(config instanceof z.ZodObject)) throw new TypeError(`the configuration of ${id} is not an object schema`);
    const own: Readonly<Record<string, z.ZodType>> = config.shape;
    const settings = z.strictObject({ ...own, enabled: z.boolean().optional(), schedule: z.string().optional() });
    return [id, settings.optional()] as const;
  });
  return z.strictObject(Object.fromEntries(entries)).optional();
}
