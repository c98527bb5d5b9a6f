import type { PlantedRule } from './integrity-planted-rule.ts';

/** Rules on how new data is, and on numbers that are judged by those of earlier runs. */
export const measuredRules: readonly PlantedRule[] = [
  {
    rule: {
      id: 'imports-arrive-daily',
      kind: 'freshness',
      table: 'imports.royalty_statements',
      column: 'received_at',
      maximumAgeMinutes: 2_880,
      severity: 'high',
      owner: 'royalties',
    },
    why: 'a distributor has sent nothing for nine days',
    plant: () => "update imports.royalty_statements set received_at = received_at - interval '9 days'",
    findings: [{ rule: 'freshness', severity: 'high' }],
  },
  {
    rule: {
      id: 'playlists-keep-time',
      kind: 'freshness',
      table: 'social.playlist_tracks',
      column: 'added_at',
      maximumAgeMinutes: 43_200,
      severity: 'low',
    },
    why: 'a telephone is five hours ahead',
    plant: (at) => `update social.playlist_tracks set added_at = ${at} + interval '5 hours'
      where playlist_id = 11 and position = 1`,
    findings: [{ rule: 'freshness', severity: 'low' }],
  },
  {
    rule: {
      id: 'listens-arrive',
      kind: 'freshness',
      table: 'listens',
      column: 'listened_at',
      where: 'seconds_played > 0',
      maximumAgeMinutes: 2_880,
    },
    why: 'somebody always listens',
  },
  {
    rule: {
      id: 'charts-are-made-daily',
      kind: 'freshness',
      table: 'analytics.daily_listens',
      column: 'day',
      maximumAgeMinutes: 4_320,
      // The day is that of Greenwich, and begins there in the evening before.
      futureToleranceMinutes: 1_440,
    },
    why: 'the last day is there, as a date',
  },
  {
    rule: {
      id: 'events-a-day',
      kind: 'volume',
      table: 'analytics.events',
      column: 'happened_at',
      severity: 'high',
      direction: 'down',
    },
    why: 'since a release yesterday nine events in ten are lost',
    plant: (at) => `delete from analytics.events where happened_at > ${at} - interval '24 hours' and id % 10 <> 1`,
    findings: [{ rule: 'volume', severity: 'high' }],
    history: { level: 200, scatter: 6, days: 30 },
  },
  {
    rule: {
      id: 'playlists-in-all',
      kind: 'volume',
      table: 'social.playlists',
      minimumHistory: 10,
      deviations: 4,
    },
    why: 'a script has made as many playlists again, empty ones',
    plant: (at) => `insert into social.playlists
      select id + 1000, user_id, title || ' (copy)', ${at} - interval '1 hour' from social.playlists`,
    findings: [{ rule: 'volume', severity: 'medium' }],
    history: { level: 60, scatter: 1, days: 21 },
  },
  {
    rule: {
      id: 'uploads-a-day',
      kind: 'volume',
      table: 'uploads',
      column: 'created_at',
      seasonality: 'weekday',
      minimumHistory: 4,
      minimumChangePercent: 50,
    },
    why: 'as many as on the same day of other weeks',
    history: { level: 8, scatter: 1, days: 42 },
  },
  {
    rule: { id: 'bookings-in-all', kind: 'volume', table: 'studio_bookings' },
    why: 'it has been counted for three days',
    unchecked: 'not-enough-history',
    history: { level: 200, scatter: 0, days: 3 },
  },
  {
    rule: {
      id: 'events-without-a-user',
      kind: 'distribution',
      table: 'analytics.events',
      column: 'user_id',
      statistic: 'null-rate',
      direction: 'up',
    },
    why: 'half of the events no longer say whose they are',
    plant: () => 'update analytics.events set user_id = null where id > 4000',
    findings: [{ rule: 'distribution', severity: 'medium' }],
    history: { level: 0.05, scatter: 0.002, days: 30 },
  },
  {
    rule: {
      id: 'uploads-mean-size',
      kind: 'distribution',
      table: 'uploads',
      column: 'size_bytes',
      statistic: 'mean',
      severity: 'low',
    },
    why: 'a client sends bits for bytes',
    plant: () => 'update uploads set size_bytes = size_bytes * 8 where id > 200',
    findings: [{ rule: 'distribution', severity: 'low' }],
    history: { level: 25_000_000, scatter: 300_000, days: 30 },
  },
  {
    rule: {
      id: 'tracks-mean-duration',
      kind: 'distribution',
      table: 'tracks',
      column: 'duration_seconds',
      statistic: 'mean',
    },
    why: 'songs are as long as ever',
    history: { level: 261, scatter: 2, days: 30 },
  },
];
