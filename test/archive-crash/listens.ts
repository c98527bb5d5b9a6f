import { Client } from 'pg';

/** What is known of a row of listens, and of its claps: their ids and notes. */
export interface Listen {
  readonly id: number;
  /** Seconds since 1970. */
  at: number;
  note: string;
  readonly claps: Map<number, string>;
}

export const schema = `
  create table listens (id bigint primary key, listened_at timestamptz not null, note text);
  create index listens_listened_at on listens (listened_at, id);
  create table claps (id bigint primary key, listen_id bigint not null references listens, note text);
  create index claps_listen_id on claps (listen_id)`;

/** When the rows begin that every policy takes, seconds since 1970. */
const oldSeconds = Date.UTC(2024, 0, 1) / 1000;
const youngSeconds = Date.UTC(2026, 10, 1) / 1000;

/** What its writers have done to a table, and so what has to be there or in an archive. */
export class Listens {
  /** That were not deleted by a writer. */
  readonly rows = new Map<number, Listen>();
  /** That were. */
  readonly deleted = new Set<number>();
  inserted = 0;
  updated = 0;
  #lastId = 0;
  #lastClap = 0;
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Adds rows that are past their retention, some with claps. */
  async fill(client: Client, count: number): Promise<void> {
    const first = this.#lastId + 1;
    const added: Listen[] = [];
    for (let index = 0; index < count; index += 1) {
      const id = first + index;
      const claps = new Map<number, string>();
      for (let clap = id % 3; clap > 0; clap -= 1) claps.set(this.#nextClap(), `clap for ${id}`);
      added.push({ id, at: oldSeconds + id * 7, note: `listen ${id}`, claps });
    }
    await client.query('begin');
    await client.query(
      'insert into listens select id, to_timestamp(at), note from unnest($1::bigint[], $2::float8[], $3::text[]) as n (id, at, note)',
      [added.map(({ id }) => id), added.map(({ at }) => at), added.map(({ note }) => note)],
    );
    const claps = added.flatMap(({ id, claps: own }) => [...own].map(([clap, note]) => ({ clap, id, note })));
    await client.query('insert into claps select * from unnest($1::bigint[], $2::bigint[], $3::text[])', [
      claps.map(({ clap }) => clap),
      claps.map(({ id }) => id),
      claps.map(({ note }) => note),
    ]);
    await client.query('commit');
    for (const row of added) this.rows.set(row.id, row);
    this.inserted += added.length;
    this.#lastId = first + count - 1;
  }

  /** Changes the oldest row that is in the table. */
  async changeOne(client: Client): Promise<void> {
    const { rows } = await client.query<{ id: string }>(
      "update listens set note = 'changed' where id = (select id from listens order by listened_at, id limit 1) returning id",
    );
    const row = this.rows.get(Number(rows[0]?.id));
    if (row === undefined) throw new Error('there is no row to change');
    row.note = 'changed';
    this.updated += 1;
  }

  #nextClap(): number {
    this.#lastClap += 1;
    return this.#lastClap;
  }

  /** Begins to write without a pause, as two people at once; returns what ends it. */
  write(): { stop(): Promise<void> } {
    let isEnded = false;
    const writers = [0, 1].map(async (writer) => {
      const client = new Client(this.#url);
      await client.connect();
      try {
        for (let turn = 0; !isEnded; turn += 1) {
          await this.#attempt(client, writer, turn);
          // A server that does nothing but this would show nothing.
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      } finally {
        await client.end();
      }
    });
    return {
      async stop() {
        isEnded = true;
        await Promise.all(writers);
      },
    };
  }

  /** What fails is undone, and was never said to be done. */
  async #attempt(client: Client, writer: number, turn: number): Promise<void> {
    try {
      await client.query('begin');
      const done = await this.#change(client, writer, turn);
      await client.query('commit');
      done?.();
    } catch (error) {
      await client.query('rollback');
      // A row that is gone has no claps; and two who wait for each other are told.
      if (!['23503', '40P01'].includes(String((error as { code?: unknown }).code))) throw error;
    }
  }

  async #change(client: Client, writer: number, turn: number): Promise<(() => void) | undefined> {
    const kind = turn % 8;
    if (kind === 0) return this.#insert(client, writer, youngSeconds + turn);
    if (kind === 1 || kind === 2) return this.#insert(client, writer, oldSeconds + Math.floor(Math.random() * 400_000));
    const row = this.#any(writer);
    if (row === undefined) return undefined;
    if (kind === 3) return this.#delete(client, row);
    if (kind === 4) return this.#clap(client, row);
    if (kind === 5) return this.#unclap(client, row);
    const moves = kind === 6 ? 3_600 : 0;
    const note = `changed ${turn}`;
    const { rowCount } = await client.query(
      'update listens set note = $2, listened_at = to_timestamp($3) where id = $1',
      [row.id, note, row.at + moves],
    );
    if (rowCount === 0) return undefined;
    return () => {
      row.note = note;
      row.at += moves;
      this.updated += 1;
    };
  }

  async #insert(client: Client, writer: number, at: number): Promise<() => void> {
    // Each has numbers of its own.
    const id = 1_000_000_000 + 2 * this.#nextClap() + writer;
    const row: Listen = { id, at, note: `late ${id}`, claps: new Map() };
    await client.query('insert into listens values ($1, to_timestamp($2), $3)', [id, at, row.note]);
    if (id % 4 < 2) {
      const clap = this.#nextClap();
      row.claps.set(clap, 'early');
      await client.query('insert into claps values ($1, $2, $3)', [clap, id, 'early']);
    }
    return () => {
      this.rows.set(id, row);
      this.inserted += 1;
    };
  }

  async #delete(client: Client, row: Listen): Promise<(() => void) | undefined> {
    await client.query('delete from claps where listen_id = $1', [row.id]);
    const { rowCount } = await client.query('delete from listens where id = $1', [row.id]);
    if (rowCount === 0) return undefined;
    return () => {
      this.rows.delete(row.id);
      this.deleted.add(row.id);
    };
  }

  async #clap(client: Client, row: Listen): Promise<() => void> {
    const clap = this.#nextClap();
    await client.query('insert into claps values ($1, $2, $3)', [clap, row.id, 'late']);
    return () => void row.claps.set(clap, 'late');
  }

  async #unclap(client: Client, row: Listen): Promise<(() => void) | undefined> {
    const [clap] = row.claps.keys();
    if (clap === undefined) return undefined;
    const { rowCount } = await client.query('delete from claps where id = $1', [clap]);
    return rowCount === 0 ? undefined : () => void row.claps.delete(clap);
  }

  /** Each writer has rows of its own, so that what is known of them is what the server did last. */
  #any(writer: number): Listen | undefined {
    const own = [...this.rows.keys()].slice(-6_000).filter((id) => id % 2 === writer);
    const id = own[Math.floor(Math.random() * own.length)];
    return id === undefined ? undefined : this.rows.get(id);
  }
}
