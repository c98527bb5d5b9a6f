import pg from 'pg';

/** A rule on the table, and how one would count by hand what breaks it. */
export interface BenchRule {
  readonly declared: Readonly<Record<string, unknown>> & { readonly id: string };
  /** What is asked of all rows, and for rules on rows, which of them are wrong. */
  readonly value: string;
  readonly where?: string;
}

/** Its own: nothing of the server's is touched. */
export const schema = 'caretaker_bench';
export const table = `${schema}.tracks`;

const hash = '^[0-9a-f]{64}$';
const isrc = '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$';
const statuses = ['draft', 'released', 'withdrawn'];
const codecs = ['flac', 'mp3', 'aac'];

/** Twenty rules of all kinds that are read in a scan, of which two match patterns. */
export const rules: readonly BenchRule[] = [
  ...['title', 'isrc', 's3_key', 'sha256'].map((column) =>
    ofRows({ kind: 'notNull', column, maxViolations: 1_000 }, `${column} is null`),
  ),
  ofRows(
    { kind: 'notNull', column: 'released_on', where: "status = 'released'" },
    "status = 'released' and released_on is null",
  ),
  ofRows({ kind: 'acceptedValues', column: 'status', values: statuses }, `status not in (${quoted(statuses)})`),
  ofRows(
    { kind: 'acceptedValues', column: 'codec', values: codecs, maxPercent: 1 },
    `codec not in (${quoted(codecs)})`,
  ),
  ofRows({ kind: 'range', column: 'duration_seconds', min: 1, max: 7200 }, 'duration_seconds not between 1 and 7200'),
  ofRows({ kind: 'range', column: 'size_bytes', min: 1, max: 4e9 }, 'size_bytes not between 1 and 4000000000'),
  ofRows({ kind: 'range', column: 'position', min: 1, max: 100 }, 'position not between 1 and 100'),
  ofRows({ kind: 'range', column: 'bitrate_kbps', min: 64 }, 'bitrate_kbps < 64'),
  ofRows({ kind: 'range', column: 'created_at', min: '2000-01-01' }, "created_at < '2000-01-01'"),
  ofRows({ kind: 'length', column: 'title', min: 1, max: 200 }, 'char_length(title) not between 1 and 200'),
  ofRows({ kind: 'length', column: 's3_key', min: 10, max: 1024 }, 'char_length(s3_key) not between 10 and 1024'),
  ofRows({ kind: 'pattern', column: 'isrc', matches: isrc }, `isrc !~ '${isrc}'`),
  ofRows({ kind: 'pattern', column: 'sha256', matches: hash }, `sha256 !~ '${hash}'`),
  ofTable({ kind: 'freshness', column: 'updated_at', maximumAgeMinutes: 1_440 }, 'max(updated_at)'),
  ofTable({ kind: 'volume', column: 'created_at' }, 'count(*)', "created_at > now() - interval '24 hours'"),
  ofTable({ kind: 'distribution', column: 'retired_at', statistic: 'null-rate' }, 'count(*) - count(retired_at)'),
  ofTable({ kind: 'distribution', column: 'duration_seconds', statistic: 'mean' }, 'avg(duration_seconds)'),
];

/**
 * Makes a table like NYCMG's tracks, in place of the one before: of about 290 bytes a row, or with liner notes 1 KB.
 * Of every thousand rows some break a rule that tolerates them.
 */
export async function fillTracks(url: string, rows: number, notes: 'without notes' | 'with notes'): Promise<void> {
  // Its own session, so that what it has read is counted by its end.
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(`drop table if exists ${table}`);
    await client.query(`create table ${table} (
      id bigint primary key, album_id bigint not null, position smallint, title text, status text, isrc char(12),
      s3_key text, size_bytes bigint, bitrate_kbps integer, duration_seconds numeric(7, 2), sha256 char(64), codec text,
      liner_notes text, explicit boolean, price numeric(6, 2), created_at timestamptz, released_on date,
      updated_at timestamptz, retired_at timestamptz
    )`);
    await client.query(
      `insert into ${table} select g, g / 10, g % 20 + 1,
        case when g % 10000 > 0 then 'Track number ' || g || ' of the ' ||
          (array['Bronx', 'Brooklyn', 'Manhattan', 'Queens', 'Staten Island'])[g % 5 + 1] end,
        (array['draft', 'released', 'released', 'released', 'withdrawn'])[g % 5 + 1], 'USNY1' || lpad(g::text, 7, '0'),
        'tracks/' || lpad((g % 1000)::text, 4, '0') || '/' || md5(g::text) || '.flac',
        20000000 + g::bigint * 7919 % 30000000, (array[128, 192, 256, 320])[g % 4 + 1], 180 + g % 200 + 0.25,
        encode(sha256(g::text::bytea), 'hex'),
        case when g % 1000 = 0 then 'ogg' else (array['flac', 'mp3', 'aac'])[g % 3 + 1] end,
        case when $2 then repeat(md5(g::text), 23) end, g % 17 = 0, 0.99 + g % 10,
        now() - g * interval '10 seconds', (now() - g * interval '10 seconds')::date, now() - g * interval '5 seconds',
        case when g % 50 = 0 then now() end
      from generate_series(1, $1::integer) g`,
      [rows, notes === 'with notes'],
    );
    await client.query(`vacuum (freeze, analyze) ${table}`);
  } finally {
    await client.end();
  }
}

function ofRows(declared: Record<string, unknown>, where: string): BenchRule {
  return { ...ofTable(declared, 'count(*)'), where };
}

function ofTable(declared: Record<string, unknown>, value: string, where?: string): BenchRule {
  const id = `${declared.kind}-${declared.column}`.replace(/[^A-Za-z0-9]/g, '-').toLowerCase();
  return { declared: { id, table, ...declared }, value, ...(where === undefined ? {} : { where }) };
}

function quoted(texts: readonly string[]): string {
  return texts.map((text) => `'${text}'`).join(', ');
}
