import type * as z from 'zod';
import type { configSchema as archivalSchema } from '../../functions/data-archival/config.ts';
import type { configSchema as purgeSchema } from '../../functions/data-purge/config.ts';
import type { PlantedFinding } from './planted-case.ts';

type ArchivalInput = z.input<typeof archivalSchema>;
type PurgeInput = z.input<typeof purgeSchema>;

/** A policy of the sample with what a run that applies must find of it, and only that. */
export interface PlantedPolicy<Policy> {
  readonly policy: Policy;
  readonly why: string;
  readonly findings: readonly PlantedFinding[];
  /** The reason for which it must be unchecked. */
  readonly unchecked?: string;
}

export type ArchivalInputPolicy = NonNullable<ArchivalInput['policies']>[number];
export type PurgeInputPolicy = NonNullable<PurgeInput['policies']>[number];

/** Where archives go, and where uploads are. */
export const archiveBucket = 'nycmg-archive';
export const userUploadsBucket = 'nycmg-user-uploads';

/** RDS instance of the main database, whose burst balance is asked for. */
export const retentionInstance = 'nycmg-main';

/** What a second person has looked at long ago, in the sample's story: the run after the first needs nobody. */
const approved = { approval: 'never' } as const;

/** The policy whose plan waits for a second person. */
export const awaitingApproval = 'listens';

const thirteenMonths = { months: 13 };

/** What should have gone long ago, and is still there because something is in the way. */
const overdue: PlantedFinding = { rule: 'backlog', severity: 'high' };

export const archivalPolicies: readonly PlantedPolicy<ArchivalInputPolicy>[] = [
  {
    policy: {
      id: awaitingApproval,
      table: 'history.listens',
      ageColumn: 'listened_at',
      retention: thirteenMonths,
      index: 'listens_listened_at',
      children: [{ table: 'history.listen_devices', columns: ['listen_id'] }],
      mode: 'apply',
      rowsPerArchive: 1_000,
    },
    why: 'its first run needs a second person',
    findings: [{ rule: 'approval-missing', severity: 'critical' }, overdue],
  },
  {
    policy: {
      id: 'audit-events',
      table: 'audit.events',
      ageColumn: 'happened_at',
      retention: { days: 365 },
      index: 'events_happened_at',
      mode: 'apply',
      keepYears: 7,
      guards: approved,
      pace: { instanceId: retentionInstance },
    },
    why: 'all is well: archived, read back and deleted',
    findings: [],
  },
  {
    policy: {
      id: 'every-type',
      table: 'history.every_type',
      ageColumn: 'made_at',
      retention: thirteenMonths,
      index: 'every_type_made_at',
      mode: 'apply',
      guards: approved,
    },
    why: 'every type that PostgreSQL brings is archived and read back',
    findings: [],
  },
  {
    policy: {
      id: 'search-terms',
      table: 'history.search_terms',
      ageColumn: 'searched_at',
      retention: thirteenMonths,
      index: 'search_terms_searched_at',
      mode: 'apply',
      guards: approved,
    },
    why: 'the index that it names is not there',
    findings: [{ rule: 'index-missing', severity: 'critical' }, overdue],
  },
  {
    policy: {
      id: 'playback-errors',
      table: 'history.playback_errors',
      ageColumn: 'occurred_at',
      retention: thirteenMonths,
      index: 'playback_errors_occurred_at',
      mode: 'apply',
      guards: approved,
    },
    why: 'it would take most of the table',
    findings: [{ rule: 'too-large-share', severity: 'critical' }, overdue],
  },
  {
    policy: {
      id: 'chat-messages',
      table: 'history.chat_messages',
      ageColumn: 'sent_at',
      retention: thirteenMonths,
      index: 'chat_messages_sent_at',
      mode: 'apply',
      guards: approved,
    },
    why: 'somebody has paused it',
    findings: [{ rule: 'paused', severity: 'low' }, overdue],
  },
  {
    policy: {
      id: 'royalty-notes',
      table: 'history.royalty_notes',
      ageColumn: 'noted_at',
      retention: thirteenMonths,
      index: 'royalty_notes_noted_at',
      mode: 'apply',
      guards: approved,
    },
    why: 'an earlier run was cut off, and a bit of its archive has flipped since',
    findings: [{ rule: 'archive-corrupt', severity: 'critical' }],
  },
  {
    policy: {
      id: 'payments',
      table: 'history.payments',
      ageColumn: 'paid_at',
      retention: { years: 7 },
      index: 'payments_paid_at',
    },
    why: 'the role of the audit may not read it',
    findings: [],
    unchecked: 'access-denied',
  },
];

export const purgePolicies: readonly PlantedPolicy<PurgeInputPolicy>[] = [
  {
    policy: {
      id: 'ops-logs',
      kind: 'rows',
      table: 'ops_logs.entries',
      ageColumn: 'logged_at',
      ageTimeZone: 'America/New_York',
      retention: { days: 30 },
      index: 'entries_logged_at',
      mode: 'apply',
      guards: approved,
      pace: { batchRows: 400, instanceId: retentionInstance },
    },
    why: 'all is well: deleted in batches',
    findings: [],
  },
  {
    policy: {
      id: 'sessions',
      kind: 'rows',
      table: 'accounts.sessions',
      ageColumn: 'last_seen_at',
      retention: { days: 90 },
      where: 'user_id in (select id from public.users where deactivated_at is not null)',
      index: 'sessions_last_seen_at',
      mode: 'apply',
      guards: approved,
    },
    why: 'all is well: those of users who are deactivated, and no other',
    findings: [],
  },
  {
    policy: {
      id: 'plays',
      kind: 'partitions',
      table: 'metrics.plays',
      ageColumn: 'played_on',
      retention: { days: 90 },
      mode: 'apply',
      guards: approved,
    },
    why: 'all is well: months that are wholly past are detached',
    findings: [],
  },
  {
    policy: {
      id: 'orphaned-uploads',
      kind: 'orphans',
      bucket: userUploadsBucket,
      prefix: 'incoming/',
      olderThanDays: 30,
      table: 'accounts.user_uploads',
      keyColumn: 'object_key',
      index: 'user_uploads_object_key',
      mode: 'apply',
      guards: approved,
    },
    why: 'all is well: those that no row names, and no other',
    findings: [],
  },
  {
    policy: {
      id: 'noncurrent-masters',
      kind: 'objects',
      what: 'noncurrent',
      bucket: userUploadsBucket,
      prefix: 'masters/',
      olderThanDays: 30,
      mode: 'apply',
      guards: { ...approved, maximumPercent: 100 },
    },
    why: 'one version is under a legal hold and one under a retention of its own: both are kept',
    findings: [
      { rule: 'object-kept', severity: 'low' },
      { rule: 'object-kept', severity: 'low' },
    ],
  },
  {
    policy: {
      id: 'incomplete-uploads',
      kind: 'objects',
      what: 'uploads',
      bucket: userUploadsBucket,
      olderThanDays: 7,
      mode: 'apply',
      guards: { ...approved, maximumPercent: 100 },
    },
    why: 'all is well: uploads that nobody will complete are given up',
    findings: [],
  },
  {
    policy: {
      id: 'exports',
      kind: 'objects',
      what: 'current',
      bucket: userUploadsBucket,
      prefix: 'exports/',
      olderThanDays: 90,
    },
    why: 'it is in dry-run mode: it only shows what it would do',
    findings: [],
  },
];
