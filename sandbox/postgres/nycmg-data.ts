import { createHash } from 'node:crypto';
import { boroughs } from './nycmg-places.ts';
import type { NycmgTable } from './nycmg-schema.ts';
import { SeededRandom } from './seeded-random.ts';

/** A row as JSON, with a key for each column; times are ISO 8601 in UTC. */
export type NycmgRow = Readonly<Record<string, string | number | null>>;

/** The rows of every table, in the order of their ids. */
export type NycmgData = Readonly<Record<NycmgTable, readonly NycmgRow[]>>;

const artistCount = 120;
const userCount = 600;
const listenCount = 5_000;
const msPerDay = 86_400_000;

/** Eighteen months: how far back listens reach. */
const listenDays = 548;

/** Splits a list that would otherwise take a line for each word. */
function list(text: string): string[] {
  return text.replaceAll(/\s+/g, ' ').trim().split(/ ?, ?/);
}

const adjectives = list(`
  Atlantic, Bodega, Cobblestone, Crosstown, Elevated, Gilded, Hudson, Midnight, Nostrand, Uptown
`);

const nouns = list(`
  Brownstones, Fire Escapes, Foghorns, Gridlock, Hydrants, Pigeons, Rooftops, Stoops, Turnstiles
`);

const givenNames = list(`
  Aaliyah, Ana, Carlos, Chaim, Danielle, Dmitri, Fatima, Giovanni, Imani, Jamal, Jin, José, Kwame, Leah, Luz,
  Malik, Mei, Miguel, Nadia, Niamh, Olga, Priya, Rafael, Rosa, Samir, Shanice, Siobhán, Tariq, Vincent, Yusuf
`);

const familyNames = list(`
  Acevedo, Ahmed, Baptiste, Chen, Cohen, Colón, D'Amico, Diallo, Esposito, Feldman, Garcia, Goldberg, Ivanov,
  Jackson, Kim, Kowalski, Lee, Martínez, Mensah, Morales, O'Brien, Okafor, Patel, Pierre, Rivera, Rossi, Singh,
  Washington, Williams, Wong
`);

const streets = list(`
  Amsterdam Avenue, Atlantic Avenue, Bedford Avenue, Bowery, Canal Street, Eastern Parkway, Flatbush Avenue,
  Fordham Road, Grand Concourse, Houston Street, Lenox Avenue, Ludlow Street, Malcolm X Boulevard, Northern
  Boulevard, Orchard Street, Roosevelt Avenue, Steinway Street, Victory Boulevard
`);

const titleOpenings = list(`
  Last Train to, Rain on, Letter from, Goodbye to, Dancing down, Morning on, Blackout on, Sunday on
`);

const titleEndings = list(`
  at Dawn, After Hours, in August, (Live), Revisited, No. 2
`);

const labels = list(`
  Five Points Records, Gowanus Sound, Hunts Point Music, Kill Van Kull, Tenth Avenue Tapes
`);

const publishers = list(`
  Brill Building Songs, Collect Pond Music, Spuyten Duyvil Songs, Tin Pan Publishing
`);

/**
 * Returns the NYCMG sample data, about 10,000 rows: the same for the same `now`, to which every time in it is relative.
 * It is sound in itself: the shares of each kind of right in a track add up to 100 % on every day since its release,
 * and nobody listened to a track before it was released, before they had an account or after it was deactivated.
 */
export function nycmgData(now: Date): NycmgData {
  const random = new SeededRandom(1898);
  const today = Math.floor(now.getTime() / 1000) * 1000;
  const daysAgo = (days: number) => today - Math.round(days * msPerDay);

  const neighborhoods = boroughs
    .flatMap((borough) => borough.neighborhoods.map((neighborhood) => ({ borough, neighborhood })))
    .map(({ borough, neighborhood: [name, latitude, longitude] }, index) => ({
      id: index + 1,
      borough_id: borough.id,
      name,
      latitude,
      longitude,
    }));

  const artists = sequenceOf(artistCount, (id) => {
    const releasesBegan = random.integer(200, 3_600);
    return {
      id,
      name: artistName(random, id),
      neighborhood_id: random.pick(neighborhoods).id,
      founded_year: new Date(daysAgo(releasesBegan + random.integer(100, 9_000))).getUTCFullYear(),
      created_at: isoTime(daysAgo(releasesBegan)),
      releasesBegan,
    };
  });

  const albums = artists.flatMap((artist) =>
    sequenceOf(random.integer(1, 3), () => {
      const releasedAt = daysAgo(random.integer(30, artist.releasesBegan));
      return { artist, title: trackTitle(random), releasedAt };
    }),
  );
  albums.sort((a, b) => a.releasedAt - b.releasedAt);

  const tracks = albums
    .flatMap((album, index) =>
      sequenceOf(random.integer(3, 7), (position) => ({
        album,
        albumId: index + 1,
        position,
        title: trackTitle(random),
      })),
    )
    .map((track, index) => ({ ...track, id: index + 1, durationSeconds: random.integer(95, 420) }));

  const rights = tracks.flatMap(({ id, album }) => rightsOf(random, id, album.releasedAt, today));

  const users = sequenceOf(userCount, (id) => {
    const createdAt = daysAgo(30 + random.next() * 1_000);
    const isDeactivated = random.chance(0.1);
    const deactivatedAt = isDeactivated
      ? createdAt + msPerDay + Math.floor(random.next() * (today - createdAt - msPerDay))
      : null;
    return { id, givenName: random.pick(givenNames), familyName: random.pick(familyNames), createdAt, deactivatedAt };
  });

  const listenTimes = sequenceOf(listenCount, () => daysAgo(random.next() * listenDays)).sort((a, b) => a - b);
  const listens = listenTimes.map((time, index) => {
    const user = pickWhere(random, users, 1, (one) => one.createdAt <= time && time < (one.deactivatedAt ?? Infinity));
    const track = pickWhere(random, tracks, 2, (one) => one.album.releasedAt <= time);
    return {
      id: index + 1,
      user_id: user.id,
      track_id: track.id,
      listened_at: isoTime(time),
      seconds_played: random.chance(0.7) ? track.durationSeconds : random.integer(1, track.durationSeconds),
    };
  });

  return {
    boroughs: boroughs.map(({ id, name, county }) => ({ id, name, county })),
    neighborhoods,
    artists: artists.map(({ releasesBegan: _, ...artist }) => artist),
    albums: albums.map(({ artist, title, releasedAt }, index) => ({
      id: index + 1,
      artist_id: artist.id,
      title,
      released_on: isoDate(releasedAt),
      created_at: isoTime(releasedAt),
    })),
    tracks: tracks.map(({ id, album, albumId, position, title, durationSeconds }) => {
      const audio = trackAudio(id);
      return {
        id,
        album_id: albumId,
        position,
        title,
        duration_seconds: durationSeconds,
        isrc: `USNYC${isoDate(album.releasedAt).slice(2, 4)}${String(id).padStart(5, '0')}`,
        s3_key: `tracks/${String(id).padStart(6, '0')}/${slug(title)}.flac`,
        size_bytes: audio.length,
        sha256: createHash('sha256').update(audio).digest('hex'),
        created_at: isoTime(album.releasedAt),
      };
    }),
    rights: rights.map((right, index) => ({ id: index + 1, ...right })),
    users: users.map(({ id, givenName, familyName, createdAt, deactivatedAt }) => ({
      id,
      email: `${slug(givenName)}.${slug(familyName)}.${id}@example.com`,
      display_name: `${givenName} ${familyName}`,
      neighborhood_id: random.chance(0.9) ? random.pick(neighborhoods).id : null,
      created_at: isoTime(createdAt),
      deactivated_at: deactivatedAt === null ? null : isoTime(deactivatedAt),
    })),
    listens,
  };
}

/**
 * Returns what is stored under the S3 key of a track: a few kilobytes that stand for its audio, the same in every run.
 * `size_bytes` and `sha256` of the track are theirs.
 */
export function trackAudio(trackId: number): Buffer {
  const random = new SeededRandom(trackId);
  const audio = Buffer.alloc(4 * random.integer(256, 1_024));
  audio.write('fLaC', 'latin1');
  for (let offset = 4; offset < audio.length; offset += 4) audio.writeUInt32BE(random.integer(0, 0xffff_ffff), offset);
  return audio;
}

interface Right {
  readonly track_id: number;
  readonly kind: 'master' | 'publishing';
  readonly holder: string;
  readonly share_percent: number;
  readonly valid_from: string;
  readonly valid_to: string | null;
}

function rightsOf(random: SeededRandom, trackId: number, releasedAt: number, today: number): Right[] {
  const released = isoDate(releasedAt);
  const rights: Right[] = [];
  const add = (kind: Right['kind'], holder: string, share: number, from: string, to: string | null) =>
    rights.push({ track_id: trackId, kind, holder, share_percent: share, valid_from: from, valid_to: to });

  const ageDays = Math.floor((today - releasedAt) / msPerDay);
  if (ageDays > 1_000 && random.chance(0.3)) {
    const sold = isoDate(releasedAt + random.integer(365, ageDays - 30) * msPerDay);
    add('master', random.pick(labels), 100, released, sold);
    add('master', random.pick(labels), 100, sold, null);
  } else {
    const ends = random.chance(0.5) ? isoDate(today + random.integer(400, 4_000) * msPerDay) : null;
    add('master', random.pick(labels), 100, released, ends);
  }
  const share = random.pick([100, 100, 50, 62.5, 75]);
  const first = random.integer(0, publishers.length - 1);
  add('publishing', publishers[first] as string, share, released, null);
  if (share < 100)
    add('publishing', publishers[(first + 1) % publishers.length] as string, 100 - share, released, null);
  return rights;
}

function artistName(random: SeededRandom, id: number): string {
  if (random.chance(0.5)) return `${random.pick(givenNames)} ${random.pick(familyNames)}`;
  const name = `The ${random.pick(adjectives)} ${random.pick(nouns)}`;
  return id % 7 === 0 ? `${name} ${id}` : name;
}

function trackTitle(random: SeededRandom): string {
  const title = `${random.pick(titleOpenings)} ${random.pick(streets)}`;
  return random.chance(0.4) ? `${title} ${random.pick(titleEndings)}` : title;
}

function sequenceOf<T>(count: number, make: (number: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}

function pickWhere<T>(random: SeededRandom, elements: readonly T[], skew: number, fits: (element: T) => boolean): T {
  const fitting = elements.filter(fits);
  return random.pick(fitting, skew);
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}

function isoDate(time: number): string {
  return isoTime(time).slice(0, 10);
}

function slug(text: string): string {
  const ascii = text.normalize('NFD').replaceAll(/\p{Diacritic}/gu, '');
  return ascii
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}
