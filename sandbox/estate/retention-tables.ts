import { auditRoleName, writerRoleName } from './integrity-databases.ts';
import { everyTypeSql } from './retention-every-type.ts';

/** Returns SQL that lays tables with data past its retention beside the platform's, in schemas of their own; times are relative to `now`. */
export function retentionTables(now: Date): string {
  const at = `timestamptz '${now.toISOString()}'`;
  return `
create schema history;
create schema ops_logs;
create schema audit;
create schema accounts;
create schema metrics;

create table history.listens (
  id bigint generated always as identity primary key,
  user_id integer not null,
  track_id integer not null,
  listened_at timestamptz not null,
  seconds_played integer not null,
  source text
);
-- Twenty months, four hundred listens each; the thirteenth ends between two of them.
insert into history.listens (user_id, track_id, listened_at, seconds_played, source)
  select number * 7 % 600 + 1, number * 13 % 1230 + 1, ${at} - interval '13 months' + (number - 2813.5) * interval '109 minutes 30 seconds',
    number * 31 % 420, case number % 5 when 0 then null when 1 then '' else 'radio ' || number % 17 end
  from generate_series(1, 8000) as number;
create index listens_listened_at on history.listens (listened_at, id);
create table history.listen_devices (
  listen_id bigint not null references history.listens,
  position smallint not null,
  device text not null,
  primary key (listen_id, position)
);
insert into history.listen_devices
  select id, position, case position when 1 then 'turntable' else 'phone' end
  from history.listens, generate_series(1, 2) as position where id % 3 = 0;

create table history.playback_errors (
  id bigint generated always as identity primary key,
  occurred_at timestamptz not null,
  code text not null
);
insert into history.playback_errors (occurred_at, code)
  select ${at} - number * interval '5 days', 'E' || number % 9 from generate_series(1, 500) as number;
create index playback_errors_occurred_at on history.playback_errors (occurred_at, id);

${dailyRows(at, { table: 'chat_messages', age: 'sent_at', text: 'text', word: 'message' })}
create index chat_messages_sent_at on history.chat_messages (sent_at, id);

${dailyRows(at, { table: 'royalty_notes', age: 'noted_at', text: 'note', word: 'note' })}
create index royalty_notes_noted_at on history.royalty_notes (noted_at, id);

${dailyRows(at, { table: 'search_terms', age: 'searched_at', text: 'term', word: 'term' })}
create table history.payments (
  id bigint generated always as identity primary key,
  paid_at timestamptz not null
);
create index payments_paid_at on history.payments (paid_at, id);
${everyTypeSql(at)}

create table audit.events (
  id uuid primary key,
  happened_at timestamptz not null,
  actor text not null,
  action text not null,
  detail jsonb
);
insert into audit.events
  select md5('event ' || number)::uuid, ${at} - number * interval '6 hours', 'user-' || number % 40, 'grant',
    jsonb_build_object('number', number, 'to', 'user-' || number % 37)
  from generate_series(1, 2200) as number;
create index events_happened_at on audit.events (happened_at, id);

create table ops_logs.entries (
  id bigint generated always as identity primary key,
  -- Of the clocks in the studio, which are New York's.
  logged_at timestamp not null,
  level text not null,
  message text not null
);
insert into ops_logs.entries (logged_at, level, message)
  select (${at} at time zone 'America/New_York') - number * interval '20 minutes', case number % 11 when 0 then 'error' else 'info' end,
    'line ' || number
  from generate_series(1, 3600) as number;
create index entries_logged_at on ops_logs.entries (logged_at, id);

create table accounts.sessions (
  token uuid primary key,
  user_id integer not null,
  last_seen_at timestamptz not null
);
insert into accounts.sessions
  select md5('session ' || number)::uuid, number % 600 + 1, ${at} - number * interval '3 hours' from generate_series(1, 1800) as number;
create index sessions_last_seen_at on accounts.sessions (last_seen_at, token);

create table accounts.user_uploads (
  id bigint primary key,
  object_key text not null,
  created_at timestamptz not null
);
insert into accounts.user_uploads
  select number, 'incoming/' || lpad(number::text, 4, '0') || '.wav', ${at} - interval '100 days' from generate_series(1, 60) as number;
create unique index user_uploads_object_key on accounts.user_uploads (object_key);

-- Rows of a partition go with it.
create table metrics.plays (track_id integer not null, played_on date not null, plays integer not null)
  partition by range (played_on);
do $$
declare
  month date := date_trunc('month', (${at} at time zone 'UTC')::date - interval '6 months')::date;
begin
  for number in 1..8 loop
    execute format('create table metrics.%I partition of metrics.plays for values from (%L) to (%L)',
      'plays_' || to_char(month, 'YYYY_MM'), month, (month + interval '1 month')::date);
    month := (month + interval '1 month')::date;
  end loop;
end $$;
insert into metrics.plays
  select track_id, (${at} at time zone 'UTC')::date - day, track_id * day % 97
  from generate_series(0, 150) as day, generate_series(1, 10) as track_id;
create index plays_played_on on metrics.plays (played_on);

grant pg_monitor to ${writerRoleName};
grant usage on schema history, ops_logs, audit, accounts, metrics to ${auditRoleName};
grant select on all tables in schema history, ops_logs, audit, accounts, metrics to ${auditRoleName};
grant select on all sequences in schema history, ops_logs, audit, accounts, metrics to ${auditRoleName};
revoke select on history.payments from ${auditRoleName};
-- Whoever detaches a partition has to own it and what it is a part of.
alter schema metrics owner to ${writerRoleName};
do $$
declare owned regclass;
begin
  for owned in select oid from pg_class where relnamespace = 'metrics'::regnamespace and relkind in ('r', 'p') loop
    execute format('alter table %s owner to ${writerRoleName}', owned);
  end loop;
  -- A drill restores into a schema of its own.
  execute format('grant create on database %I to ${writerRoleName}', current_database());
end $$;
analyze;
`;
}

/** Returns SQL that makes a table with one row a day; an index on its age is a case of its own. */
function dailyRows(
  at: string,
  { table, age, text, word }: Readonly<Record<'table' | 'age' | 'text' | 'word', string>>,
): string {
  return `create table history.${table} (
  id bigint generated always as identity primary key,
  ${age} timestamptz not null,
  ${text} text not null
);
insert into history.${table} (${age}, ${text})
  select ${at} - number * interval '1 day', '${word} ' || number from generate_series(1, 600) as number;`;
}
