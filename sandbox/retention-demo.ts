import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { renderReport } from '../cli/render-report.ts';
import { type Terminal, wrap } from '../cli/terminal.ts';
import { restoreArchive } from '../functions/data-archival/restore/restore-archive.ts';
import { ArchiveFault } from '../shared/archive/archive-fault.ts';
import { ArchiveStore } from '../shared/archive/archive-store.ts';
import { readChain } from '../shared/archive/chain.ts';
import type { Manifest } from '../shared/archive/manifest.ts';
import { readManifest } from '../shared/archive/read-manifest.ts';
import { verifyArchive } from '../shared/archive/verify-archive.ts';
import { DynamoControlStore } from '../shared/control/dynamo-control-store.ts';
import { environmentNames } from '../shared/deployment.ts';
import { S3LedgerStore } from '../shared/ledger/s3-ledger-store.ts';
import { isProven, verifyLedgers } from '../shared/ledger/verify-ledgers.ts';
import type { Report, ReportTable } from '../shared/report.ts';
import { approvePlan, pendingPlan } from '../shared/retention/plans.ts';
import { destinationSchema } from '../shared/retention/retention-config.ts';
import { alignedTable, blockTable } from '../shared/text/text-table.ts';
import type { SandboxDeployment } from './deploy.ts';
import { withClient } from './estate/integrity-databases.ts';
import { everyTypeTable } from './estate/retention-every-type.ts';
import { archivalPolicies, archiveBucket, awaitingApproval } from './estate/retention-policies.ts';
import type { Sandbox } from './sandbox.ts';

/** Tasks that change the estate: shown first in a dry run, and then at work. */
export const retentionTasks = ['data-archival', 'data-purge'] as const;

/** Where what is shown goes to. */
export interface Stage {
  readonly terminal: Terminal;
  print(text?: string): void;
  heading(text: string): void;
  /** Between two acts. @throws when the show is over. */
  pause(): void;
}

/** What the acts share. */
interface Props {
  readonly sandbox: Sandbox;
  readonly stage: Stage;
  readonly archives: ArchiveStore;
  readonly control: DynamoControlStore;
  readonly ledgers: S3LedgerStore;
}

/** A second person, who looks at the plan of another. */
const secondPerson = 'grace';

/** Schema that an archive is restored into. */
const scratchSchema = 'restored';

/** By which the sample estate's functions are deployed. */
const stageName = 'sandbox';

/** Digits by which a plan is told apart, as the table of the policies shows them. */
const hashDigits = 12;

/**
 * Shows how data past its retention goes: a dry run, the approval of a second person, the run that archives, verifies and deletes, what
 * is then in the archives, a restore, and the proof of the ledger. Returns the reports of the runs that changed things.
 */
export async function demonstrateRetention(
  sandbox: Sandbox,
  deployment: SandboxDeployment,
  stage: Stage,
): Promise<Report[]> {
  const { environment } = sandbox;
  const s3 = new S3Client({});
  const dynamodb = new DynamoDBClient({});
  try {
    const destination = destinationSchema.parse({ bucket: archiveBucket });
    const props: Props = {
      sandbox,
      stage,
      archives: new ArchiveStore(s3, destination, new AbortController().signal),
      control: new DynamoControlStore(dynamodb, environment[environmentNames.stateTable] as string),
      ledgers: new S3LedgerStore(s3, environment[environmentNames.ledgerBucket] as string),
    };
    const originals = await rowTexts(
      sandbox.postgres.url,
      `${everyTypeTable} as t where made_at < now() - interval '13 months'`,
    );
    await showDryRun(props, deployment);
    await showApproval(props);
    const reports = await showRuns(props, deployment);
    await showArchives(props);
    await showRestore(props, originals);
    await showLedgers(props);
    return reports;
  } finally {
    s3.destroy();
    dynamodb.destroy();
  }
}

async function showDryRun({ stage }: Props, deployment: SandboxDeployment): Promise<void> {
  stage.heading('Past its retention, and what would be done');
  for (const taskId of retentionTasks) {
    stage.pause();
    process.stderr.write(`Planning ${taskId}…\n`);
    const report = await deployment.readReport(await deployment.invoke(taskId, { dryRun: true }));
    const [policies] = report.tables ?? [];
    command(stage, `caretaker invoke ${taskId} --dry-run`);
    const rows = (policies?.rows ?? []).map(({ policy, planned, plan }) => {
      const name = String(policy);
      const unread = report.coverage.unchecked.find(({ resource }) => resource.name === name);
      const inTheWay = report.findings.filter(({ resource }) => resource.name === name).map(({ rule }) => rule);
      return {
        policy: name,
        // What could not be looked at is not nothing.
        past: unread === undefined ? (planned ?? null) : null,
        plan: plan ?? null,
        stop: unread === undefined ? inTheWay.join(', ') || null : `could not look: ${unread.reason}`,
      };
    });
    printTable(
      stage,
      [
        { key: 'policy', title: 'policy' },
        { key: 'past', title: 'past retention' },
        { key: 'plan', title: 'plan' },
        { key: 'stop', title: 'what would stop it' },
      ],
      rows,
    );
    stage.print();
  }
  const text =
    'So many rows and objects are past their retention; each plan is named by its hash. Nothing has been changed.';
  stage.print(wrap(text, stage.terminal.columns, ''));
}

/** Who runs it has made the plan, and may not approve it. */
async function showApproval({ stage, control }: Props): Promise<void> {
  stage.heading('A second person looks at a first plan');
  const pending = await pendingPlan(control, { task: 'data-archival', policy: awaitingApproval });
  if (pending === undefined) throw new Error(`no plan of ${awaitingApproval} waits for approval`);
  const { plan, approval } = await approvePlan(control, pending.hash, secondPerson, new Date());
  command(stage, `caretaker approve ${pending.hash.slice(0, hashDigits)}`);
  const line = (text: string) => stage.print(wrap(text, stage.terminal.columns, ' '.repeat(15), '  '));
  line(
    `plan         ${plan.kind === 'rows' ? `${plan.rows.toLocaleString('en-US')} rows of ${plan.table} from before ${plan.cutoff}` : plan.kind}`,
  );
  line(`made by      ${plan.plannedBy}`);
  line(`approved by  ${approval.by}: this plan of ${plan.policy}, and no other`);
}

async function showRuns({ stage, sandbox }: Props, deployment: SandboxDeployment): Promise<Report[]> {
  const reports: Report[] = [];
  for (const taskId of retentionTasks) {
    stage.pause();
    process.stderr.write(`Running ${taskId}…\n`);
    const before = sandbox.aws.deliveries().length;
    const report = await deployment.readReport(await deployment.invoke(taskId));
    stage.heading(`${report.title}, applied`);
    // What became of the policies is told by the changes.
    const shown = { ...report, tables: report.tables?.slice(1) ?? [] };
    stage.print(renderReport(shown, stage.terminal, { brief: true }).trimEnd());
    const deliveries = sandbox.aws.deliveries().slice(before);
    if (deliveries.length > 0) stage.print();
    for (const { protocol, endpoint, subject, body } of deliveries) {
      stage.print(
        wrap(`Delivered by ${protocol} to ${endpoint}: ${subject ?? body}`, stage.terminal.columns, '  ', ''),
      );
    }
    reports.push(report);
  }
  return reports;
}

async function showArchives({ stage, archives }: Props): Promise<void> {
  stage.heading('The archives, read once more');
  const rows: ReportTable['rows'][number][] = [];
  const notProven: string[] = [];
  for (const { policy, why } of archivalPolicies) {
    const chain = await readChain(archives, policy.id);
    for (const { sequence, state, rows: rowCount, manifestHash } of chain.archives) {
      const { manifest } = await readManifest(archives, policy.id, sequence, manifestHash);
      const bytes = manifest.tables.reduce((sum, { file }) => sum + file.bytes, 0);
      const isProven = await isProvenArchive(archives, manifest);
      rows.push({
        archive: `${policy.id}/${sequence}`,
        rows: rowCount,
        children: manifest.tables.slice(1).reduce((sum, table) => sum + table.rows, 0),
        kib: Math.ceil(bytes / 1024),
        state,
        manifest: manifestHash.slice(0, hashDigits),
        verdict: isProven ? 'proven' : 'NOT PROVEN',
      });
      if (!isProven) notProven.push(`${policy.id}: ${why}.`);
    }
  }
  printTable(
    stage,
    [
      { key: 'archive', title: 'archive' },
      { key: 'rows', title: 'rows' },
      { key: 'children', title: 'children' },
      { key: 'kib', title: 'KiB' },
      { key: 'state', title: 'state' },
      { key: 'manifest', title: 'manifest' },
      { key: 'verdict', title: 'verdict' },
    ],
    rows,
  );
  for (const text of notProven) stage.print(wrap(`Not proven is ${text}`, stage.terminal.columns, '  ', ''));
}

async function showRestore({ sandbox, stage, archives, ledgers }: Props, originals: readonly string[]): Promise<void> {
  stage.pause();
  stage.heading('An archive is restored');
  const result = await restoreArchive(
    { policy: 'every-type', into: scratchSchema, apply: false, allowsUnrecorded: false },
    {
      store: archives,
      ledgers,
      connect: async () => ({ connectionString: sandbox.postgres.url }),
      actor: secondPerson,
      clock: () => new Date(),
      signal: new AbortController().signal,
    },
  );
  command(stage, `caretaker restore every-type --into ${scratchSchema}`);
  stage.print(wrap(`${result.outcome}: ${result.message}`, stage.terminal.columns, '  '));
  if (result.outcome !== 'restored') throw new Error(`the archive could not be restored: ${result.message}`);
  const restored = await rowTexts(sandbox.postgres.url, `${scratchSchema}.every_type as t`);
  const equal = restored.filter((text, index) => text === originals[index]).length;
  if (equal !== originals.length || restored.length !== originals.length)
    throw new Error('restored rows are other rows');
  const text = `${equal} rows with a column of every type of PostgreSQL: each is its original, byte for byte.`;
  stage.print(wrap(text, stage.terminal.columns, '  '));
}

async function showLedgers({ stage, ledgers }: Props): Promise<void> {
  stage.heading('The ledger, and its proof');
  command(stage, 'caretaker ledger verify');
  const chains = await verifyLedgers(ledgers, { now: new Date() });
  printTable(
    stage,
    [
      { key: 'chain', title: 'chain' },
      { key: 'entries', title: 'entries' },
      { key: 'last', title: 'last' },
      { key: 'verdict', title: 'verdict' },
    ],
    chains
      .toSorted((a, b) => a.chain.localeCompare(b.chain, 'en'))
      .map((chain) => ({
        chain: chain.chain,
        entries: chain.entries,
        last: chain.lastHash?.slice(0, hashDigits) ?? null,
        verdict: isProven(chain) ? 'proven' : 'NOT PROVEN',
      })),
  );
}

/** Prints rows side by side where there is room, and else one below the other. */
function printTable({ terminal, print }: Stage, columns: ReportTable['columns'], rows: ReportTable['rows']): void {
  const table: ReportTable = { title: '', columns, rows };
  const timeZone = 'UTC';
  const lines =
    alignedTable(table, { width: terminal.tableColumns, timeZone }) ??
    blockTable(table, { width: terminal.columns, timeZone });
  print(lines.map((line) => line.replace('NOT PROVEN', terminal.style(['bold', 'red'], 'NOT PROVEN'))).join('\n'));
}

/** Shows what an operator would have typed to have it of this stage. */
function command({ terminal, print }: Stage, text: string): void {
  print(terminal.style('bold', wrap(`$ ${text} --stage ${stageName}`, terminal.columns, '    ', '')));
}

async function isProvenArchive(archives: ArchiveStore, manifest: Manifest): Promise<boolean> {
  try {
    await verifyArchive(archives, manifest);
    return true;
  } catch (error) {
    if (error instanceof ArchiveFault) return false;
    throw error;
  }
}

/** Returns rows as PostgreSQL writes them, in the order of their keys. */
function rowTexts(url: string, from: string): Promise<string[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ text: string }>(`select t::text as text from ${from} order by id`);
    return rows.map(({ text }) => text);
  });
}
