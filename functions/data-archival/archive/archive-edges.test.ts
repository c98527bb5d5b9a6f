import { zstdDecompressSync } from 'node:zlib';
import { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accessDenied, internalError } from '../../../sandbox/s3/server-faults.ts';
import { pause, resume } from '../../../shared/retention/pause.ts';
import { policyOutcomeSchema } from '../../../shared/retention/policy-outcome.ts';
import { UncheckedError } from '../../../shared/unchecked-error.ts';
import { archiveBucket, parsePolicy } from '../context-fixtures.ts';
import { type ArchivePlace, ledgerOf, startArchivePlace, withClaps } from './archive-fixtures.ts';
import { archivePolicy } from './archive-policy.ts';

let at: ArchivePlace;

beforeAll(async () => {
  at = await startArchivePlace();
});

afterAll(() => at?.[Symbol.asyncDispose]());

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

async function manifests(policy = 'old-listens') {
  const bucket = at.s3.bucket(archiveBucket);
  return [...bucket.keysFrom(`archives/${policy}/`)]
    .filter((key) => key.endsWith('manifest.json'))
    .map((key) => JSON.parse(bucket.read(key).toString()));
}

describe('rows of all kinds', () => {
  it('of which there are none make no archive', async () => {
    await at.reset(0);
    expect(await at.archive()).toMatchObject({ state: 'done', planned: 0, archived: 0, faults: [], unchecked: [] });
    expect([...at.s3.bucket(archiveBucket).keysFrom('')]).toEqual([]);
  });

  it('go into archives of a single one', async () => {
    await at.reset(3);
    expect(await at.archive({ policy: parsePolicy({ ...withClaps, rowsPerArchive: 1 }) })).toMatchObject({
      state: 'done',
      deleted: 3,
    });
    expect(await manifests()).toHaveLength(3);
    expect((await at.archived()).keys).toEqual(['1', '2', '3']);
  });

  it('that are all of one age are told apart by keys of several columns, in tables with any names', async () => {
    await at.reset(0);
    await at.admin.query(`drop schema if exists "my ""music""" cascade; create schema "my ""music""";
      create table "my ""music"""."a.b; listens" ("key 1" text, "KEY" boolean, "when?" date not null, "$1" jsonb,
        primary key ("key 1", "KEY"));
      create index "by age" on "my ""music"""."a.b; listens" ("when?", "key 1", "KEY");
      create table "my ""music"""."claps'" ("k2" boolean, k1 text, foreign key (k1, "k2") references "my ""music"""."a.b; listens");
      create index on "my ""music"""."claps'" (k1, k2);
      insert into "my ""music"""."a.b; listens" select 'é''\\' || n, b, '2024-05-05', '{"a": "\\u00e9"}'
        from generate_series(1, 700) n, unnest(array[true, false]) b;
      insert into "my ""music"""."claps'" select "KEY", "key 1" from "my ""music"""."a.b; listens" where "KEY"`);
    const policy = parsePolicy({
      id: 'quoted',
      table: 'my "music".a.b; listens',
      ageColumn: 'when?',
      index: 'by age',
      where: `"$1" is not null`,
      children: [{ table: `my "music".claps'`, columns: ['k1', 'k2'] }],
      rowsPerArchive: 500,
    });
    const outcome = await at.archive({
      policy,
      // A key whose text COPY writes otherwise than a cast does.
      onStep: async (step) => {
        if (step !== 'archive-recorded') return;
        await at.admin.query(`update "my ""music"""."a.b; listens" set "$1" = '1' where "key 1" = 'é''\\1' and "KEY"`);
      },
    });
    expect(outcome).toMatchObject({ state: 'stopped', unchecked: [], faults: [{ rule: 'row-changed' }] });
    expect(await at.archive({ policy })).toMatchObject({ state: 'done', unchecked: [], deleted: 1_400 });
    const { keys, excluded, children } = await at.archived('quoted');
    expect([keys.length, new Set(keys).size, children.length]).toEqual([1_400, 1_400, 700]);
    expect(excluded).toEqual(["é'\\1,t"]);
  });

  it('are copied as COPY writes them, whatever their columns are of', async () => {
    await at.reset(0);
    await at.admin.query(`drop table if exists measured; drop domain if exists moment, timestamp_known;
      create domain moment as timestamp; create domain timestamp_known as boolean;
      create table measured (id int primary key, at timestamptz not null, local timestamp(2), was moment, times timestamp[],
        ratio double precision, share real, doc jsonb, docs jsonb[], amount numeric, word text,
        known timestamp_known);
      create index measured_age on measured (at, id);
      insert into measured select n, '2024-01-01'::timestamptz + n * interval '1.000001 s',
        (array['infinity', '-infinity', '4713-01-01 BC', '294276-12-31 23:59:59.999999', null])[1 + n % 5]::timestamp,
        (array['2024-02-29 24:00', null])[1 + n % 2]::timestamp, array['2024-01-01', null]::timestamp[],
        (array['NaN', '-0', 'Infinity', '1e300', '0.1', '-5e-324', null])[1 + n % 7]::float8,
        (array['NaN', '-0', '-Infinity', '1e-45', '0.1', null])[1 + n % 6]::float4,
        (array['{"b": [1.10, "\\t\\n\\\\ \\" ü"], "a": null}', '"x"', '1e400', 'null', null])[1 + n % 5]::jsonb,
        array['{"a": "b c"}', null]::jsonb[], (array['1.10', 'NaN', '1e-20', null])[1 + n % 4]::numeric, nullif(n, 5), n % 2 = 0
      from generate_series(1, 2100) n`);
    const columns = 'id, at, local, was, times, ratio, share, doc, docs, amount, word, known';
    const client = new Client({ connectionString: at.url, options: '-c timezone=UTC -c extra_float_digits=1' });
    await client.connect();
    const before: Buffer[] = [];
    const query = `copy (select ${columns} from measured order by at, id) to stdout`;
    for await (const chunk of client.query(copyTo(query))) before.push(chunk as Buffer);
    await client.end();
    const policy = parsePolicy({ id: 'measured', table: 'measured', ageColumn: 'at', index: 'measured_age' });
    expect(await at.archive({ policy })).toMatchObject({ state: 'done', deleted: 2_100, faults: [], unchecked: [] });
    const [{ tables }] = await manifests('measured');
    const file = at.s3.bucket(archiveBucket).read(`archives/measured/00000001/${tables[0].file.name}`);
    expect(zstdDecompressSync(file).toString()).toBe(Buffer.concat(before).toString());
  });

  it('are taken in their order, whatever their columns are called', async () => {
    await at.reset(0);
    await at.admin.query(`create table bytes (up_to int, bytes date not null, to_hex text, bytes_up_to int, primary key (up_to));
      create index by_age on bytes (bytes, up_to);
      insert into bytes select n, '2024-01-01', 'x', n from generate_series(1, 1200) n`);
    const policy = parsePolicy({
      id: 'named',
      table: 'bytes',
      ageColumn: 'bytes',
      index: 'by_age',
      where: 'public.bytes.up_to > 0 and bytes.bytes is not null',
    });
    const outcome = await at.archive({
      policy,
      // So that there are fewer than are asked for.
      onStep: async (step) => {
        if (step === 'planned') await at.admin.query('delete from bytes where up_to = 1000');
      },
    });
    expect(outcome).toMatchObject({ state: 'done', deleted: 1_199, faults: [], unchecked: [] });
    const [{ range }] = await manifests('named');
    expect(range.upTo).toEqual(['2024-01-01', '1200']);
  });

  it('that are huge make archives of fewer rows', async () => {
    await at.reset(12);
    await at.admin.query(
      "update listens set note = (select string_agg(md5(id || ' ' || n), '') from generate_series(1, 32768) n)",
    );
    const policy = parsePolicy({ ...withClaps, bytesPerArchive: 4 * 1024 * 1024 });
    expect(await at.archive({ policy })).toMatchObject({ state: 'done', deleted: 12, faults: [] });
    const made = await manifests();
    expect(made.length).toBeGreaterThanOrEqual(4);
    for (const { tables } of made) expect(tables[0].file.uncompressedBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect((await at.archived()).keys).toHaveLength(12);
  });

  it('that get wider than the first ones make no larger archives either', async () => {
    await at.reset(400);
    await at.admin.query('update listens set note = repeat(md5(id::text), 1000) where id > 100');
    const policy = parsePolicy({ bytesPerArchive: 1024 * 1024, ...withClaps });
    expect(await at.archive({ policy })).toMatchObject({ state: 'done', deleted: 400, faults: [] });
    for (const { tables } of await manifests()) {
      expect(tables[0].file.uncompressedBytes).toBeLessThanOrEqual(1.1 * 1024 * 1024);
    }
    expect((await at.archived()).keys).toHaveLength(400);
  });

  it('are copied as Parquet too where that is wanted', async () => {
    await at.reset(30);
    expect(await at.archive({ policy: parsePolicy({ ...withClaps, parquet: true }) })).toMatchObject({ state: 'done' });
    const [{ parquet }] = await manifests();
    expect(parquet).toMatchObject([{ rows: 30 }, { rows: 20 }]);
  });
});

describe('what gets in the way', () => {
  beforeEach(() => at.reset(1_500));

  it.each(['CreateMultipartUpload', 'PutObject', 'UploadPart', 'ListObjectsV2', 'GetObject'])(
    'is a bucket that denies %s: nothing is deleted, and the policy is unchecked',
    async (operation) => {
      at.s3.fail({ operation, fault: accessDenied });
      // An upload of one part is no multipart upload.
      const outcome = await at.archive();
      if (outcome.state === 'done') expect(['CreateMultipartUpload', 'UploadPart']).toContain(operation);
      else {
        expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'access-denied' }] });
        expect(await at.ids()).toHaveLength(1_500);
      }
    },
  );

  it('is a part of a file that S3 refuses while rows are still on their way', async () => {
    await at.admin.query(
      "update listens set note = (select string_agg(md5(id || ' ' || n), '') from generate_series(1, 512) n)",
    );
    at.s3.fail({ operation: 'UploadPart', fault: accessDenied });
    const outcome = await at.archive();
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'access-denied' }] });
    expect(at.s3.bucket(archiveBucket).uploads.size).toBe(0);
    expect(await at.ids()).toHaveLength(1_500);
  });

  it('is a key that cannot be read', async () => {
    await at.admin.query("create database anything template template0 encoding 'SQL_ASCII' locale 'C'");
    const url = new URL(at.url);
    url.pathname = '/anything';
    const client = new Client({ connectionString: url.href });
    await client.connect();
    await client.query(`create table words (word text primary key, at date not null);
      create index words_at on words (at, word);
      insert into words select n || convert_from('\\xe4', 'SQL_ASCII'), '2024-05-05' from generate_series(1, 3) n`);
    const policy = parsePolicy({ id: 'words', table: 'words', ageColumn: 'at', index: 'words_at' });
    const databases = { main: { url: url.href, writer: { url: url.href } } };
    const outcome = await at.archive({ policy, context: { databases } });
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'encoding-unknown' }] });
    expect((await client.query('select from words')).rowCount).toBe(3);
    await client.end();
  });

  it('is a role that may not delete', async () => {
    await at.admin.query(`drop role if exists reader; create role reader login password 'reader';
      grant select on listens, claps to reader; grant connect on database postgres to reader`);
    const url = at.url.replace(/\/\/[^@]*@/, '//reader:reader@');
    const outcome = await at.archive({ context: { databases: { main: { url: at.url, writer: { url } } } } });
    expect(outcome).toMatchObject({
      state: 'stopped',
      archived: 0,
      deleted: 0,
      unchecked: [{ reason: 'access-denied' }],
    });
    expect(await at.ids()).toHaveLength(1_500);
    await at.admin.query('drop owned by reader');
  });

  it('is a database without a writer', async () => {
    const outcome = await at.archive({ context: { databases: { main: { url: at.url } } } });
    expect(outcome).toMatchObject({ state: 'stopped', unchecked: [{ reason: 'no-writer' }] });
  });

  it('is S3 when it fails in the middle: the next run makes good, and clears away what was left', async () => {
    const policy = parsePolicy({ ...withClaps, rowsPerArchive: 500 });
    const lift = at.s3.fail({ operation: 'PutObject', fault: internalError, afterRequests: 4 });
    const outcome = await at.archive({ policy });
    expect(outcome).toMatchObject({ state: 'stopped', unchecked: [{ reason: expect.anything() }] });
    expect(outcome.deleted).toBe(1_500 - (await at.ids()).length);
    expect(outcome.deleted).toBeLessThan(1_500);
    lift();
    expect(await at.archive({ policy })).toMatchObject({ state: 'done', faults: [], unchecked: [] });
    expect((await at.archived()).keys.map(Number)).toEqual(numbers(1, 1_500));
    const made = (await manifests()).flatMap(({ tables }) =>
      tables.map(({ file }: { file: { name: string } }) => file.name),
    );
    const files = [...at.s3.bucket(archiveBucket).keysFrom('')].filter((key) => key.endsWith('.zst'));
    expect(files).toHaveLength(made.length);
  });

  it('is another run: one of the two works, and the other one says so', async () => {
    let other: Promise<unknown> | undefined;
    const outcome = await at.archive({
      onStep: async (step) => {
        if (step === 'rows-copied') other = at.archive();
        await (step === 'rows-copied' ? other : undefined);
      },
    });
    expect(outcome).toMatchObject({ state: 'done', deleted: 1_500 });
    expect(await other).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'busy' }] });
    expect((await at.archived()).keys).toHaveLength(1_500);
  });

  it('is somebody who has lost the lock: whoever has it now makes the archive, and nothing is there twice', async () => {
    let other: unknown;
    const outcome = await at.archive({
      onStep: async (step) => {
        if (step !== 'read-back' || other !== undefined) return;
        other = 'begun';
        await at.admin.query(
          "select pg_terminate_backend(l.pid) from pg_locks l where locktype = 'advisory' and granted",
        );
        other = await at.archive();
      },
    });
    expect(other).toMatchObject({ state: 'done', deleted: 1_500 });
    expect(outcome).toMatchObject({ state: 'stopped', deleted: 0, unchecked: [{ reason: 'lock-lost' }] });
    const { keys, states } = await at.archived();
    expect(keys.map(Number)).toEqual(numbers(1, 1_500));
    expect(states).toEqual(['completed']);
  });

  it('is a manifest that somebody else has written first: theirs counts', async () => {
    // Another run made one up to its manifest, and ended; this one sees it no sooner than its own is to be written.
    const bucket = () => at.s3.bucket(archiveBucket);
    const theirs = at.archive({
      onStep: (step) => {
        if (step === 'manifest-written') throw new Error('ended');
      },
    });
    await expect(theirs).rejects.toThrow('ended');
    const hidden = [...bucket().keysFrom('')].map((key) => ({ key, body: bucket().read(key) }));
    for (const { key } of hidden) bucket().delete(key);
    let isThere = false;
    const outcome = await at.archive({
      onStep: (step) => {
        if (step !== 'read-back' || isThere) return;
        isThere = true;
        for (const { key, body } of hidden) bucket().put(key, body);
      },
    });
    expect(outcome).toMatchObject({ state: 'done', archived: 0, deleted: 1_500, faults: [], unchecked: [] });
    expect((await at.archived()).keys.map(Number)).toEqual(numbers(1, 1_500));
    const left = [...bucket().keysFrom('')].filter((key) => key.endsWith('.zst'));
    expect(left).toEqual(hidden.map(({ key }) => key).filter((key) => key.endsWith('.zst')));
  });

  it('is a pause: nothing is begun, or no further batch', async () => {
    const said = { by: 'grace', at: '2026-11-20T12:00:00.000Z', reason: 'a release' };
    const scope = { task: 'data-archival', policy: 'old-listens' };
    const { control } = at.context;
    await pause(control, scope, said);
    expect(await at.archive()).toMatchObject({ state: 'paused', archived: 0, deleted: 0 });
    expect(await at.archive({ policy: parsePolicy({ ...withClaps, guards: { maximumRows: 10 } }) })).toMatchObject({
      state: 'paused',
      guards: [{ guard: 'too-many-rows' }],
    });
    await resume(control, scope);
    const policy = parsePolicy({ ...withClaps, pace: { batchRows: 100, maximumBatchRows: 100 } });
    let batches = 0;
    const outcome = await at.archive({
      policy,
      onStep: async (step) => {
        if (step === 'batch-final') batches += 1;
        if (batches === 3) await pause(control, { task: 'data-archival' }, said);
      },
    });
    expect(outcome).toMatchObject({ state: 'paused', deleted: 300, backlog: 1_200 });
    await resume(control, { task: 'data-archival' });
    expect(await at.archive({ policy })).toMatchObject({ state: 'done', deleted: 1_200 });
    expect((await at.archived()).keys.map(Number)).toEqual(numbers(1, 1_500));
  });

  it('is the time: what it is too short for is not begun, and the next step goes on with the same plan', async () => {
    const policy = parsePolicy({ ...withClaps, rowsPerArchive: 400, guards: { approval: 'never' } });
    let leftMs = 60_000;
    const context = { ...at.context, timeLeftMs: () => leftMs };
    const first = await archivePolicy(policy, context, undefined, {
      onStep: (step) => {
        if (step === 'completed') leftMs = 0;
      },
    });
    const told = policyOutcomeSchema.parse(first.state);
    expect(first.isDone).toBe(false);
    expect(told).toMatchObject({ state: 'working', faults: [], unchecked: [] });
    expect(told.deleted).toBeGreaterThan(0);
    leftMs = 60_000;
    const second = await archivePolicy(policy, context, first);
    expect(second).toMatchObject({
      isDone: true,
      state: { state: 'done', planHash: told.planHash, archived: 1_500, deleted: 1_500, backlog: 0 },
    });
    expect((await at.archived()).keys.map(Number)).toEqual(numbers(1, 1_500));
  });

  it('is the end of the time in the middle of anything', async () => {
    const policy = parsePolicy({ ...withClaps, rowsPerArchive: 400 });
    for (const last of ['rows-chosen', 'rows-copied', 'manifest-written', 'batch-intended'] as const) {
      await at.reset(1_500);
      const ended = new AbortController();
      const first = await archivePolicy(policy, { ...at.context, signal: ended.signal }, undefined, {
        onStep: (step) => {
          if (step === last) ended.abort(new UncheckedError('not-reached', 'The time is up.'));
        },
      });
      expect({ last, ...first }).toMatchObject({ last, isDone: false, state: { state: 'working', unchecked: [] } });
      const second = await archivePolicy(policy, at.context, first);
      expect(second).toMatchObject({ isDone: true, state: { state: 'done', deleted: 1_500 } });
      expect((await at.archived()).keys.map(Number)).toEqual(numbers(1, 1_500));
    }
  });

  it('is a row that somebody holds: the others go, and the next run takes it', async () => {
    const policy = parsePolicy({
      ...withClaps,
      pace: { batchRows: 100, maximumBatchRows: 100, lockTimeoutSeconds: 0.05 },
    });
    await at.admin.query('begin; select from listens where id = 250 for update');
    const outcome = await at.archive({ policy });
    await at.admin.query('rollback');
    expect(outcome).toMatchObject({
      state: 'stopped',
      deleted: 1_400,
      kept: 100,
      faults: [{ rule: 'deletion-failed' }],
    });
    expect(await at.archive({ policy })).toMatchObject({ state: 'done', deleted: 100, faults: [] });
    expect((await at.archived()).keys.map(Number)).toEqual(numbers(1, 1_500));
  });

  it('is a guard: nothing is archived and nothing deleted', async () => {
    const policy = parsePolicy({ ...withClaps, guards: { maximumRows: 1_499 } });
    expect(await at.archive({ policy })).toMatchObject({ state: 'guarded', guards: [{ guard: 'too-many-rows' }] });
    expect([...at.s3.bucket(archiveBucket).keysFrom('')]).toEqual([]);
    expect(await ledgerOf(at.context.ledgers)).toEqual([]);
    expect(await at.ids()).toHaveLength(1_500);
  });
});
