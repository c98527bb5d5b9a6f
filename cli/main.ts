import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { ConfigError } from '../shared/config-error.ts';
import { severities } from '../shared/finding.ts';
import { printableLines } from '../shared/text/printable.ts';
import { type ApproveCommandOptions, approveCommand } from './approve-command.ts';
import { tolerateClosedPipe } from './closed-pipe.ts';
import { type CorrectCommandOptions, correctCommand } from './correct-command.ts';
import type { DeskOptions } from './desk.ts';
import { exitCodes, type FailOn } from './exit-code.ts';
import { type InvokeCommandOptions, invokeCommand } from './invoke-command.ts';
import { type LedgerShowOptions, ledgerShowCommand, ledgerVerifyCommand } from './ledger-command.ts';
import { type PauseCommandOptions, pauseCommand, type ResumeCommandOptions, resumeCommand } from './pause-command.ts';
import { type RestoreCommandOptions, restoreCommand } from './restore-command.ts';
import { type RunCommandOptions, runCommand } from './run-command.ts';
import { scheduleCommand } from './schedule-command.ts';
import { type SchemaName, schemaCommand, schemaNames } from './schema-command.ts';
import { tasksCommand } from './tasks-command.ts';
import { terminalOf, wrap } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const failOnChoices: readonly string[] = [...severities, 'never'];

const program = new Command('caretaker')
  .description('Looks after an AWS estate: runs maintenance tasks and says what they found.')
  .exitOverride()
  // Options are broken into lines in a narrow terminal too.
  .configureHelp({ minWidthToWrap: 20 })
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
  .option('--apply', 'let tasks that change things change them, where their policies say so; without it, dry run')
  .option('--only <glob>', 'narrow the run to resources whose name or id matches, such as "*.example"')
  .option('--config <file>', 'configuration (default: caretaker.config.ts)')
  .option('--json', 'print JSON: one report, or an array for several tasks')
  .option('--html <file>', 'write a page to this file as well')
  .option('--fail-on <severity>', `exit with 3 from this severity on: ${failOnChoices.join(', ')}`, parseFailOn, 'high')
  .addHelpText(
    'after',
    below(
      'Exit codes: 0 nothing at or above --fail-on; 3 findings at or above it; 1 could not run or could not check everything; 2 wrong usage or configuration.',
    ),
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
    below('Exit codes: 0 it ran and checked everything; 1 it failed or could not check everything; 2 wrong usage.'),
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
    below(
      'Exit codes: 0 it was shown or made; 1 it was refused or failed, or nobody knows; 2 wrong usage or configuration.',
    ),
  )
  .action(async (ruleId: string, options: CorrectCommandOptions) => {
    process.exitCode = await correctCommand(ruleId, options);
  });

const sharedFolder =
  'Without --stage it is about what this machine runs. Two people share that only when XDG_STATE_HOME names, for both, one folder that both can write to; else each has plans, pauses and ledgers of their own, in ~/.local/state.';

withDesk(program.command('approve'))
  .description('show a plan, and let the first run of a policy begin it')
  .argument('<plan-hash>', 'hash of the plan, or its first 12 digits or more')
  .option('--show', 'only show it')
  .addHelpText(
    'after',
    below(
      `Who approves has to be another one than who made the plan, and than who then runs it: the user of this machine, or with --stage the AWS identity.

${sharedFolder}

Exit codes: 0 it is approved, or with --show shown; 1 it was refused, or could not be asked; 2 wrong usage or configuration.`,
    ),
  )
  .action(async (hash: string, options: ApproveCommandOptions) => {
    process.exitCode = await approveCommand(hash, options);
  });

withDesk(program.command('pause'))
  .description('stop tasks that change things before their next batch, or list what is stopped')
  .argument('[task]', 'task to stop (default: all that change things)')
  .option('--policy <id>', 'stop just this policy of the task')
  .option('--reason <text>', 'why, for whoever meets it; needed, but with --list')
  .option('--list', 'list what is paused')
  .addHelpText(
    'after',
    below(`${sharedFolder}\n\nExit codes: 0 done; 1 it could not be asked; 2 wrong usage or configuration.`),
  )
  .action(async (taskId: string | undefined, options: PauseCommandOptions) => {
    process.exitCode = await pauseCommand(taskId, options);
  });

withDesk(program.command('resume'))
  .description('let go on what was paused')
  .argument('[task]', 'task to let go on (default: all that change things)')
  .option('--policy <id>', 'let just this policy of the task go on')
  .addHelpText(
    'after',
    below(`${sharedFolder}\n\nExit codes: 0 done; 1 it could not be asked; 2 wrong usage or configuration.`),
  )
  .action(async (taskId: string | undefined, options: ResumeCommandOptions) => {
    process.exitCode = await resumeCommand(taskId, options);
  });

withDesk(program.command('restore'))
  .description('prove an archive, and load it into a schema of its own or back to where it came from')
  .argument('<archive>', '<policy> for its latest, <policy>/<number>, or s3://<bucket>/<key> of a manifest')
  .option('--into <schema>', 'make its tables in this schema, and load them')
  .option('--apply', 'put its rows back into the tables that they were taken from, all or none')
  .option(
    '--unrecorded',
    'load it although the ledger does not tell of it: whoever can write into its bucket may have made it, and its statements are run',
  )
  .option('--sandbox', 'in the sample estate, which runs inside this process')
  .addHelpText(
    'after',
    below(`Without --into and --apply it is only proven. Rows are loaded by the writer of the database that they were taken from; with --stage, the ledger of that stage is looked into and written to. An archive that the ledger does not tell of is proven, and not loaded.

Exit codes: 0 it is proven and, where asked, loaded; 1 it was refused or failed, or nobody knows; 2 wrong usage or configuration.`),
  )
  .action(async (archive: string, options: RestoreCommandOptions) => {
    process.exitCode = await restoreCommand(archive, options);
  });

const ledger = program.command('ledger').description('prove and show what was written down of all changes');

withDesk(ledger.command('verify'))
  .description('prove that every entry is as it was written, in its place, and none is missing')
  .argument('[chain]', 'one ledger, such as data-purge/sessions (default: all)')
  .addHelpText(
    'after',
    below(`${sharedFolder}\n\nExit codes: 0 all of it is proven; 1 it is not, or nothing is there; 2 wrong usage.`),
  )
  .action(async (chain: string | undefined, options: DeskOptions) => {
    process.exitCode = await ledgerVerifyCommand(chain, options);
  });

withDesk(ledger.command('show'))
  .description('print the entries of a ledger, oldest first')
  .argument('<chain>', 'such as data-purge/sessions')
  .option('--last <count>', 'only so many, the newest', parseCount)
  .addHelpText('after', below(`${sharedFolder}\n\nExit codes: 0 done; 1 it is broken, or not there; 2 wrong usage.`))
  .action(async (chain: string, options: LedgerShowOptions) => {
    process.exitCode = await ledgerShowCommand(chain, options);
  });

program
  .command('schema')
  .description('print a public interface as JSON Schema')
  .argument('<name>', schemaNames.join(' or '), parseSchemaName)
  .action((name: SchemaName) => schemaCommand(name));

/** Returns what to show behind a command's options, each of its lines broken to fit the terminal. */
function below(text: string): () => string {
  return () => {
    const { columns } = terminalOf(process.stdout);
    return `\n${text
      .split('\n')
      .map((line) => wrap(line, columns, '  ', ''))
      .join('\n')}`;
  };
}

/** Adds the options of a command that is about what runs have left. */
function withDesk(command: Command): Command {
  return command
    .option('--stage <stage>', 'of what is deployed to this stage, such as prod')
    .option('--region <region>', 'region that it is deployed to (default: that of the AWS profile)')
    .option('--config <file>', 'configuration (default: caretaker.config.ts)')
    .option('--json', 'print JSON');
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number from 1 on.');
}

function parseFailOn(text: string): FailOn {
  if (!failOnChoices.includes(text)) throw new InvalidArgumentError(`Choose one of ${failOnChoices.join(', ')}.`);
  return text as FailOn;
}

function parseSchemaName(text: string): SchemaName {
  const name = schemaNames.find((known) => known === text);
  if (name === undefined) throw new InvalidArgumentError(`Choose ${schemaNames.join(' or ')}.`);
  return name;
}

for (const command of [...program.commands, ...ledger.commands]) {
  const name = command.parent === ledger ? `ledger ${command.name()}` : command.name();
  command.showHelpAfterError(`(caretaker ${name} --help shows how it is used)`);
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
