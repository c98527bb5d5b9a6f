import type { Configuration } from '../config/schema.ts';
import type { ArchivalConfig } from '../functions/data-archival/config.ts';
import { type ArchiveReference, parseReference } from '../functions/data-archival/restore/archive-reference.ts';
import type { RestoreContext } from '../functions/data-archival/restore/restore-archive.ts';
import type { RestoreResult } from '../functions/data-archival/restore/restore-result.ts';
import { task } from '../functions/data-archival/task.ts';
import { AwsClients } from '../shared/aws/clients.ts';
import { parseOrThrow } from '../shared/config-error.ts';
import type { LedgerStore } from '../shared/ledger/ledger-store.ts';
import { UncheckedError } from '../shared/unchecked-error.ts';
import { atDesk, type DeskOptions, shellWord } from './desk.ts';
import { exitCodes } from './exit-code.ts';
import { Progress } from './progress.ts';
import { renderRestore } from './render-restore.ts';
import { safeJson } from './safe-json.ts';
import { sandboxSurroundings } from './surroundings.ts';
import { terminalOf } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** Options of `caretaker restore`, as commander gives them. */
export interface RestoreCommandOptions extends DeskOptions {
  readonly into?: string;
  readonly apply?: boolean;
  readonly unrecorded?: boolean;
  readonly sandbox?: boolean;
}

/** What of its surroundings a restore needs. */
interface RestoreSurroundings {
  readonly configuration: Configuration;
  readonly source: string;
  readonly ledgers: LedgerStore;
  readonly actor: string;
}

/**
 * Verifies an archive, and loads it where that is asked for; what came of it is written to standard output.
 *
 * @param archive `<policy>`, `<policy>/<number>` or `s3://…` of a manifest.
 * @returns the exit code.
 * @throws UsageError or ConfigError when nothing has been done.
 */
export async function restoreCommand(archive: string, options: RestoreCommandOptions): Promise<number> {
  const { into, apply, unrecorded, sandbox, stage, config } = options;
  if (into !== undefined && apply === true) {
    throw new UsageError('--into and --apply exclude each other: rows go into a schema of their own, or back');
  }
  if (into !== undefined && !isName(into)) throw new UsageError('--into needs the name of a schema');
  if (unrecorded === true && into === undefined && apply !== true) {
    throw new UsageError(
      '--unrecorded goes with --into or --apply: without them every archive is proven, and none is loaded',
    );
  }
  if (sandbox !== true) {
    return atDesk(options, async (desk) =>
      restoreIn(
        {
          configuration: await desk.configuration(),
          source: config ?? 'caretaker.config.ts',
          ledgers: desk.ledgers,
          actor: await desk.actor(),
        },
        archive,
        options,
        new AbortController().signal,
      ),
    );
  }
  if (config !== undefined || stage !== undefined) {
    throw new UsageError('--sandbox brings its own configuration; leave --config and --stage out');
  }
  const { interruptible } = await import('../sandbox/interruption.ts');
  return interruptible(async (signal) => {
    const surroundings = await sandboxSurroundings();
    try {
      return await restoreIn(surroundings, archive, options, signal);
    } finally {
      await surroundings.stop();
    }
  });
}

async function restoreIn(
  surroundings: RestoreSurroundings,
  archive: string,
  options: RestoreCommandOptions,
  signal: AbortSignal,
): Promise<number> {
  const { configuration, source, ledgers, actor } = surroundings;
  const archival = parseOrThrow(task.config, configuration.tasks[task.id]?.config ?? {}, source);
  const { destination, policy, sequence } = referenceOf(archive, archival);
  const { estate } = configuration;
  const clients = new AwsClients();
  const progress = new Progress(process.stderr, 'restore');
  let result: RestoreResult;
  try {
    const { restoreArchive } = await import('../functions/data-archival/restore/restore-archive.ts');
    const { openArchiveStore } = await import('../functions/data-archival/restore/open-archive-store.ts');
    const context: RestoreContext = {
      store: openArchiveStore(destination, { clients, estate, signal }),
      ledgers,
      connect: (database) => connect(database, configuration, clients, signal),
      actor,
      clock: () => new Date(),
      signal,
      progress: (step, rows, total) => progress.update(rows, total, step),
    };
    const { into, apply = false, unrecorded: allowsUnrecorded = false } = options;
    result = await restoreArchive({ policy, sequence, into, apply, allowsUnrecorded }, context);
  } finally {
    progress.clear();
    clients.destroy();
  }
  const command = commandOf(archive, options);
  process.stdout.write(
    options.json === true
      ? `${safeJson(result)}\n`
      : renderRestore(result, { estate, command, into: options.into }, terminalOf(process.stdout)),
  );
  return result.outcome === 'verified' || result.outcome === 'restored' ? exitCodes.good : exitCodes.incomplete;
}

function referenceOf(archive: string, config: ArchivalConfig): ArchiveReference {
  try {
    return parseReference(archive, config);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(error.message);
    throw error;
  }
}

async function connect(name: string, { databases, estate }: Configuration, clients: AwsClients, signal: AbortSignal) {
  const database = Object.hasOwn(databases, name) ? databases[name] : undefined;
  if (database === undefined) {
    throw new UncheckedError(
      'no-database',
      `The configuration has no database ${name}, which the rows were taken from.`,
    );
  }
  if (database.writer === undefined) {
    throw new UncheckedError('no-writer', `databases.${name} has no writer: a connection of a role that may write.`);
  }
  const { connectionConfig } = await import('../shared/postgres/connection.ts');
  return connectionConfig(database.writer, { clients, estate, homeRegion: estate.regions[0] ?? 'us-east-1', signal });
}

/** https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS */
function isName(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= 63 && !text.includes('\0') && text.isWellFormed();
}

/** Returns what to type to go on with the same archive. */
function commandOf(archive: string, { sandbox, config, stage, region }: RestoreCommandOptions): string {
  const given = { stage, region, config };
  const others = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : ` --${name} ${shellWord(value)}`,
  );
  return `caretaker restore ${shellWord(archive)}${sandbox === true ? ' --sandbox' : ''}${others.join('')}`;
}
