import pg from 'pg';
import type { BenchRule } from './tracks.ts';

/** What reading a table in one way took, and asked of the server. */
export interface Reading {
  readonly seconds: number;
  /** Rows counted by the id of each rule on rows; nothing where nothing was told apart. */
  readonly violations: Readonly<Record<string, number>>;
  readonly statements: number;
}

export type Peer = (url: string) => Promise<Reading>;

/** Asks for each rule by a statement of its own, as a test generated from the rule does. */
export function oneStatementPerRule(rules: readonly BenchRule[]): Peer {
  return (url) =>
    timed(url, rules.length, async (client) => {
      const violations: Record<string, number> = {};
      for (const { declared, value, where } of rules) {
        const { rows } = await client.query<{ value: string }>(
          `select ${value} as value from tracks${where === undefined ? '' : ` where ${where}`}`,
        );
        if (isOnRows(declared)) violations[declared.id] = Number(rows[0]?.value);
      }
      return violations;
    });
}

/** Asks for all of them at once, each as it is written. */
export function oneStatementWithFilters(rules: readonly BenchRule[]): Peer {
  return (url) =>
    timed(url, 1, async (client) => {
      const values = rules.map(
        ({ value, where }, index) => `${value}${where === undefined ? '' : ` filter (where ${where})`} as v${index}`,
      );
      const { rows } = await client.query<Record<string, string>>(`select count(*), ${values.join(', ')} from tracks`);
      return Object.fromEntries(
        rules.flatMap(({ declared }, index) =>
          isOnRows(declared) ? [[declared.id, Number(rows[0]?.[`v${index}`])]] : [],
        ),
      );
    });
}

/** Counts the rows, as PostgreSQL prefers: by an index, where most of the table's pages are known to be visible to all. */
export const countRows: Peer = (url) =>
  timed(url, 1, async (client) => {
    await client.query('select count(*) from tracks');
    return {};
  });

/** Counts them in the table itself. */
export const countHeapRows: Peer = (url) =>
  timed(
    url,
    1,
    async (client) => {
      await client.query('select count(*) from tracks');
      return {};
    },
    ['set enable_indexonlyscan = off', 'set enable_indexscan = off', 'set enable_bitmapscan = off'],
  );

function isOnRows({ kind }: BenchRule['declared']): boolean {
  return !['freshness', 'volume', 'distribution'].includes(String(kind));
}

async function timed(
  url: string,
  statements: number,
  read: (client: pg.Client) => Promise<Record<string, number>>,
  settings: readonly string[] = [],
): Promise<Reading> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const setting of settings) await client.query(setting);
    const startedAt = performance.now();
    const violations = await read(client);
    return { seconds: (performance.now() - startedAt) / 1000, violations, statements };
  } finally {
    await client.end();
  }
}
