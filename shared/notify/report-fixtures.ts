import fc from 'fast-check';
import { type Finding, type Severity, severities } from '../finding.ts';
import { type Report, type ReportTable, reportStatuses, type Unchecked } from '../report.ts';

/** A text that attacks a terminal, a log, a mail header and the reader's eye. */
export const hostileText =
  '\u001b[2J\u0000\r\nBcc: x@evil.example\r\n\u202egnp.exe\u2066 \ud83d ' +
  '<script>alert(1)</script> =cmd|calc!A1 😀 "\\" \u2028\uffff';

/** Returns a finding of the certificate scan. */
export function findingOf(severity: Severity, name: string, more: Partial<Finding> = {}): Finding {
  return {
    id: 'f'.repeat(16),
    task: 'certificate-expiry',
    rule: 'expired',
    severity,
    resource: { type: 'endpoint', id: `tls://${name}:443`, name, account: '123456789012', region: 'us-east-1' },
    summary: 'The certificate expired 3 days ago.',
    evidence: { expiredDays: 3, names: [name, `www.${name}`] },
    remedy: 'Import a renewed certificate and attach it to the load balancer.',
    ...more,
  };
}

/** Returns an endpoint that could not be looked at. */
export function uncheckedOf(name: string, reason = 'connect-timeout', detail = 'No connection within 2 s.'): Unchecked {
  return { resource: { type: 'endpoint', id: `tls://${name}:443`, name }, reason, detail };
}

/** Returns the report of a clean run over 52 resources, changed by `more`. */
export function reportOf(more: Partial<Report> = {}): Report {
  return {
    schemaVersion: 1,
    runId: 'run-1',
    task: 'certificate-expiry',
    title: 'Certificate expiry scan',
    trigger: 'schedule',
    mode: 'dry-run',
    startedAt: '2026-11-23T11:00:00Z',
    finishedAt: '2026-11-23T11:00:42Z',
    scope: { estate: 'nycmg', timeZone: 'America/New_York', accounts: ['123456789012'], regions: ['us-east-1'] },
    coverage: { expected: 52, checked: 52, unchecked: [], byType: { endpoint: { expected: 52, checked: 52 } } },
    findings: [],
    changes: [],
    metrics: {},
    status: 'clean',
    ...more,
  };
}

/** Returns the coverage of a run that could not look at `unchecked`, of 52 that it expected or more. */
export function coverageWithout(unchecked: Unchecked[]): Report['coverage'] {
  const expected = Math.max(52, unchecked.length);
  const counts = { expected, checked: expected - unchecked.length };
  return { ...counts, unchecked, byType: { endpoint: counts } };
}

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(hostileText, '"'.repeat(3000), '\u0000'.repeat(3000), '€'.repeat(3000), '\\😀'.repeat(20_000)),
);

const resource = fc.record(
  { type: text, id: text, name: text, account: text, region: text },
  { requiredKeys: ['type', 'id', 'name'] },
);

const finding: fc.Arbitrary<Finding> = fc.record({
  id: text,
  task: text,
  rule: text,
  severity: fc.constantFrom(...severities),
  resource,
  summary: text,
  evidence: fc.dictionary(
    fc.string(),
    fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.array(text)),
    { maxKeys: 20 },
  ),
  remedy: text,
});

const counts = fc.record({ expected: fc.nat(), checked: fc.nat() });

const date = fc
  .date({ min: new Date('2000-01-01T00:00:00Z'), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true })
  .map((instant) => instant.toISOString());

/** Returns a list of up to `maxDistinct` generated entries, repeated up to a few thousand. */
function many<Entry>(entry: fc.Arbitrary<Entry>, maxDistinct: number): fc.Arbitrary<Entry[]> {
  return fc
    .tuple(fc.array(entry, { maxLength: maxDistinct }), fc.constantFrom(1, 1, 3, 300))
    .map(([entries, times]) => Array.from({ length: times }, () => entries).flat());
}

const columnKey = fc.oneof(
  text,
  fc.constantFrom('name', 'rpoMinutes', 'keptDays', 'sizeBytes', 'newestAt', 'verifiedPercent', 'share', '__proto__'),
);

const cell = fc.oneof(
  text,
  date,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.nat(100_000),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(
    'カタログ-楽曲',
    'brooklyn and queens and the bronx',
    `arn:aws:rds:us-east-1:123456789012:db:${'x'.repeat(80)}`,
  ),
);

/** Tables of every shape that the schema allows, with hostile and large texts, and rows that lack cells. */
export const arbitraryTable: fc.Arbitrary<ReportTable> = fc
  .record({
    title: text,
    columns: fc.array(fc.record({ key: columnKey, title: text }), { minLength: 1, maxLength: 8 }),
  })
  .chain(({ title, columns }) =>
    fc.record({
      title: fc.constant(title),
      columns: fc.constant(columns),
      rows: fc.array(
        fc
          .array(fc.option(cell, { nil: undefined }), { minLength: columns.length, maxLength: columns.length })
          .map((cells) => Object.fromEntries(columns.flatMap(({ key }, at) => pairOf(key, cells[at])))),
        { maxLength: 20 },
      ),
    }),
  );

function pairOf<Value>(key: string, value: Value | undefined): [string, Value][] {
  return value === undefined ? [] : [[key, value]];
}

/** Reports of every shape that the schema allows, with hostile and large texts and long lists. */
export const arbitraryReport: fc.Arbitrary<Report> = fc.record(
  {
    schemaVersion: fc.constant(1 as const),
    runId: text,
    task: text,
    title: text,
    trigger: fc.constantFrom('schedule' as const, 'manual' as const),
    mode: fc.constantFrom('dry-run' as const, 'apply' as const),
    startedAt: date,
    finishedAt: date,
    scope: fc.record(
      {
        estate: text,
        timeZone: fc.constantFrom('America/New_York', 'Asia/Kolkata', 'UTC', 'Nowhere/Land'),
        accounts: fc.array(text, { maxLength: 5 }),
        regions: fc.array(text, { maxLength: 5 }),
        only: text,
      },
      { requiredKeys: ['estate', 'timeZone', 'accounts', 'regions'] },
    ),
    coverage: fc.record({
      expected: fc.nat(),
      checked: fc.nat(),
      unchecked: many(fc.record({ resource, reason: text, detail: text }), 10),
      byType: fc.dictionary(text, counts, { maxKeys: 50 }),
    }),
    findings: many(finding, 8),
    changes: fc.array(
      fc.record({
        resource,
        action: text,
        outcome: fc.constantFrom('planned' as const, 'done' as const, 'failed' as const),
        detail: text,
      }),
      { maxLength: 20 },
    ),
    metrics: fc.dictionary(fc.string(), fc.nat()),
    headline: text,
    tables: fc.array(arbitraryTable, { maxLength: 3 }),
    status: fc.constantFrom(...reportStatuses),
  },
  {
    requiredKeys: [
      'schemaVersion',
      'runId',
      'task',
      'title',
      'trigger',
      'mode',
      'startedAt',
      'finishedAt',
      'scope',
      'coverage',
      'findings',
      'changes',
      'metrics',
      'status',
    ],
  },
);
