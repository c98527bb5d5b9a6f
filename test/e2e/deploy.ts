import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { region, safeEnvironment } from './ministack.ts';
import type { Processes } from './processes.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cdk = join(root, 'node_modules', 'aws-cdk', 'bin', 'cdk');

const outputsSchema = z.object({
  PageTopicArn: z.string(),
  NoticeTopicArn: z.string(),
  ReportBucketName: z.string(),
  LedgerBucketName: z.string(),
  StateTableName: z.string(),
});

/** What a deployed stack says about itself. */
export type Outputs = z.output<typeof outputsSchema>;

/** Deploys the app as an operator would, with `cdk bootstrap` and `cdk deploy`, and returns the stack's outputs. */
export async function deploy(options: {
  readonly stage: string;
  readonly endpoint: string;
  /** What a configuration file holds. */
  readonly configuration: unknown;
  /** Environment variables for the functions. */
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly processes: Processes;
}): Promise<Outputs> {
  const { stage, directory, processes } = options;
  const env = { ...safeEnvironment(directory), AWS_ENDPOINT_URL: options.endpoint };
  const configPath = join(directory, 'caretaker.config.json');
  const outputsPath = join(directory, 'outputs.json');
  await writeFile(configPath, JSON.stringify(options.configuration, undefined, 2));

  // Not in the repository: without a cdk.json the command has no app to synthesize first.
  await processes.run(process.execPath, [cdk, 'bootstrap', `aws://000000000000/${region}`, '--no-notices'], {
    cwd: directory,
    env,
  });
  await processes.run(
    process.execPath,
    [
      ...[cdk, 'deploy', '--no-notices', '--require-approval', 'never', '--output', join(directory, 'cdk.out')],
      ...['--outputs-file', outputsPath, '-c', `stage=${stage}`, '-c', `config=${configPath}`],
      ...['-c', `environment=${JSON.stringify(options.environment)}`],
    ],
    { cwd: root, env },
  );
  const outputs: Record<string, unknown> = JSON.parse(await readFile(outputsPath, 'utf8'));
  return outputsSchema.parse(outputs[`caretaker-${stage}`]);
}
