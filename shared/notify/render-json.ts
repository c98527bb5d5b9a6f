import * as z from 'zod';
import { compareFindings, type Finding, findingSchema, severitySchema } from '../finding.ts';
import { type Report, reportSchema, type Unchecked, uncheckedSchema } from '../report.ts';
import { truncateBytes } from '../text/printable.ts';
import { countReport, worstSeverity } from './report-counts.ts';
import { shareRoom, takeWithin } from './take-within.ts';

/** Of UTF-8; see `publish.ts` for the sum that it is part of. */
export const jsonMaxBytes = 64 * 1024;

/** An entry larger than this is shortened, so that a single one cannot keep all others out. */
const entryMaxBytes = 8 * 1024;

const shortenedStringMaxBytes = 512;

const count = z.int().nonnegative();
const shortened = z.literal(true).optional();

/**
 * The message for machines: queues, functions and HTTPS endpoints. Its JSON form is a public interface; a change that
 * breaks readers raises `schemaVersion`. Counts are always of the whole report; the two lists may be prefixes of the
 * report's.
 */
export const notificationSchema = z.object({
  schemaVersion: z.literal(1),
  task: z.string(),
  title: z.string(),
  runId: z.string(),
  estate: z.string(),
  /** The deployment that sent it, when it was one. */
  stage: z.string().optional(),
  trigger: reportSchema.shape.trigger,
  mode: reportSchema.shape.mode,
  startedAt: reportSchema.shape.startedAt,
  finishedAt: reportSchema.shape.finishedAt,
  status: reportSchema.shape.status,
  /** The report's one sentence on the whole estate, cut at 512 bytes. */
  headline: z.string().optional(),
  /** The worst severity found. */
  severity: z.union([severitySchema, z.literal('none')]),
  /** Findings by severity. */
  counts: z.record(severitySchema, count),
  coverage: z.object({ expected: count, checked: count, unchecked: count }),
  changes: z.object({ planned: count, done: count, failed: count }),
  /** Worst first. `shortened` says that evidence was left out and long strings cut, as the finding was too large. */
  findings: z.array(findingSchema.extend({ shortened })),
  unchecked: z.array(uncheckedSchema.extend({ shortened })),
  /** How many entries of either list were left out for want of room; the stored report has them. */
  truncated: z.object({ findings: count, unchecked: count }),
  /** Where the whole report lies. */
  reportUrl: z.string().optional(),
});

export type NotificationMessage = z.output<typeof notificationSchema>;

/** What the message tells beside the report itself. */
export interface JsonOptions {
  /** Left out when longer than 2,048 bytes, as half an address is none. */
  readonly reportUrl?: string | undefined;
  readonly stage?: string | undefined;
}

/**
 * Renders a report for machines, as JSON by {@link notificationSchema} of at most {@link jsonMaxBytes} bytes. Entries
 * are whole or counted in `truncated`; a quarter of the room is kept for what was not checked. Text is well-formed
 * Unicode, and what SNS does not carry (https://aws.amazon.com/sns/faqs/) or a line reader breaks at is escaped.
 */
export function renderJson(report: Report, options: JsonOptions = {}): string {
  const counts = countReport(report);
  const { reportUrl, stage } = options;
  const head: Omit<NotificationMessage, 'findings' | 'unchecked' | 'truncated'> = {
    schemaVersion: 1,
    task: cut(report.task),
    title: cut(report.title),
    runId: cut(report.runId),
    estate: cut(report.scope.estate),
    ...(stage === undefined ? {} : { stage: cut(stage) }),
    trigger: report.trigger,
    mode: report.mode,
    startedAt: report.startedAt,
    finishedAt: report.finishedAt,
    status: report.status,
    ...(report.headline === undefined ? {} : { headline: cut(report.headline) }),
    severity: worstSeverity(counts),
    counts: counts.bySeverity,
    coverage: { expected: report.coverage.expected, checked: report.coverage.checked, unchecked: counts.unchecked },
    changes: {
      planned: countChanges(report, 'planned'),
      done: countChanges(report, 'done'),
      failed: counts.failedChanges,
    },
    ...(reportUrl === undefined || Buffer.byteLength(reportUrl) > 2048 ? {} : { reportUrl }),
  };
  const findings = report.findings.toSorted(compareFindings);
  const { unchecked } = report.coverage;
  const assemble = (findingTexts: readonly string[], uncheckedTexts: readonly string[]): string => {
    const truncated = {
      findings: findings.length - findingTexts.length,
      unchecked: unchecked.length - uncheckedTexts.length,
    };
    const beginning = stringify({ ...head, truncated }).slice(0, -1);
    return `${beginning},"findings":[${findingTexts.join(',')}],"unchecked":[${uncheckedTexts.join(',')}]}`;
  };
  const shared = shareRoom(
    // The counts of what is left out have the most digits where that is everything.
    jsonMaxBytes - Buffer.byteLength(assemble([], [])),
    (maxBytes) => takeWithin(findings, maxBytes, (finding) => renderEntry(finding, shortenFinding)),
    (maxBytes) => takeWithin(unchecked, maxBytes, (entry) => renderEntry(entry, shortenUnchecked)),
  );
  return assemble(shared.findings.texts, shared.unchecked.texts);
}

function countChanges(report: Report, outcome: 'planned' | 'done'): number {
  return report.changes.filter((change) => change.outcome === outcome).length;
}

function renderEntry<Entry>(entry: Entry, shorten: (entry: Entry) => Entry): string {
  const whole = stringify(entry);
  return Buffer.byteLength(whole) <= entryMaxBytes ? whole : stringify({ ...shorten(entry), shortened: true });
}

function shortenFinding(finding: Finding): Finding {
  return {
    ...cutStrings(finding),
    resource: cutStrings(finding.resource),
    evidence: {},
  };
}

function shortenUnchecked(entry: Unchecked): Unchecked {
  return { ...cutStrings(entry), resource: cutStrings(entry.resource) };
}

function cutStrings<Entry extends object>(entry: Entry): Entry {
  const pairs = Object.entries(entry).map(([key, value]) => [key, typeof value === 'string' ? cut(value) : value]);
  return Object.fromEntries(pairs) as Entry;
}

function cut(text: string): string {
  return truncateBytes(text, shortenedStringMaxBytes);
}

function stringify(value: unknown): string {
  const json = JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'string') return part.toWellFormed();
    // JSON has no NaN and no Infinity; null would not be evidence.
    return typeof part === 'number' && !Number.isFinite(part) ? String(part) : part;
  });
  // These stand only inside strings, where JSON lets any character be escaped.
  return json.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/gu, (character) =>
    Array.from({ length: character.length }, (_, index) => escapeUnit(character.charCodeAt(index))).join(''),
  );
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
