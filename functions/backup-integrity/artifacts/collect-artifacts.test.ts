import { createHash } from 'node:crypto';
import { createServer, type Server, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../../sandbox/control-plane/control-plane.ts';
import { Refusal } from '../../../sandbox/control-plane/refusal.ts';
import type { S3ObjectDocument } from '../../../sandbox/control-plane/services/s3-document.ts';
import { tarArchive } from '../../../sandbox/estate/tar-sample.ts';
import { AwsClients } from '../../../shared/aws/clients.ts';
import { uncheckedReason } from '../../../shared/aws/unchecked-reason.ts';
import { CoverageLedger } from '../../../shared/coverage.ts';
import { configSchema } from '../config.ts';
import type { Context } from '../context.ts';
import { contextFor } from '../context-fixtures.ts';
import { collectArtifacts } from './collect-artifacts.ts';

const now = new Date('2026-11-22T12:00:00.000Z');
const account = '123456789012';
const hourMs = 3_600_000;
const whole = gzipSync(tarArchive({ 'artists.json': 'x'.repeat(3000) }, now));
const sha256 = createHash('sha256').update(whole).digest('hex');

let plane: ControlPlane;
let clients: AwsClients;
let objects: S3ObjectDocument[];

beforeEach(async () => {
  objects = [];
  const bucket = (region: string, held: S3ObjectDocument[]) => ({ region, creationDate: now, objects: held });
  const buckets = {
    'nycmg-backups': bucket('us-east-1', objects),
    'nycmg-west': bucket('us-west-2', [object('west/1')]),
  };
  plane = await startControlPlane({
    estate: { homeAccount: account, accounts: { [account]: { s3: { buckets }, regions: {} } } },
  });
  for (const [name, value] of Object.entries(plane.environment)) vi.stubEnv(name, value);
  clients = new AwsClients();
});

afterEach(async () => {
  clients.destroy();
  await plane.stop();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function object(key: string, details: Partial<S3ObjectDocument> & { hoursAgo?: number } = {}): S3ObjectDocument {
  const { hoursAgo = 3, ...others } = details;
  return { key, lastModified: new Date(now.getTime() - hoursAgo * hourMs), body: whole, ...others };
}

async function collect(entries: object[], { only, ...overrides }: Partial<Context> & { only?: string } = {}) {
  const coverage = new CoverageLedger({ only, classify: uncheckedReason });
  const config = configSchema.parse({
    artifacts: entries.map((entry) => ({
      id: 'dumps',
      bucket: 'nycmg-backups',
      prefix: 'dumps/',
      everyMinutes: 1440,
      ...entry,
    })),
  });
  const sets = await collectArtifacts(
    contextFor({
      config,
      estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1'], accounts: [{ id: account }] },
      now,
      clients,
      coverage,
      ...overrides,
    }),
  );
  return { sets, coverage: coverage.summary() };
}

const unseen = ({ coverage }: Awaited<ReturnType<typeof collect>>) =>
  coverage.unchecked.map(({ resource, reason }) => `${resource.type} ${resource.id} ${reason}`);

describe('a set of artifacts', () => {
  it('is another than the one beside it of another pattern', async () => {
    objects.push(object('dumps/a-1.gz'), object('dumps/b-1.gz', { body: whole.subarray(0, -9) }));
    const { sets, coverage } = await collect([
      { id: 'a', pattern: 'a-*' },
      { id: 'b', pattern: 'b-*' },
    ]);
    expect(sets.map(({ resource }) => resource.id)).toEqual([
      's3://nycmg-backups/dumps/a-*',
      's3://nycmg-backups/dumps/b-*',
    ]);
    expect(coverage.byType['backup-artifacts']).toEqual({ expected: 2, checked: 2 });
  });

  it('is listed over all pages, and its newest is read', async () => {
    for (let night = 0; night < 8; night += 1)
      objects.push(object(`dumps/${night}.tar.gz`, { hoursAgo: 3 + 24 * night }));
    const { sets, coverage } = await collect([{ content: 'tar' }]);
    expect(sets).toMatchObject([
      {
        resource: { type: 'backup-artifacts', id: 's3://nycmg-backups/dumps/', name: 'dumps', region: 'us-east-1' },
        account,
        region: 'us-east-1',
        count: 8,
      },
    ]);
    expect(sets[0]?.newest.map(({ key }) => key)).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((night) => `dumps/${night}.tar.gz`),
    );
    expect(sets[0]?.newest[0]?.inspection).toEqual({
      companion: 'not-expected',
      sha256,
      expectedSha256: undefined,
      altered: undefined,
      container: 'gzip > tar',
      fault: undefined,
      contents: '1 member of 3,000 bytes together',
      madeAt: undefined,
    });
    expect(sets[0]?.newest[1]?.inspection).toBeUndefined();
    expect(coverage).toMatchObject({ expected: 2, checked: 2, unchecked: [] });
  });

  it('may be empty, and is there all the same', async () => {
    const { sets, coverage } = await collect([{}]);
    expect(sets).toMatchObject([{ count: 0, newest: [] }]);
    expect(coverage).toMatchObject({ expected: 1, checked: 1 });
  });

  it('has as many read as are asked for', async () => {
    for (let night = 0; night < 5; night += 1) objects.push(object(`dumps/${night}`, { hoursAgo: 24 * night }));
    const three = await collect([{ readNewest: 3 }]);
    expect(three.coverage.byType['backup-artifact']).toEqual({ expected: 3, checked: 3 });
    const none = await collect([{ readNewest: 0 }]);
    expect(none.coverage).toMatchObject({ expected: 1, checked: 1 });
  });

  it('that cannot be listed is unchecked, and the others are not', async () => {
    objects.push(object('dumps/1'));
    plane.inject({ service: 's3', operation: 'ListObjectsV2', resourceId: 'denied/', fault: 'access-denied' });
    const result = await collect([{ id: 'denied', prefix: 'denied/' }, {}]);
    expect(unseen(result)).toEqual(['backup-artifacts s3://nycmg-backups/denied/ access-denied']);
    expect(result.sets.map(({ configId }) => configId)).toEqual(['dumps']);
  });

  it('whose listing breaks off on a later page is unchecked', async () => {
    for (let night = 0; night < 8; night += 1) objects.push(object(`dumps/${night}`));
    plane.inject({ service: 's3', operation: 'ListObjectsV2', afterRequests: 1, fault: 'access-denied' });
    const result = await collect([{}]);
    expect(unseen(result)).toEqual(['backup-artifacts s3://nycmg-backups/dumps/ access-denied']);
    expect(result.sets).toEqual([]);
  });

  it('in a bucket that is not there, or in another region, is unchecked', async () => {
    const result = await collect([{ bucket: 'nycmg-gone' }, { id: 'west', bucket: 'nycmg-west', prefix: 'west/' }]);
    expect(unseen(result)).toEqual([
      'backup-artifacts s3://nycmg-gone/dumps/ aws-error',
      'backup-artifacts s3://nycmg-west/west/ aws-error',
    ]);
  });

  it('is looked at in its own region, unless the run is narrowed to others', async () => {
    const west = { bucket: 'nycmg-west', prefix: 'west/', region: 'us-west-2' };
    expect((await collect([west])).sets).toMatchObject([{ region: 'us-west-2', count: 1 }]);
    expect(await collect([west], { scope: { regions: ['us-east-1'] } })).toMatchObject({
      sets: [],
      coverage: { expected: 0 },
    });
    const foreign = { ...west, account: '210987654321' };
    expect(await collect([foreign], { scope: { accounts: [account] } })).toMatchObject({ sets: [] });
  });

  it('is not read where the run is narrowed to another one', async () => {
    objects.push(object('dumps/1'), object('exports/1'));
    const result = await collect([{}, { id: 'exports', prefix: 'exports/' }], { only: 'exports' });
    expect(result.coverage.byType).toEqual({ 'backup-artifacts': { expected: 1, checked: 1 } });
    expect(result.sets.map(({ newest }) => newest[0]?.inspection?.container)).toEqual([undefined, 'gzip > tar']);
  });
});

describe('an artifact', () => {
  it.each([
    ['KMS.DisabledException', 'can be decrypted by nobody: its KMS key is disabled'],
    ['KMS.KMSInvalidStateException', expect.stringContaining('to be deleted')],
  ])('is at fault when no one can decrypt it: %s', async (code, fault) => {
    const body = () => {
      throw new Refusal({ code, status: 400 }, 'arn:aws:kms:us-east-1:123456789012:key/k is disabled.');
    };
    objects.push(object('dumps/1', { size: 100, etag: 'e1', body }));
    const collected = await collect([{}]);
    expect(collected.sets[0]?.newest[0]?.inspection).toMatchObject({ container: 'not read', fault });
    expect(unseen(collected)).toEqual([]);
  });

  const readOne = async (entry: object = {}, overrides = {}) => {
    const result = await collect([entry], overrides);
    return { artifact: result.sets[0]?.newest[0], unchecked: unseen(result), result };
  };

  it('agrees with its companion', async () => {
    objects.push(object('dumps/1'), object('dumps/1.sha256', { body: Buffer.from(`${sha256}  1\n`) }));
    const { artifact } = await readOne({ companion: 'sha256' });
    expect(artifact?.inspection).toMatchObject({ companion: 'agrees', sha256, expectedSha256: sha256 });
  });

  it.each([
    ['missing', undefined],
    ['unreadable', 'no such file'],
    ['differs', `${'0'.repeat(64)}  1`],
  ])('has a companion that is %s', async (companion, text) => {
    objects.push(object('dumps/1'));
    if (text !== undefined) objects.push(object('dumps/1.sha256', { body: Buffer.from(text) }));
    const { artifact, unchecked } = await readOne({ companion: 'sha256' });
    expect(artifact?.inspection).toMatchObject({ companion, fault: undefined });
    expect(unchecked).toEqual([]);
  });

  it('finds its checksum in either manifest of its folder, read once for all', async () => {
    const sums = [1, 2, 3].map((name) => `${sha256}  ${name}.tar.gz\n`).join('');
    objects.push(...[1, 2, 3].map((name) => object(`dumps/a/${name}.tar.gz`)));
    objects.push(object('dumps/a/SHA256SUMS', { body: Buffer.from(sums) }));
    objects.push(object('dumps/a/manifest.json', { body: Buffer.from('{"made-by":"cron"}') }));
    const { sets } = await collect([{ companion: 'manifest', readNewest: 3 }]);
    expect(sets[0]?.newest.map(({ inspection }) => inspection?.companion)).toEqual(['agrees', 'agrees', 'agrees']);
    expect(plane.requests.filter(({ operation }) => operation === 'GetObject')).toHaveLength(5);
  });

  it('has a companion that does not tell its hash when that is larger than any is', async () => {
    const text = Buffer.concat([Buffer.from(`${sha256}  1\n`), Buffer.alloc(5 * 2 ** 20, '\n')]);
    objects.push(object('dumps/1'), object('dumps/1.sha256', { body: text }));
    const { artifact } = await readOne({ companion: 'sha256' });
    expect(artifact?.inspection).toMatchObject({ companion: 'unreadable', fault: undefined });
  });

  it('is unchecked when its companion is denied, and its content is read all the same', async () => {
    objects.push(object('dumps/1'), object('dumps/1.sha256', { body: Buffer.from(`${sha256}  1\n`) }));
    plane.inject({ service: 's3', operation: 'GetObject', resourceId: 'dumps/1.sha256', fault: 'access-denied' });
    const { artifact, unchecked } = await readOne({ companion: 'sha256' });
    expect(artifact?.inspection).toMatchObject({ companion: 'unchecked', container: 'gzip > tar', fault: undefined });
    expect(unchecked).toEqual(['backup-artifact s3://nycmg-backups/dumps/1 access-denied']);
  });

  it('that is denied is unchecked, and so is one that is throttled', async () => {
    // The SDK waits between its attempts for a random part of a second.
    vi.spyOn(Math, 'random').mockReturnValue(0);
    objects.push(object('dumps/1'));
    const lift = plane.inject({ service: 's3', operation: 'GetObject', fault: 'access-denied' });
    expect((await readOne()).unchecked).toEqual(['backup-artifact s3://nycmg-backups/dumps/1 access-denied']);
    lift();
    plane.inject({ service: 's3', operation: 'GetObject', fault: 'throttled' });
    const { artifact, unchecked } = await readOne();
    expect(unchecked).toEqual(['backup-artifact s3://nycmg-backups/dumps/1 throttled']);
    expect(artifact?.inspection).toBeUndefined();
  });

  it('is read after a passing fault', async () => {
    objects.push(object('dumps/1'));
    plane.inject({ service: 's3', operation: 'GetObject', times: 1, fault: 'internal-error' });
    expect(await readOne()).toMatchObject({ unchecked: [], artifact: { inspection: { fault: undefined } } });
  });

  it.each(['GLACIER', 'DEEP_ARCHIVE'] as const)(
    'in %s is compared with the checksum that S3 keeps, and not read',
    async (storageClass) => {
      const stored = { storageClass, checksums: { sha256: Buffer.from(sha256, 'hex').toString('base64') } };
      objects.push(object('dumps/1', stored), object('dumps/1.sha256', { body: Buffer.from(sha256) }));
      const { artifact, unchecked } = await readOne({ companion: 'sha256' });
      expect(unchecked).toEqual(['backup-artifact s3://nycmg-backups/dumps/1 archived']);
      expect(artifact?.inspection).toMatchObject({ companion: 'agrees', container: 'not read', fault: undefined });
      expect(plane.requests.filter(({ operation }) => operation === 'GetObject')).toHaveLength(1);
    },
  );

  it('that is archived without a checksum has nothing to be compared with', async () => {
    objects.push(
      object('dumps/1', { storageClass: 'GLACIER' }),
      object('dumps/1.sha256', { body: Buffer.from(sha256) }),
    );
    const { artifact } = await readOne({ companion: 'sha256' });
    expect(artifact?.inspection).toMatchObject({ companion: 'unchecked' });
  });

  it('that is archived and was restored is read', async () => {
    const restore = 'ongoing-request="false", expiry-date="Fri, 25 Dec 2026 00:00:00 GMT"';
    objects.push(object('dumps/1', { storageClass: 'GLACIER', restore }));
    expect(await readOne()).toMatchObject({ unchecked: [], artifact: { inspection: { container: 'gzip > tar' } } });
  });

  it('whose head is denied is unchecked', async () => {
    objects.push(object('dumps/1', { storageClass: 'GLACIER' }));
    plane.inject({ service: 's3', operation: 'HeadObject', fault: 'access-denied' });
    expect((await readOne()).unchecked).toEqual(['backup-artifact s3://nycmg-backups/dumps/1 access-denied']);
  });

  it('that nobody can look into is unchecked, and its bytes are compared all the same', async () => {
    const body = Buffer.from('fd377a585a000000', 'hex');
    const sum = createHash('sha256').update(body).digest('hex');
    objects.push(object('dumps/1', { body }), object('dumps/1.sha256', { body: Buffer.from(sum) }));
    const { artifact, unchecked } = await readOne({ companion: 'sha256' });
    expect(unchecked).toEqual(['backup-artifact s3://nycmg-backups/dumps/1 cannot-look-inside']);
    expect(artifact?.inspection).toMatchObject({ companion: 'agrees', fault: undefined });
  });

  it('that is broken at its beginning is hashed to its end', async () => {
    const body = Buffer.concat([Buffer.from([0x1f, 0x8b, 0xff, 0xff]), Buffer.alloc(300_000, 'x')]);
    const sum = createHash('sha256').update(body).digest('hex');
    objects.push(object('dumps/1', { body }), object('dumps/1.sha256', { body: Buffer.from(sum) }));
    const { artifact } = await readOne({ companion: 'sha256' });
    expect(artifact?.inspection).toMatchObject({ companion: 'agrees', fault: expect.stringContaining('gzip') });
  });

  it('whose bytes are not those that S3 took in is told apart from one that is broken', async () => {
    const md5 = createHash('md5').update('other').digest('hex');
    objects.push(object('dumps/1', { etag: md5 }));
    const { artifact } = await readOne();
    expect(artifact?.inspection).toMatchObject({ altered: { algorithm: 'ETag' }, fault: undefined });
  });

  it('of another size than its listing says is unchecked', async () => {
    objects.push(object('dumps/1', { size: whole.length + 1 }));
    const { artifact, unchecked } = await readOne();
    expect(unchecked).toEqual(['backup-artifact s3://nycmg-backups/dumps/1 size-differs']);
    expect(artifact?.inspection).toBeUndefined();
  });

  it('is not reached when the time is up', async () => {
    objects.push(object('dumps/1'));
    plane.inject({ service: 's3', operation: 'GetObject', fault: 'hang' });
    const { unchecked } = await readOne({}, { signal: AbortSignal.timeout(300) });
    expect(unchecked).toEqual([expect.stringMatching(/^backup-artifact .* (not-reached|timeout)$/)]);
  });
});

describe('a connection that is cut in the middle of a body', () => {
  let cutter: Server;
  let cuts: number;

  /** Sends everything on to the control plane, and half of the first answers that have a body of bytes. */
  beforeEach(async () => {
    objects.push(object('dumps/1'));
    cuts = 0;
    cutter = createServer((request, response) => {
      const { method = 'GET', url = '/', headers } = request;
      const isCut = url.startsWith('/nycmg-backups/dumps/1') && cuts > 0;
      if (isCut) cuts -= 1;
      const onwards = sendRequest(`${plane.url}${url}`, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        if (!isCut) {
          answer.pipe(response);
          return;
        }
        answer.once('data', (body: Buffer) => {
          response.write(body.subarray(0, body.length / 2), () => setTimeout(() => response.destroy(), 20));
        });
      });
      request.pipe(onwards);
    });
    await new Promise<void>((resolve) => cutter.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${(cutter.address() as AddressInfo).port}`);
  });

  afterEach(() => {
    cutter.closeAllConnections();
    cutter.close();
  });

  it('says nothing of the artifact, which is unchecked', async () => {
    cuts = 2;
    const result = await collect([{ content: 'tar' }]);
    expect(unseen(result)).toEqual(['backup-artifact s3://nycmg-backups/dumps/1 unreachable']);
    expect(result.sets[0]?.newest[0]?.inspection).toBeUndefined();
  });

  it('is made again once', async () => {
    cuts = 1;
    const result = await collect([{ content: 'tar' }]);
    expect(unseen(result)).toEqual([]);
    expect(result.sets[0]?.newest[0]?.inspection).toMatchObject({ fault: undefined, container: 'gzip > tar' });
  });
});

describe('an artifact older than those that are read', () => {
  const base64 = Buffer.from(sha256, 'hex').toString('base64');
  const summed = (name: string, sum = sha256) =>
    object(`dumps/${name}.sha256`, { body: Buffer.from(`${sum}  ${name}\n`) });
  const compared = async (entry: object = {}) => {
    const result = await collect([{ companion: 'sha256', ...entry }]);
    return { older: result.sets[0]?.newest[1]?.inspection, unchecked: unseen(result) };
  };

  it('is compared by what S3 keeps of it, without reading a byte', async () => {
    objects.push(object('dumps/2', { hoursAgo: 1 }), summed('2'));
    objects.push(object('dumps/1', { hoursAgo: 25, checksums: { sha256: base64 } }), summed('1'));
    expect((await compared()).older).toMatchObject({ companion: 'agrees', container: 'not read' });
    const read = plane.requests.filter(({ operation }) => operation === 'GetObject');
    // The newest, and what stands beside the two.
    expect(read).toHaveLength(3);
  });

  it('is found when S3 took in other bytes than its companion was made from', async () => {
    objects.push(object('dumps/2', { hoursAgo: 1 }), summed('2'));
    objects.push(object('dumps/1', { hoursAgo: 25, checksums: { sha256: base64 } }), summed('1', '0'.repeat(64)));
    expect((await compared()).older).toMatchObject({ companion: 'differs', sha256 });
  });

  it('is found when nothing stands beside it', async () => {
    objects.push(object('dumps/2', { hoursAgo: 1 }), summed('2'), object('dumps/1', { hoursAgo: 25 }));
    expect((await compared()).older).toMatchObject({ companion: 'missing' });
  });

  it('shows nothing where S3 keeps no SHA-256 of the whole, and where it is not to be compared', async () => {
    objects.push(object('dumps/2', { hoursAgo: 1 }), summed('2'), object('dumps/1', { hoursAgo: 25 }), summed('1'));
    expect(await compared()).toEqual({ older: undefined, unchecked: [] });
    expect((await compared({ compareNewest: 1 })).older).toBeUndefined();
    expect((await compared({ companion: 'none' })).older).toBeUndefined();
  });

  it('is unchecked when it may not be asked about', async () => {
    objects.push(object('dumps/2', { hoursAgo: 1 }), summed('2'), object('dumps/1', { hoursAgo: 25 }), summed('1'));
    plane.inject({ service: 's3', operation: 'HeadObject', fault: 'access-denied' });
    expect(await compared()).toEqual({
      older: undefined,
      unchecked: ['backup-artifact s3://nycmg-backups/dumps/1 access-denied'],
    });
  });
});
