/**
 * Returns SQL that lays the rest of the platform over the NYCMG tables: royalties, imports, playlists, venues, uploads, bookings and
 * analytics, filled from what is there. All of it is right; times are relative to `now`. As in any database that has grown, some
 * tables have no key, and some columns refer to others without saying so.
 */
export function integrityTables(now: Date): string {
  const at = `timestamptz '${now.toISOString()}'`;
  return `
create extension if not exists pg_trgm;
create extension if not exists amcheck;

create table venues (
  id integer primary key,
  name text not null,
  neighborhood_id integer references neighborhoods,
  borough_id smallint not null references boroughs,
  latitude numeric(8, 5),
  longitude numeric(8, 5),
  capacity integer not null,
  is_partner boolean not null,
  opened_on date not null
);
insert into venues
  select id, name || ' Music Hall', id, borough_id, latitude, longitude, 50 + id * 7, true, date '1990-01-01' + id * 100
  from neighborhoods;
-- As small and as large as they get, and one that has no place.
insert into venues values
  (201, 'The Closet', null, 1, 40.7265, -73.9815, 1, false, date '2019-05-01'),
  (202, 'Prospect Park Meadow', null, 2, 40.6602, -73.9690, 100000, false, date '1867-10-19'),
  (203, 'The Barge', null, 2, null, null, 120, false, date '2004-06-12');

create table genres (id smallint primary key, name text not null);
insert into genres
  select number, name from unnest(array['Bachata', 'Boogaloo', 'Doo-wop', 'Drill', 'Folk', 'Hip hop', 'House', 'Jazz', 'Klezmer',
    'Latin jazz', 'No wave', 'Punk rock', 'R&B', 'Salsa', 'Soul', 'Spoken word']) with ordinality as listed (name, number);

create table uploads (
  id bigint primary key,
  user_id integer not null references users,
  state text not null,
  file_name text,
  size_bytes bigint not null,
  track_id integer references tracks,
  created_at timestamptz not null
);
insert into uploads
  select id, id * 7 % 600 + 1, state, 'take-' || id || '.wav', 20000000 + id * 7919 % 1000 * 10000,
    case state when 'done' then id * 13 % 1230 + 1 end, ${at} - (400 - id) * interval '3 hours'
  from generate_series(1, 400) as id, lateral (
    select case when id > 398 then 'queued' when id > 396 then 'processing' when id % 20 = 0 then 'failed' else 'done' end as state
  ) as decided;

create sequence uploads_id_seq as bigint owned by uploads.id;
alter table uploads alter column id set default nextval('uploads_id_seq');
select setval('uploads_id_seq', 400);

create table newsletter_subscriptions (email text primary key, list text not null, confirmed_at timestamptz);
insert into newsletter_subscriptions select email, 'weekly', created_at from users where id % 3 = 0;

create table studio_bookings (
  id integer primary key,
  room text not null,
  starts_at timestamptz not null,
  ends_at timestamptz
);
-- One follows the other; the last in the last room has no end yet.
insert into studio_bookings
  select (room - 1) * 40 + slot, 'Room ' || room, begins, case when room < 5 or slot < 40 then begins + interval '3 hours' end
  from generate_series(1, 5) as room, generate_series(1, 40) as slot,
    lateral (select ${at} - interval '30 days' + slot * interval '3 hours' as begins) as planned;

-- On its way since ten minutes: its audio has not arrived.
insert into tracks
  select 1231, album_id, 99, 'Morning on Pier 45', 211, 'USNYC2601231', 'tracks/001231/morning-on-pier-45.flac', 2048,
    repeat('a', 64), ${at} - interval '10 minutes'
  from tracks where id = 1230;
insert into rights values
  (90001, 1231, 'master', 'Gowanus Sound', 100, (${at} - interval '2 days')::date, null),
  (90002, 1231, 'publishing', 'Brill Building Songs', 100, (${at} - interval '2 days')::date, null);

create schema royalties;
create table royalties.statements (
  id integer primary key,
  holder text not null,
  period_start date not null,
  period_end date not null,
  total_cents bigint not null,
  currency char(3) not null,
  status text not null check (status in ('issued', 'paid')),
  unique (id, currency)
);
create table royalties.lines (
  id bigint primary key,
  statement_id integer not null references royalties.statements,
  track_id integer not null references tracks,
  currency char(3) not null,
  plays integer not null,
  amount_cents bigint not null
);
insert into royalties.statements
  select row_number() over (order by month, holder), holder, month, month + interval '1 month', 0, 'USD',
    case when ago > 2 then 'paid' else 'issued' end
  from (select distinct holder from rights) as holders, generate_series(1, 12) as ago,
    lateral (select (date_trunc('month', ${at} at time zone 'UTC') - ago * interval '1 month')::date as month) as months;
insert into royalties.lines
  select row_number() over (order by statement.id, owned.track_id), statement.id, owned.track_id, statement.currency, count(*),
    round(sum(0.4 * share_percent))
  from royalties.statements as statement
    join rights as owned using (holder)
    join listens on listens.track_id = owned.track_id
      and (listened_at at time zone 'UTC')::date >= greatest(period_start, valid_from)
      and (listened_at at time zone 'UTC')::date < least(period_end, valid_to)
  group by statement.id, owned.track_id;
update royalties.statements as statement set total_cents = lines.sum
  from (select statement_id, sum(amount_cents) from royalties.lines group by statement_id) as lines
  where statement_id = statement.id;
delete from royalties.statements where total_cents = 0;

create table royalties.payouts (
  id integer primary key,
  statement_id integer not null references royalties.statements,
  amount_cents bigint not null,
  paid_at timestamptz not null
);
insert into royalties.payouts
  select id, id, total_cents, period_end + interval '15 days' from royalties.statements where status = 'paid';

create table royalties.ledger (
  id bigint primary key,
  account text not null,
  entry_number integer not null,
  booked_at timestamptz not null,
  amount_cents bigint not null,
  unique (account, entry_number)
);
insert into royalties.ledger
  select row_number() over (order by paid_at, payout.id, account), account,
    row_number() over (partition by account order by paid_at, payout.id), paid_at, amount
  from royalties.payouts as payout, lateral (values ('bank', -amount_cents), ('royalties payable', amount_cents))
    as booked (account, amount);

create schema payouts;
create table payouts.bank_accounts (id integer primary key, holder text not null, iban text not null);
insert into payouts.bank_accounts
  select row_number() over (order by holder), holder, 'DE8937040044053201' || row_number() over (order by holder) + 3000
  from (select distinct holder from rights) as holders;

create schema imports;
-- Takes whatever the distributors send: everything is text, and nothing is a key.
create table imports.royalty_statements (
  batch text, line_number integer, holder text, isrc text, amount text, received_at timestamptz
);
insert into imports.royalty_statements
  select 'batch-' || (line.id / 100), line.id, holder, isrc, to_char(amount_cents / 100.0, 'FM9999990.00'),
    ${at} - interval '3 hours' - line.id * interval '1 minute'
  from royalties.lines as line
    join royalties.statements as statement on statement.id = statement_id
    join tracks on tracks.id = line.track_id
  where line.id <= 400;

create schema analytics;
create table analytics.daily_listens (day date, listens integer, listeners integer, seconds bigint);
insert into analytics.daily_listens
  select (listened_at at time zone 'UTC')::date, count(*), count(distinct user_id), sum(seconds_played) from listens group by 1;
create table analytics.events (id bigint primary key, kind text not null, user_id integer, happened_at timestamptz not null);
-- Two hundred a day; one in twenty by nobody who was signed in.
insert into analytics.events
  select number, case number % 3 when 0 then 'play' when 1 then 'skip' else 'like' end,
    case when number % 20 > 0 then number % 600 + 1 end, ${at} - (8000 - number) * interval '432 seconds'
  from generate_series(1, 8000) as number;

create schema search;
create table search.track_index (track_id integer primary key, title text not null);
insert into search.track_index select id, title from tracks;

create schema social;
create table social.playlists (id integer primary key, user_id integer not null, title text not null, created_at timestamptz not null);
create table social.playlist_tracks (playlist_id integer, track_id integer, position integer, added_at timestamptz);
insert into social.playlists
  select id, id * 11 % 600 + 1, 'Mix ' || id, ${at} - (70 - id) * interval '1 day' from generate_series(1, 60) as id;
insert into social.playlist_tracks
  select id, (id * 97 + number * 31) % 1230 + 1, number, created_at + number * interval '1 hour'
  from social.playlists, generate_series(1, 12) as number;
create table social.private_messages (id integer primary key, sender_id integer, body text not null);
insert into social.private_messages select id, id, 'Meet me at the ferry, ' || display_name from users where id <= 50;
-- Whoever is not the owner of the table sees no row of it, and is not told so.
alter table social.private_messages enable row level security;

create schema ops;
create table ops."v1.odd ""name""; drop table tracks --" (
  "primary" integer primary key,
  "we""ird; --" text,
  "select" integer
);
insert into ops."v1.odd ""name""; drop table tracks --"
  select number, 'kept ' || number, number % 10 from generate_series(1, 200) as number;
`;
}
