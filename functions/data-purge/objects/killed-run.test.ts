import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SeededRandom } from '../../../sandbox/postgres/seeded-random.ts';
import { Ledger } from '../../../shared/ledger/ledger.ts';
import { lastingContext } from './killed-run-fixtures.ts';
import { currentKeys, daysAgo, now, type ObjectBench, objectsPolicy, openBench } from './object-fixtures.ts';
import { purgeObjects } from './purge-objects.ts';

let bench: ObjectBench;
let folder: string;

beforeEach(async () => {
  bench = await openBench();
  folder = await mkdtemp(join(tmpdir(), 'caretaker-purge-'));
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const objects = 12_000;
const kills = 12;

it('brings everything to its end, and counts it once, however often its process is killed at whatever moment', async () => {
  for (let index = 0; index < objects; index += 1) {
    bench.bucket.put(`k${String(index).padStart(6, '0')}`, '', { lastModified: daysAgo(40) });
  }
  bench.bucket.put('young', '', { lastModified: daysAgo(1) });
  const random = new SeededRandom(5);
  for (let kill = 0; kill < kills; kill += 1) {
    const program = new URL('killed-run-fixtures.ts', import.meta.url);
    const child = fork(program, [bench.server.url, folder], { execArgv: [], stdio: 'inherit' });
    const exit = once(child, 'exit');
    // The first half of them in the middle of a deletion, which is done or not.
    const begun = Promise.withResolvers<void>();
    const isInDeletion = kill < kills / 2;
    const lift = bench.server.fail({
      operation: isInDeletion ? 'DeleteObjects' : 'ListObjectsV2',
      fault: () => {
        begun.resolve();
        if (!isInDeletion) return undefined;
        child.kill('SIGKILL');
        return kill % 2 === 0 ? 'reset' : 'loses-answer';
      },
    });
    await Promise.race([begun.promise, exit]);
    await delay(random.integer(0, 300));
    child.kill('SIGKILL');
    await exit;
    lift();
  }
  const context = lastingContext(bench.server.url, folder);
  const { isDone, state } = await purgeObjects(objectsPolicy(), context, undefined);
  expect([isDone, state]).toMatchObject([true, { state: 'done', faults: [], unchecked: [] }]);
  expect(currentKeys(bench.bucket)).toEqual(['young']);
  const ledger = await Ledger.open(context.ledgers, 'data-purge/incoming', () => now);
  const entries = await Array.fromAsync(ledger.entries());
  const ends = entries.filter(({ action, outcome }) => action === 'delete-objects' && outcome !== 'intended');
  const deleted = ends.reduce((sum, { facts }) => sum + Number(facts.deleted ?? 0), 0);
  const intended = entries.filter(({ outcome }) => outcome === 'intended').map(({ hash }) => hash);
  expect(entries.flatMap(({ settles }) => settles ?? [])).toEqual(intended);
  expect(deleted).toBe(objects);
  // Some of them have met a batch in the middle.
  expect(ends.some(({ facts }) => facts.isComplete === false)).toBe(true);
}, 120_000);
