import type { PlantedRule } from './integrity-planted-rule.ts';

/** Of the table whose names would be SQL, were they not quoted. */
const oddTable = 'ops.v1.odd "name"; drop table tracks --';
const oddTableSql = 'ops."v1.odd ""name""; drop table tracks --"';

/** Returns rules that hold or do not for a row alone. */
export function columnRules(now: Date): readonly PlantedRule[] {
  return [
    {
      rule: {
        id: 'uploads-done-have-a-track',
        kind: 'notNull',
        table: 'uploads',
        column: 'track_id',
        where: "state = 'done'",
        severity: 'high',
        owner: 'ingest',
        remedy: 'Let the ingest job assign the track again.',
      },
      why: 'three uploads count as done and have become nothing; those that failed have no track either, and need none',
      plant: () => 'update uploads set track_id = null where id in (41, 42, 43)',
      findings: [{ rule: 'not-null', severity: 'high', violations: 3 }],
    },
    {
      rule: { id: 'imports-name-a-holder', kind: 'notNull', table: 'imports.royalty_statements', column: 'holder' },
      why: 'two lines of a batch are for nobody, in a table without a key',
      plant: () => 'update imports.royalty_statements set holder = null where line_number in (120, 121)',
      findings: [{ rule: 'not-null', severity: 'medium', violations: 2 }],
    },
    {
      rule: {
        id: 'most-users-have-a-neighborhood',
        kind: 'notNull',
        table: 'users',
        column: 'neighborhood_id',
        maxPercent: 20,
        severity: 'low',
      },
      why: 'one user in ten does not say where they live, and two in ten may',
    },
    {
      rule: { id: 'uploads-have-a-file-name', kind: 'notNull', table: 'uploads', column: 'file_name' },
      why: 'nothing in the schema asks for it, and all have one',
    },
    {
      rule: {
        id: 'uploads-state-known',
        kind: 'acceptedValues',
        table: 'uploads',
        column: 'state',
        values: ['queued', 'processing', 'done', 'failed'],
        owner: 'ingest',
        correction: {
          kind: 'sql',
          statement: 'update uploads set state = lower(trim(state)) where state <> lower(trim(state))',
          expectedRows: 2,
        },
      },
      why: 'a second version of the uploader writes its states otherwise',
      plant: () => "update uploads set state = case id when 57 then 'DONE' else 'done ' end where id in (57, 58)",
      findings: [{ rule: 'accepted-values', severity: 'medium', violations: 2 }],
    },
    {
      rule: {
        id: 'newsletter-lists-known',
        kind: 'acceptedValues',
        table: 'newsletter_subscriptions',
        column: 'list',
        values: ['weekly', 'monthly'],
        severity: 'low',
      },
      why: 'one subscriber is on a list that is never sent; the key of the table is an address, which nobody may read here',
      plant: () =>
        "update newsletter_subscriptions set list = 'weekly2' where email = (select email from users where id = 33)",
      findings: [{ rule: 'accepted-values', severity: 'low', violations: 1 }],
    },
    {
      rule: {
        id: 'rights-kind-known',
        kind: 'acceptedValues',
        table: 'rights',
        column: 'kind',
        values: ['master', 'publishing'],
      },
      why: 'a constraint sees to it',
    },
    {
      rule: {
        id: 'artists-founded-year',
        kind: 'range',
        table: 'artists',
        column: 'founded_year',
        min: 1880,
        max: now.getUTCFullYear(),
        correction: { kind: 'manual', instructions: 'Ask the artist.' },
      },
      why: 'somebody has typed three digits',
      plant: () => 'update artists set founded_year = 198 where id = 17',
      findings: [{ rule: 'range', severity: 'medium', violations: 1 }],
    },
    {
      rule: {
        id: 'venues-capacity',
        kind: 'range',
        table: 'venues',
        column: 'capacity',
        min: 1,
        max: 100_000,
        severity: 'low',
      },
      why: 'a hall with room for less than nobody; those with room for one and for a hundred thousand are just within',
      plant: () => 'update venues set capacity = -5 where id = 11',
      findings: [{ rule: 'range', severity: 'low', violations: 1 }],
    },
    {
      rule: {
        id: 'rights-share',
        kind: 'range',
        table: 'rights',
        column: 'share_percent',
        min: 0,
        exclusiveMin: true,
        max: 100,
        severity: 'high',
      },
      why: 'whoever has a right has a share of it, and at most all',
    },
    {
      rule: {
        id: 'albums-released-since-recording',
        kind: 'range',
        table: 'albums',
        column: 'released_on',
        min: '1877-11-21',
      },
      why: 'nothing was released before there were recordings',
    },
    {
      rule: {
        id: 'odd-name-digits',
        kind: 'range',
        table: oddTable,
        column: 'select',
        min: 0,
        max: 9,
        where: '"we""ird; --" is not null',
        severity: 'informational',
      },
      why: 'a table whose name would drop another one, were it not quoted; a digit in it is none',
      plant: () => `update ${oddTableSql} set "select" = 10 where "primary" = 66`,
      findings: [{ rule: 'range', severity: 'informational', violations: 1 }],
    },
    {
      rule: { id: 'odd-name-kept', kind: 'notNull', table: oddTable, column: 'we"ird; --' },
      why: 'a column with a quote, a semicolon and what begins a comment in its name, and never null',
    },
    {
      rule: {
        id: 'tracks-isrc',
        kind: 'pattern',
        table: 'tracks',
        column: 'isrc',
        matches: '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$',
        severity: 'high',
        owner: 'catalog',
      },
      why: 'an ISRC in small letters, which distributors refuse',
      plant: () => 'update tracks set isrc = lower(isrc) where id = 1103',
      findings: [{ rule: 'pattern', severity: 'high', violations: 1 }],
    },
    {
      rule: {
        id: 'users-email',
        kind: 'pattern',
        table: 'users',
        column: 'email',
        matches: '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$',
      },
      why: 'an address that no mail reaches; what it is nobody is told',
      plant: () => "update users set email = replace(email, '@', ' at ') where id = 77",
      findings: [{ rule: 'pattern', severity: 'medium', violations: 1 }],
    },
    {
      rule: {
        id: 'imports-amount',
        kind: 'pattern',
        table: 'imports.royalty_statements',
        column: 'amount',
        matches: '^-?\\d+\\.\\d{2}$',
        maxViolations: 2,
      },
      why: 'three amounts with a decimal comma, where two may be',
      plant: () =>
        "update imports.royalty_statements set amount = replace(amount, '.', ',') where line_number in (11, 12, 13)",
      findings: [{ rule: 'pattern', severity: 'medium', violations: 3 }],
    },
    {
      rule: {
        id: 'tracks-s3-key',
        kind: 'pattern',
        table: 'tracks',
        column: 's3_key',
        matches: '^tracks/[0-9]{6}/[a-z0-9-]+[.]flac$',
      },
      why: 'all keys are made by the same rule',
    },
    {
      rule: {
        id: 'uploads-file-extension',
        kind: 'pattern',
        table: 'uploads',
        column: 'file_name',
        matches: '[.]wav$',
        maxViolations: 2,
        severity: 'low',
      },
      why: 'two files are of another kind, and two may be',
      plant: () => "update uploads set file_name = replace(file_name, '.wav', '.aiff') where id in (91, 92)",
    },
    {
      rule: { id: 'tracks-title-length', kind: 'length', table: 'tracks', column: 'title', min: 1, max: 200 },
      why: 'one title is empty, and one is a whole booklet; one of exactly two hundred characters is just short enough',
      plant: () => `update tracks set title = case id when 1101 then '' when 1102 then repeat('la ', 100)
        else repeat('ñ', 200) end where id in (1101, 1102, 1104)`,
      findings: [{ rule: 'length', severity: 'medium', violations: 2 }],
    },
    {
      rule: { id: 'artists-name-length', kind: 'length', table: 'artists', column: 'name', min: 2 },
      why: 'nobody has a name of one letter',
    },
  ];
}
