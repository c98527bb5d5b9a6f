import type * as z from 'zod';
import { dayIn, writeHistory } from '../../functions/integrity-audit/anomalies/history.ts';
import { configSchema } from '../../functions/integrity-audit/config.ts';
import type { StateStore } from '../../shared/storage/state-store.ts';
import type { EstateDocument } from '../control-plane/estate-document.ts';
import { nycmgData } from '../postgres/nycmg-data.ts';
import { columnRules } from './integrity-column-rules.ts';
import { type MainFaults, mainDatabaseName } from './integrity-databases.ts';
import { measuredRules } from './integrity-measured-rules.ts';
import { objectRules, trackBucket, tracksBucket } from './integrity-objects.ts';
import { countyAreas, placeRules } from './integrity-places.ts';
import type { IntegrityFinding, PlantedRule } from './integrity-planted-rule.ts';
import { tableRules } from './integrity-table-rules.ts';
import { unreadRules } from './integrity-unread-rules.ts';

/** What a run must report of one resource. */
export interface IntegrityExpectation {
  readonly resourceId: string;
  readonly why: string;
  readonly findings: readonly IntegrityFinding[];
  /** The reason for which the resource must be unchecked. */
  readonly unchecked?: string;
}

/** Rules over the sample's databases, with what they must find there. */
export interface IntegrityEstate {
  /** The bucket of the tracks' audio. */
  readonly document: EstateDocument;
  readonly config: z.input<typeof configSchema>;
  readonly expectations: readonly IntegrityExpectation[];
  /** What is planted into the main database. */
  readonly main: MainFaults;
  /** Writes what earlier runs have measured to where the task remembers it. */
  seedState(store: StateStore): Promise<void>;
}

const dayMs = 86_400_000;

/**
 * Returns the audited estate as it stands at `now`.
 *
 * @param hasFaults `false` for the same rules over data that is right: only what cannot be looked at is left to expect then.
 */
export function integrityEstate(
  account: string,
  now: Date,
  timeZone: string,
  { hasFaults }: { readonly hasFaults: boolean } = { hasFaults: true },
): IntegrityEstate {
  const planted: readonly PlantedRule[] = [
    ...columnRules(now),
    ...tableRules,
    ...measuredRules,
    ...placeRules,
    ...objectRules,
    ...unreadRules,
  ];
  const config: z.input<typeof configSchema> = {
    databases: { main: { tables } },
    areas: countyAreas(),
    rules: planted.map(({ rule }) => rule),
    // On loopback nothing takes longer, and one query never ends.
    limits: { statementTimeoutSeconds: 5, snapshotSeconds: 300 },
  };
  return {
    document: {
      homeAccount: account,
      accounts: {
        [account]: {
          regions: {},
          s3: { buckets: { [tracksBucket]: trackBucket(nycmgData(now), now, { hasFaults }) } },
        },
      },
    },
    config,
    expectations: [
      ...planted.map(({ rule, why, findings = [], unchecked }) => ({
        resourceId: `postgres://${rule.database ?? 'main'}/rules/${rule.id}`,
        why,
        findings: hasFaults ? findings : [],
        ...(unchecked === undefined ? {} : { unchecked }),
      })),
      {
        resourceId: 'postgres://main/constraint/public.listens.listens_user_id_fkey',
        why: 'the constraint that was made anew is tested for new rows only',
        findings: hasFaults ? [{ rule: 'constraint-not-valid', severity: 'medium' }] : [],
      },
      {
        resourceId: `postgres://main/database/${mainDatabaseName}`,
        why: 'its server was set up long ago, without checksums',
        findings: hasFaults ? [{ rule: 'checksums-off', severity: 'medium' }] : [],
      },
    ],
    main: {
      statements: hasFaults
        ? planted.flatMap(({ plant }) => (plant === undefined ? [] : [plant(`timestamptz '${now.toISOString()}'`)]))
        : [],
      hasChecksums: !hasFaults,
    },
    seedState: (store) => seedHistory(store, planted, now, timeZone),
  };
}

/** What the schema does not say of its tables. */
const tables = {
  users: { personalColumns: ['email', 'display_name'] },
  newsletter_subscriptions: { personalColumns: ['email'] },
  tracks: { safeColumns: ['isrc', 'title'] },
  'royalties.statements': { safeColumns: ['holder', 'period_start'] },
  'social.playlist_tracks': { key: ['playlist_id', 'position'], safeColumns: ['track_id'] },
  'analytics.daily_listens': { key: ['day'] },
  // It has no key: of its rows nothing can be shown.
  'imports.royalty_statements': { personalColumns: ['holder'] },
};

/** Points lie about their level as if by chance, and are the same in every run. */
async function seedHistory(
  store: StateStore,
  planted: readonly PlantedRule[],
  now: Date,
  timeZone: string,
): Promise<void> {
  // By the calendar: a day is not always of twenty-four hours.
  const today = Date.parse(dayIn(timeZone, now));
  const daysBefore = (days: number) => new Date(today - days * dayMs).toISOString().slice(0, 10);
  const { rules } = configSchema.parse({ areas: countyAreas(), rules: planted.map(({ rule }) => rule) });
  for (const { rule, history } of planted) {
    const parsed = rules.find(({ id }) => id === rule.id);
    if (history === undefined || (parsed?.kind !== 'volume' && parsed?.kind !== 'distribution')) continue;
    const { level, scatter, days } = history;
    const dates = Array.from({ length: days }, (_, index) => daysBefore(days - index));
    const points = dates.map((date, index) => ({ date, value: level + scatter * (((index * 7) % 5) / 2 - 1) }));
    await writeHistory(store, parsed, points);
  }
}
