import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { collect } from '../collect.ts';
import { configSchema, type Rule } from '../config.ts';
import { contextFor } from '../context-fixtures.ts';
import { deskAt } from './correction-fixtures.ts';
import { hasViolatingRows } from './violating-rows.ts';

let server: PostgresServer;
let client: Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new Client({ connectionString: server.url });
  await client.connect();
  // Nothing that a role sets for itself may make a difference: neither its day, nor where it looks first.
  await client.query(`
    create role reading login password 'r'; grant pg_read_all_data to reading;
    create role writing login password 'w'; grant pg_read_all_data to writing; grant usage, create on schema public to writing;
    alter role reading set timezone = 'Pacific/Kiritimati'; alter role writing set timezone = 'Etc/GMT+12';
    alter role reading set enable_seqscan = off; alter role writing set enable_seqscan = off;
    alter role writing set search_path = writing, public; alter role writing set datestyle = 'German';
    create schema writing authorization writing; create schema "ext "" x"; create extension pg_trgm schema "ext "" x";
    set timezone = 'America/New_York';

    create table "odd "" songs" (
      "key"" 1" integer, k2 text collate "C", title text, isrc char(12), year smallint, length numeric(6, 2), mood text,
      album integer, place integer, made date, from_day date, to_day date,
      primary key ("key"" 1", k2)
    );
    insert into "odd "" songs"
      select n, 'k' || n % 3, case when n % 7 <> 0 then 'Canal Street No. ' || n / 3 end, 'US' || n,
        case when n % 11 <> 0 then 1900 + n end, case when n % 13 = 0 then 'NaN' else n * 1.5 end,
        (array['calm', 'loud', null, ' calm', 'calm '])[1 + n % 5], n % 9, (n * 7) % 31, current_date + n - 50,
        case when n % 6 <> 0 then date '2026-01-01' + n end, case when n % 8 <> 0 then date '2026-01-01' + n + n % 3 end
      from generate_series(1, 100) n;
    create table albums (id integer); insert into albums select generate_series(2, 8);
    create table claims (song integer, first date, last date, kind text);
    insert into claims
      select n, current_date - 100, case when n % 5 > 0 then current_date + n - 50 end, (array['a', 'b'])[1 + n % 2]
      from generate_series(3, 90) n, generate_series(1, 1 + n % 2);

    create table seats (id integer primary key, seat integer, label text);
    create unique index seats_seat on seats (seat); create index seats_label on seats (label);
    insert into seats select n, n, 'seat ' || n from generate_series(1, 10) n`);
  // Indexes that lack rows: whoever asks them sees no fault.
  const setReady = (is: boolean) => `update pg_index set indisready = ${is} where indexrelid in (
    'seats_seat'::regclass, 'seats_label'::regclass)`;
  await client.query(setReady(false));
  await client.query("insert into seats values (11, 3, null), (12, 4, 'seat 4')");
  await client.query(setReady(true));
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

const songs = { table: 'odd " songs' };
const isToday = 'made = current_date';

const rules: readonly { readonly kind: Rule['kind']; readonly [key: string]: unknown }[] = [
  { kind: 'notNull', ...songs, column: 'title' },
  { kind: 'notNull', ...songs, column: 'title', where: `${isToday} or year is null` },
  { kind: 'acceptedValues', ...songs, column: 'mood', values: ['calm', 'loud'] },
  { kind: 'range', ...songs, column: 'length', min: 10, max: 120.5, exclusiveMax: true },
  { kind: 'range', ...songs, column: 'made', max: 'today' },
  { kind: 'range', ...songs, column: 'year', min: 1910, where: 'title is not null' },
  { kind: 'pattern', ...songs, column: 'title', matches: '[13579]$' },
  { kind: 'length', ...songs, column: 'isrc', min: 4, max: 4 },
  { kind: 'unique', ...songs, columns: ['album', 'mood'] },
  { kind: 'unique', table: 'seats', columns: ['seat'] },
  { kind: 'notNull', table: 'seats', column: 'label' },
  { kind: 'duplicates', table: 'seats', columns: ['label'] },
  { kind: 'duplicates', ...songs, columns: ['mood'], ignoreCaseAndSpaces: true, where: 'k2 > $$k0$$' },
  { kind: 'foreignKey', ...songs, columns: ['album'], references: { table: 'albums', columns: ['id'] } },
  { kind: 'monotonic', ...songs, orderBy: ['made'], column: 'place', partitionBy: ['mood'] },
  { kind: 'monotonic', ...songs, orderBy: ['album'], column: 'year', strictly: true },
  { kind: 'noOverlap', ...songs, from: 'from_day', to: 'to_day', partitionBy: ['album'] },
  { kind: 'nearDuplicates', ...songs, column: 'title', minimumSimilarity: 0.7, partitionBy: ['k2'] },
  {
    kind: 'rights',
    ...songs,
    key: 'key" 1',
    claims: { table: 'claims', itemColumn: 'song', validFrom: 'first', validTo: 'last' },
    expiringWithinDays: 10,
  },
  {
    kind: 'rights',
    ...songs,
    key: 'key" 1',
    claims: {
      table: 'claims',
      itemColumn: 'song',
      validFrom: 'first',
      validTo: 'last',
      kindColumn: 'kind',
      kinds: ['a', 'b'],
    },
  },
  { kind: 'sql', query: `select "key"" 1" as id from "odd "" songs" where made >= current_date`, key: ['id'] },
];

/** Returns how many violations an audit says that each rule has. */
async function audited(config: ReturnType<typeof configSchema.parse>, url: string): Promise<Map<string, number>> {
  const context = contextFor({ config, databases: { main: { url } } });
  const { outcomes } = await collect(context);
  expect(context.coverage.summary().unchecked).toEqual([]);
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    if (outcome.kind !== 'violations' || outcome.breaks === 'rights-expiring') continue;
    counts.set(outcome.rule.id, (counts.get(outcome.rule.id) ?? 0) + outcome.count);
  }
  return counts;
}

describe('a correction', () => {
  it('is of just the rows that the audit has counted, for every kind of rule that has rows', async () => {
    const all = configSchema.parse({
      databases: { main: { physical: { enabled: false } } },
      rules: rules.map((rule, index) => ({
        id: `rule-${index}`,
        ...rule,
        correction: { kind: 'quarantine', table: `writing.rule_${index}` },
      })),
    });
    const urlOf = (username: string, password: string) =>
      Object.assign(new URL(server.url), { username, password }).href;
    const [readerUrl, writerUrl] = [urlOf('reading', 'r'), urlOf('writing', 'w')];
    const counts = await audited(all, readerUrl);
    const desk = deskAt({ readerUrl, writerUrl });
    const compared = [];
    for (const [index, rule] of rules.entries()) {
      const correctable = all.rules[index] as Rule;
      const planned = await desk.ask(correctable, 'plan');
      const applied = await desk.ask(correctable, 'apply');
      const { rows } = await client.query(`select count(*)::int as keys from writing.rule_${index}`);
      compared.push([rule.kind, planned.violations, applied.outcome, applied.violations, rows[0]?.keys]);
    }
    expect(compared).toEqual(
      rules.map(({ kind }, index) => {
        const count = counts.get(`rule-${index}`);
        return [kind, count, 'applied', count, count];
      }),
    );
    expect([...counts.values()].every((count) => count > 0)).toBe(true);
    // No kind is left out.
    const kinds = configSchema.shape.rules
      .unwrap()
      .element.options.map((option) => option.shape.kind.value)
      .filter((kind) => hasViolatingRows({ kind } as Rule));
    expect([...new Set(rules.map(({ kind }) => kind))].sort()).toEqual(kinds.sort());
  });
});
