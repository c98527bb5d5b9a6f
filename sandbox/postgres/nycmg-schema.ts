/** Tables of the NYCMG sample database, in an order in which they can be filled. */
export const nycmgTables = [
  'boroughs',
  'neighborhoods',
  'artists',
  'albums',
  'tracks',
  'rights',
  'users',
  'listens',
] as const;

/** Name of one of them. */
export type NycmgTable = (typeof nycmgTables)[number];

/** Creates the tables; what is needed to be fast with data in them comes with {@link nycmgIndexes}. */
export const nycmgSchema = `
create table boroughs (
  id smallint primary key,
  name text not null unique,
  county text not null unique
);

create table neighborhoods (
  id integer primary key,
  borough_id smallint not null references boroughs,
  name text not null,
  latitude numeric(8, 5) not null check (latitude between -90 and 90),
  longitude numeric(8, 5) not null check (longitude between -180 and 180),
  unique (borough_id, name)
);

create table artists (
  id integer primary key,
  name text not null,
  neighborhood_id integer not null references neighborhoods,
  founded_year smallint not null,
  created_at timestamptz not null
);

create table albums (
  id integer primary key,
  artist_id integer not null references artists,
  title text not null,
  released_on date not null,
  created_at timestamptz not null
);

create table tracks (
  id integer primary key,
  album_id integer not null references albums,
  position smallint not null check (position > 0),
  title text not null,
  duration_seconds integer not null check (duration_seconds > 0),
  isrc char(12) not null unique,
  s3_key text not null unique,
  size_bytes bigint not null check (size_bytes > 0),
  sha256 char(64) not null check (sha256 ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null,
  unique (album_id, position)
);

create table rights (
  id integer primary key,
  track_id integer not null references tracks,
  kind text not null check (kind in ('master', 'publishing')),
  holder text not null,
  share_percent numeric(5, 2) not null check (share_percent > 0 and share_percent <= 100),
  valid_from date not null,
  -- The first day on which the right no longer holds; null for one without end.
  valid_to date check (valid_to > valid_from)
);

create table users (
  id integer primary key,
  email text not null unique,
  display_name text not null,
  neighborhood_id integer references neighborhoods,
  created_at timestamptz not null,
  deactivated_at timestamptz check (deactivated_at > created_at)
);

create table listens (
  id bigint primary key,
  user_id integer not null references users,
  track_id integer not null references tracks,
  listened_at timestamptz not null,
  seconds_played integer not null check (seconds_played >= 0)
);
`;

/** Indexes the foreign keys and what is searched by time. */
export const nycmgIndexes = `
create index artists_neighborhood_id on artists (neighborhood_id);
create index albums_artist_id on albums (artist_id);
create index rights_track_id on rights (track_id);
create index rights_valid_to on rights (valid_to);
create index users_neighborhood_id on users (neighborhood_id);
create index users_deactivated_at on users (deactivated_at) where deactivated_at is not null;
create index listens_user_id on listens (user_id);
create index listens_track_id on listens (track_id);
create index listens_listened_at on listens (listened_at);
`;
