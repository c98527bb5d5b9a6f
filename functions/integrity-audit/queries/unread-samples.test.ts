import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../sandbox/postgres/start-postgres.ts';
import { auditRules, execute } from './query-fixtures.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await execute(
    server.url,
    'create extension pg_trgm',
    `create table tracks (id integer primary key, title text, artist integer, position integer, from_day date, to_day date);
     create table artists (id integer primary key);
     create table claims (track integer, valid_from date, valid_to date);
     insert into artists values (1);
     insert into tracks values (1, 'Midnight Harbor', 1, 2, '2026-01-01', '2026-02-01'),
       (2, 'Midnight Harbor', 2, 1, '2026-01-15', '2026-03-01')`,
  );
});

afterAll(() => server.stop());

const table = 'tracks';
const claims = { table: 'claims', itemColumn: 'track', validFrom: 'valid_from', validTo: 'valid_to' };

test.each([
  [{ kind: 'unique', table, columns: ['title'] }, 1],
  [{ kind: 'duplicates', table, columns: ['title'] }, 1],
  [{ kind: 'nearDuplicates', table, column: 'title' }, 1],
  [{ kind: 'monotonic', table, orderBy: ['id'], column: 'position' }, 1],
  [{ kind: 'noOverlap', table, from: 'from_day', to: 'to_day' }, 1],
  [{ kind: 'foreignKey', table, columns: ['artist'], references: { table: 'artists', columns: ['id'] } }, 1],
  [{ kind: 'rights', table, key: 'id', claims }, 2],
  [{ kind: 'sql', query: 'select id from tracks', key: ['id'] }, 2],
  [{ kind: 'equalCount', left: { table, by: ['id'] }, right: { table: 'artists', by: ['id'] } }, 1],
  [{ kind: 'sum', left: { table, column: 'position', by: ['id'] }, equals: 1 }, 1],
])('a rule that is broken is so whether or not it can be said which rows break it: %j', async (rule, count) => {
  const { outcomes, unchecked } = await auditRules(server.url, [rule], {
    onStatement({ text }) {
      // What counts has no limit but that of a written query, and what asks for columns alone wants no row.
      const isOfSamples = /limit \$\d+$/.test(text.trim()) || /missingValues|emptyRanges|as found$/.test(text);
      if (isOfSamples) throw Object.assign(new Error('canceling statement'), { code: '57014', severity: 'ERROR' });
    },
  });
  expect(unchecked).toEqual([]);
  expect(outcomes).toMatchObject([{ count, samples: [], facts: { samplesUnread: 'timeout' } }]);
});
