import type { ClientBase } from 'pg';
import type { NycmgData } from './nycmg-data.ts';
import { nycmgIndexes, nycmgSchema, nycmgTables } from './nycmg-schema.ts';

/**
 * Creates the NYCMG tables in the first schema of the search path and fills them, in one transaction with one statement
 * for each table; the planner's statistics are up to date afterwards.
 */
export async function loadNycmg(client: ClientBase, data: NycmgData): Promise<void> {
  await client.query(`begin; ${nycmgSchema}`);
  for (const table of nycmgTables) {
    const insert = `insert into ${table} select * from json_populate_recordset(null::${table}, $1::json)`;
    await client.query(insert, [JSON.stringify(data[table])]);
  }
  await client.query(`${nycmgIndexes} commit`);
  await client.query('analyze');
}
