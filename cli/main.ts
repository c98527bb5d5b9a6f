import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { ConfigError } from '../shared/config-error.ts';
import { severities } from '../shared/finding.ts';
import { printableLines } from '../shared/text/printable.ts';
import { tolerateClosedPipe } from './closed-pipe.ts';
import { type CorrectCommandOptions, correctCommand } from './correct-command.ts';
import { exitCodes, type FailOn } from './exit-code.ts';
import { type InvokeCommandOptions, invokeCommand } from './invoke-command.ts';
import { type RunCommandOptions, runCommand } from './run-command.ts';
import { scheduleCommand } from './schedule-command.ts';
import { type SchemaName, schemaCommand, schemaNames } from './schema-command.ts';
import { tasksCommand } from './tasks-command.ts';
import { UsageError } from './usage-error.ts';

const failOnChoices: readonly string[] = [...severities, 'never'];

const program = new Command('caretaker')
  .description('Looks after an AWS estate: runs maintenance tasks and says what they found.')
  .exitOverride()
  .showHelpAfterError('(caretaker --help shows all commands)');

program
  .command('tasks')
  .description('list the tasks')
  .option('--json', 'print JSON')
  .action((options) => tasksCommand(options));

program
  .command('schedule')
  .description('show when each task runs next, in local time and UTC')
  .option('--config <file>', 'configuration (default: caretaker.config.ts)')
  .option('--json', 'print JSON')
  .action((options) => scheduleCommand(options, new Date()));

program
  .command('run')
  .description('run tasks once, here and now, and print their reports')
  .argument('[task...]', 'tasks to run')
  .option('--all', 'every task that is switched on')
  .option('--sandbox', 'against the sample estate, which runs inside this process')
  .option('--apply', 'let tasks that change things change them')
  .option('--only <glob>', 'narrow the run to resources whose name or id matches, such as "*.example"')
  .option('--config <file>', 'configuration (default: caretaker.config.ts)')
  .option('--json', 'print JSON: one report, or an array for several tasks')
  .option('--html <file>', 'write a page to this file as well')
  .option('--fail-on <severity>', `exit with 3 from this severity on: ${failOnChoices.join(', ')}`, parseFailOn, 'high')
  .addHelpText(
    'after',
    `
Exit codes: 0 nothing at or above --fail-on; 3 findings at or above it;
1 could not run or could not check everything; 2 wrong usage or configuration.`,
  )
  .action(async (taskIds: string[], options: RunCommandOptions) => {
    process.exitCode = await runCommand(taskIds, options);
  });

program
  .command('invoke')
  .description('run a task where it is deployed, and print what it answers')
  .argument('<task>', 'task to run')
  .requiredOption('--stage <stage>', 'stage that it is deployed to, such as prod')
  .option('--region <region>', 'region that it is deployed to (default: that of the AWS profile)')
  .option('--dry-run', 'keep a task that changes things from changing them')
  .option('--only <glob>', 'narrow the run to resources whose name or id matches')
  .addHelpText(
    'after',
    `\nExit codes: 0 it ran and checked everything; 1 it failed or could not check everything; 2 wrong usage.`,
  )
  .action(async (taskId: string, options: InvokeCommandOptions) => {
    process.exitCode = await invokeCommand(taskId, options);
  });

program
  .command('correct')
  .description('show the correction that a rule of the integrity audit has, and apply it')
  .argument('<rule>', 'id of the rule')
  .option('--apply', 'make the correction that was shown last, in one transaction')
  .option('--done <note>', 'write down that a person has made it')
  .option('--sandbox', 'on the sample estate, which runs inside this process')
  .option('--config <file>', 'configuration (default: caretaker.config.ts)')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `\nExit codes: 0 it was shown or made; 1 it was refused or failed, or nobody knows; 2 wrong usage or configuration.`,
  )
  .action(async (ruleId: string, options: CorrectCommandOptions) => {
    process.exitCode = await correctCommand(ruleId, options);
  });

program
  .command('schema')
  .description('print a public interface as JSON Schema')
  .argument('<name>', schemaNames.join(' or '), parseSchemaName)
  .action((name: SchemaName) => schemaCommand(name));

function parseFailOn(text: string): FailOn {
  if (!failOnChoices.includes(text)) throw new InvalidArgumentError(`Choose one of ${failOnChoices.join(', ')}.`);
  return text as FailOn;
}

function parseSchemaName(text: string): SchemaName {
  const name = schemaNames.find((known) => known === text);
  if (name === undefined) throw new InvalidArgumentError(`Choose ${schemaNames.join(' or ')}.`);
  return name;
}

tolerateClosedPipe();

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOfError(error);
}

function exitCodeOfError(error: unknown): number {
  // Commander has said what is wrong; help that was asked for is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.good : exitCodes.usage;
  if (error instanceof UsageError || error instanceof ConfigError) {
    // A configuration's own words may be in it.
    process.stderr.write(`${printableLines(error.message)}\n`);
    return exitCodes.usage;
  }
  process.stderr.write(`${printableLines(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`);
  return exitCodes.incomplete;
}
