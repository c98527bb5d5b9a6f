import pg from 'pg';
import { type BenchRule, table } from './tracks.ts';

/** What reading the table in one way took, and found. */
export interface Reading {
  readonly seconds: number;
  /** Rows counted by the id of each rule on rows; undefined where nothing was told apart. */
  readonly violations: Readonly<Record<string, number>> | undefined;
}

export type Peer = (url: string) => Promise<Reading>;

/** Asks for each rule by a statement of its own, as a test generated from the rule does. */
export function oneStatementPerRule(rules: readonly BenchRule[]): Peer {
  return (url) =>
    timed(url, async (client) => {
      const violations: Record<string, number> = {};
      for (const { declared, value, where } of rules) {
        const { rows } = await client.query<{ value: string }>(
          `select ${value} as value from ${table}${where === undefined ? '' : ` where ${where}`}`,
        );
        if (isOnRows(declared)) violations[declared.id] = Number(rows[0]?.value);
      }
      return violations;
    });
}

/** Asks for all of them at once, each as it is written. */
export function oneStatementWithFilters(rules: readonly BenchRule[]): Peer {
  return (url) =>
    timed(url, async (client) => {
      const values = rules.map(
        ({ value, where }, index) => `${value}${where === undefined ? '' : ` filter (where ${where})`} as v${index}`,
      );
      const { rows } = await client.query<Record<string, string>>(
        `select count(*), ${values.join(', ')} from ${table}`,
      );
      return Object.fromEntries(
        rules.flatMap(({ declared }, index) =>
          isOnRows(declared) ? [[declared.id, Number(rows[0]?.[`v${index}`])]] : [],
        ),
      );
    });
}

/** Counts what each column that a rule is about has of values: the least that can be asked of all these columns. */
export function countColumns(rules: readonly BenchRule[]): Peer {
  const columns = new Set(rules.map(({ declared }) => String(declared.column)));
  const values = [...columns].map((column) => `count(${column})`);
  return (url) =>
    timed(url, async (client) => {
      await client.query(`select ${values.join(', ')} from ${table}`);
      return undefined;
    });
}

const count = `select count(*) from ${table}`;

const fromHeap = ['set enable_indexonlyscan = off', 'set enable_indexscan = off', 'set enable_bitmapscan = off'];

/** Counts the rows as PostgreSQL prefers: by an index, where most pages of the table are known to be visible to all. */
export const countRows: Peer = (url) => counted(url, []);

/** Counts them in the table itself. */
export const countHeapRows: Peer = (url) => counted(url, fromHeap);

/** Returns how PostgreSQL would count them as it prefers: `Parallel Index Only Scan with 2 workers`, for instance. */
export async function planOfCount(client: pg.Client): Promise<string> {
  const { rows } = await client.query<Record<'QUERY PLAN', string>>(`explain ${count}`);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  const scan = /(?<scan>\w[\w ]* Scan)\b/.exec(plan)?.groups?.scan ?? plan;
  return `${scan} with ${/Workers Planned: (?<workers>\d+)/.exec(plan)?.groups?.workers ?? 0} workers`;
}

function counted(url: string, settings: readonly string[]): Promise<Reading> {
  return timed(
    url,
    async (client) => {
      await client.query(count);
      return undefined;
    },
    settings,
  );
}

function isOnRows({ kind }: BenchRule['declared']): boolean {
  return !['freshness', 'volume', 'distribution'].includes(String(kind));
}

async function timed(
  url: string,
  read: (client: pg.Client) => Promise<Reading['violations']>,
  settings: readonly string[] = [],
): Promise<Reading> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const setting of settings) await client.query(setting);
    const startedAt = performance.now();
    const violations = await read(client);
    return { seconds: (performance.now() - startedAt) / 1000, violations };
  } finally {
    await client.end();
  }
}
