import type { PlantedRule } from './integrity-planted-rule.ts';

/** Rules that compare rows with each other, and with those of other tables. */
export const tableRules: readonly PlantedRule[] = [
  {
    rule: {
      id: 'playlists-one-track-at-each-position',
      kind: 'unique',
      table: 'social.playlist_tracks',
      columns: ['playlist_id', 'position'],
      severity: 'low',
    },
    why: 'two tracks are third in one list: nothing in the schema keeps them from it',
    plant: () => 'update social.playlist_tracks set position = 3 where playlist_id = 7 and position = 4',
    findings: [{ rule: 'unique', severity: 'low', violations: 1 }],
  },
  {
    rule: {
      id: 'daily-listens-one-row-for-each-day',
      kind: 'unique',
      table: 'analytics.daily_listens',
      columns: ['day'],
      severity: 'high',
      owner: 'analytics',
    },
    why: 'the nightly job ran twice, and every chart shows a peak',
    plant: () => `insert into analytics.daily_listens
      select * from analytics.daily_listens order by day desc offset 3 limit 1`,
    findings: [{ rule: 'unique', severity: 'high', violations: 1 }],
  },
  {
    rule: { id: 'tracks-isrc-unique', kind: 'unique', table: 'tracks', columns: ['isrc'] },
    why: 'an index sees to it',
  },
  {
    rule: {
      id: 'playlists-hold-tracks',
      kind: 'foreignKey',
      table: 'social.playlist_tracks',
      columns: ['track_id'],
      references: { table: 'tracks', columns: ['id'] },
      severity: 'medium',
      correction: { kind: 'quarantine', table: 'ops.playlist_tracks_without_track' },
    },
    why: 'two tracks that were taken down are still in a playlist, in another schema that refers to none; one row has none at all',
    plant: () => `insert into social.playlist_tracks
      values (9, 900001, 13, now()), (9, 900002, 14, now()), (9, null, 15, now())`,
    findings: [{ rule: 'foreign-key', severity: 'medium', violations: 2 }],
  },
  {
    rule: {
      id: 'listens-are-by-users',
      kind: 'foreignKey',
      table: 'listens',
      columns: ['user_id'],
      references: { table: 'users', columns: ['id'] },
      severity: 'high',
    },
    why: 'a constraint was made anew without looking at what was there',
    plant: (at) => `alter table listens drop constraint listens_user_id_fkey;
      insert into listens values (900002, 999999, 1, ${at} - interval '40 days', 12);
      alter table listens add constraint listens_user_id_fkey foreign key (user_id) references users not valid`,
    findings: [{ rule: 'foreign-key', severity: 'high', violations: 1 }],
  },
  {
    rule: {
      id: 'royalty-lines-in-the-currency-of-their-statement',
      kind: 'foreignKey',
      table: 'royalties.lines',
      columns: ['statement_id', 'currency'],
      references: { table: 'royalties.statements', columns: ['id', 'currency'] },
      severity: 'critical',
      owner: 'royalties',
    },
    why: 'euros were added to dollars: the statement exists, but not in this currency',
    plant: () => "update royalties.lines set currency = 'EUR' where id = 300",
    findings: [{ rule: 'foreign-key', severity: 'critical', violations: 1 }],
  },
  {
    rule: {
      id: 'imports-are-of-known-tracks',
      kind: 'foreignKey',
      table: 'imports.royalty_statements',
      columns: ['isrc'],
      references: { table: 'tracks', columns: ['isrc'] },
      where: 'received_at is not null',
      maxPercent: 0.5,
    },
    why: 'four of four hundred lines are for recordings of somebody else, where two may be',
    plant: () => "update imports.royalty_statements set isrc = 'GBAYE6800011' where line_number between 31 and 34",
    findings: [{ rule: 'foreign-key', severity: 'medium', violations: 4 }],
  },
  {
    rule: {
      id: 'albums-are-by-artists',
      kind: 'foreignKey',
      table: 'albums',
      columns: ['artist_id'],
      references: { table: 'artists', columns: ['id'] },
    },
    why: 'a constraint sees to it',
  },
  {
    rule: {
      id: 'every-track-is-in-the-index',
      kind: 'equalCount',
      left: { table: 'tracks' },
      right: { table: 'search.track_index' },
      maxViolations: 1,
    },
    why: 'three tracks cannot be found by searching, where one may be on its way',
    plant: () => 'delete from search.track_index where track_id in (31, 32, 33)',
    findings: [{ rule: 'equal-count', severity: 'medium', violations: 3 }],
  },
  {
    rule: {
      id: 'paid-statements-have-one-payout',
      kind: 'equalCount',
      left: { table: 'royalties.statements', where: "status = 'paid'", by: ['id'] },
      right: { table: 'royalties.payouts', by: ['statement_id'] },
      severity: 'critical',
      owner: 'royalties',
    },
    why: 'one statement was paid twice, and one that counts as paid never was',
    plant: () => `insert into royalties.payouts
        select 90001, statement_id, amount_cents, paid_at + interval '1 day' from royalties.payouts order by id limit 1;
      delete from royalties.payouts where id = (select id from royalties.payouts order by id offset 4 limit 1)`,
    findings: [{ rule: 'equal-count', severity: 'critical', violations: 2 }],
  },
  {
    rule: {
      id: 'every-neighborhood-has-one-partner',
      kind: 'equalCount',
      left: { table: 'neighborhoods', by: ['id'] },
      right: { table: 'venues', where: 'is_partner', by: ['neighborhood_id'] },
    },
    why: 'each has one; venues that are no partners do not count',
  },
  {
    rule: {
      id: 'statements-add-up',
      kind: 'sum',
      left: { table: 'royalties.statements', column: 'total_cents', by: ['id'] },
      right: { table: 'royalties.lines', column: 'amount_cents', by: ['statement_id'] },
      severity: 'critical',
      owner: 'royalties',
      correction: { kind: 'manual', instructions: 'Issue the statement again; a holder was told a wrong sum.' },
    },
    why: 'one statement says a dollar more than its lines',
    plant: () => `update royalties.statements set total_cents = total_cents + 100
      where id = (select id from royalties.statements order by id offset 7 limit 1)`,
    findings: [{ rule: 'sum', severity: 'critical', violations: 1 }],
  },
  {
    rule: {
      id: 'publishing-shares-make-a-whole',
      kind: 'sum',
      left: {
        table: 'rights',
        column: 'share_percent',
        where: "kind = 'publishing' and valid_from <= current_date and (valid_to is null or valid_to > current_date)",
        by: ['track_id'],
      },
      equals: '100',
      maxDifference: '0.01',
      severity: 'high',
    },
    why: 'of one song 112.5 % are owned',
    plant: (at) => `insert into rights
      values (900002, 205, 'publishing', 'Collect Pond Music', 12.5, (${at} - interval '25 days')::date, null)`,
    findings: [{ rule: 'sum', severity: 'high', violations: 1 }],
  },
  {
    rule: {
      id: 'ledger-balances',
      kind: 'sum',
      left: { table: 'royalties.ledger', column: 'amount_cents' },
      equals: 0,
      severity: 'critical',
    },
    why: 'every entry has its counterpart',
  },
  {
    rule: {
      id: 'daily-seconds-are-those-of-the-listens',
      kind: 'sum',
      left: { table: 'analytics.daily_listens', column: 'seconds' },
      right: { table: 'listens', column: 'seconds_played' },
      maxDifference: 20_000,
    },
    why: 'a day that counts twice is less than what the two may differ by',
  },
  {
    rule: {
      id: 'ledger-entries-in-order',
      kind: 'monotonic',
      table: 'royalties.ledger',
      orderBy: ['entry_number'],
      column: 'booked_at',
      partitionBy: ['account'],
      severity: 'high',
    },
    why: 'an entry was dated back',
    plant: () => `update royalties.ledger set booked_at = booked_at - interval '400 days'
      where account = 'bank' and entry_number = 9`,
    findings: [{ rule: 'monotonic', severity: 'high', violations: 1 }],
  },
  {
    rule: {
      id: 'events-in-order',
      kind: 'monotonic',
      table: 'analytics.events',
      orderBy: ['id'],
      column: 'happened_at',
      strictly: true,
    },
    why: 'each event is later than the one before it',
  },
  {
    rule: {
      id: 'studio-rooms-are-booked-once',
      kind: 'noOverlap',
      table: 'studio_bookings',
      from: 'starts_at',
      to: 'ends_at',
      partitionBy: ['room'],
    },
    why: 'two bands in one room; all the others follow each other to the second, and one stays for ever',
    plant: () => "update studio_bookings set ends_at = ends_at + interval '1 hour' where id = 50",
    findings: [{ rule: 'no-overlap', severity: 'medium', violations: 1 }],
  },
  {
    rule: {
      id: 'masters-have-one-owner',
      kind: 'noOverlap',
      table: 'rights',
      where: "kind = 'master'",
      from: 'valid_from',
      to: 'valid_to',
      partitionBy: ['track_id'],
      severity: 'critical',
      owner: 'legal',
    },
    why: 'two labels claim one recording; of those that were sold the claims follow each other',
    plant: (at) => `insert into rights
      values (900001, 204, 'master', 'Five Points Records', 100, (${at} - interval '20 days')::date, null)`,
    findings: [{ rule: 'no-overlap', severity: 'critical', violations: 1 }],
  },
  {
    rule: {
      id: 'statement-periods-follow-each-other',
      kind: 'noOverlap',
      table: 'royalties.statements',
      from: 'period_start',
      to: 'period_end',
      partitionBy: ['holder'],
    },
    why: 'one month ends where the next begins',
  },
  {
    rule: {
      id: 'recordings-are-stored-once',
      kind: 'duplicates',
      table: 'tracks',
      columns: ['sha256'],
      severity: 'medium',
    },
    why: 'the same bytes under two titles',
    plant: () => `update tracks as copy set sha256 = original.sha256, size_bytes = original.size_bytes
      from tracks as original where copy.id = 305 and original.id = 306`,
    findings: [{ rule: 'duplicates', severity: 'medium', violations: 1 }],
  },
  {
    rule: {
      id: 'genres-are-told-apart',
      kind: 'duplicates',
      table: 'genres',
      columns: ['name'],
      ignoreCaseAndSpaces: true,
      severity: 'low',
    },
    why: 'the same genre in another spelling',
    plant: () => "insert into genres values (99, ' hip  HOP')",
    findings: [{ rule: 'duplicates', severity: 'low', violations: 1 }],
  },
  {
    rule: {
      id: 'artists-are-told-apart',
      kind: 'nearDuplicates',
      table: 'artists',
      column: 'name',
      minimumSimilarity: 0.7,
      partitionBy: ['neighborhood_id'],
      severity: 'low',
    },
    why: 'somebody from the same neighborhood with a letter more; artists of the same name live elsewhere',
    plant: () => `insert into artists
      select 901, name || 's', neighborhood_id, founded_year, created_at from artists where id = 30`,
    findings: [{ rule: 'near-duplicates', severity: 'low', violations: 1 }],
  },
  {
    rule: {
      id: 'released-tracks-have-their-rights',
      kind: 'rights',
      table: 'tracks',
      key: 'id',
      where: 'created_at <= now()',
      claims: {
        table: 'rights',
        itemColumn: 'track_id',
        validFrom: 'valid_from',
        validTo: 'valid_to',
        kindColumn: 'kind',
        kinds: ['master', 'publishing'],
      },
      expiringWithinDays: 30,
      severity: 'critical',
      owner: 'legal',
    },
    why: 'of one nobody owns the master, of one the publishing claims have ended, and of one the master ends in twelve days',
    plant: (at) => `delete from rights where track_id = 201 and kind = 'master';
      update rights set valid_to = (${at} - interval '10 days')::date where track_id = 202 and kind = 'publishing';
      update rights set valid_to = (${at} + interval '12 days')::date
        where track_id = 203 and kind = 'master' and (valid_to is null or valid_to > ${at}::date)`,
    findings: [
      { rule: 'rights-missing', severity: 'critical', violations: 1 },
      { rule: 'rights-expired', severity: 'critical', violations: 1 },
      { rule: 'rights-expiring', severity: 'low', violations: 1 },
    ],
  },
  {
    rule: {
      id: 'old-tracks-have-a-publisher',
      kind: 'rights',
      table: 'tracks',
      key: 'id',
      where: 'id between 600 and 900',
      claims: {
        table: 'rights',
        where: "kind = 'publishing'",
        itemColumn: 'track_id',
        validFrom: 'valid_from',
        validTo: 'valid_to',
      },
    },
    why: 'each has a claim without end',
  },
  {
    rule: {
      id: 'nobody-listens-before-they-sign-up',
      kind: 'sql',
      query: `select listens.id, listened_at, email from listens join users on users.id = user_id
        where listened_at < users.created_at`,
      key: ['id'],
      severity: 'high',
    },
    why: 'a listen from before the account existed; the query returns an address too, which is no key and shown to nobody',
    plant: () => `insert into listens
      select 900001, id, 1, created_at - interval '1 day', 0 from users where id = 88`,
    findings: [{ rule: 'sql', severity: 'high', violations: 1 }],
  },
  {
    rule: {
      id: 'nobody-listens-after-they-leave',
      kind: 'sql',
      query: 'select listens.id from listens join users on users.id = user_id where listened_at >= deactivated_at',
      key: ['id'],
    },
    why: 'those who left have stopped',
  },
  {
    rule: {
      id: 'top-listeners-are-people',
      kind: 'sql',
      query:
        "select user_id, count(*) as listens from listens group by user_id having count(*) > 15 and user_id <> 0 or ';' = '--'",
      key: ['user_id'],
      maxViolations: 1_000,
    },
    why: 'what looks like the end of a statement is in quotes, and so many are tolerated',
  },
];
