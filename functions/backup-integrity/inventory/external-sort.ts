import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { compareKeys } from '../../../shared/objects/compare-keys.ts';
import type { ListedObject } from '../../../shared/objects/listed-object.ts';

/** Objects sorted in memory at a time: some 50 MB of them. */
const defaultRunLength = 100_000;

/**
 * Yields objects in the order of their keys, whatever order they come in. What does not fit in memory is sorted in runs that wait in
 * files of `directory`, which whoever gives it deletes.
 */
export async function* sortObjects(
  objects: AsyncIterable<ListedObject>,
  directory: string,
  runLength = defaultRunLength,
): AsyncGenerator<ListedObject, void, undefined> {
  const files: string[] = [];
  let run: ListedObject[] = [];
  for await (const object of objects) {
    run.push(object);
    if (run.length < runLength) continue;
    files.push(await writeRun(run, join(directory, `run-${files.length}`)));
    run = [];
  }
  run.sort(byKey);
  if (files.length === 0) yield* run;
  else yield* merge([...files.map(readRun), inTurn(run)]);
}

async function writeRun(run: ListedObject[], path: string): Promise<string> {
  run.sort(byKey);
  const file = createWriteStream(path);
  for (const { key, sizeBytes, modifiedAtMs, etag, storageClass } of run) {
    const line: Line = [key, sizeBytes, modifiedAtMs, etag ?? null, storageClass ?? null];
    if (!file.write(`${oneLine(JSON.stringify(line))}\n`)) await once(file, 'drain');
  }
  file.end();
  await finished(file);
  return path;
}

async function* readRun(path: string): AsyncGenerator<ListedObject> {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const [key, sizeBytes, modifiedAtMs, etag, storageClass] = JSON.parse(line) as Line;
    yield { key, sizeBytes, modifiedAtMs, etag: etag ?? undefined, storageClass: storageClass ?? undefined };
  }
}

/** Lines end at Unicode's separators too, which JSON leaves as they are. */
function oneLine(json: string): string {
  return json.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

type Line = [string, number, number, string | null, string | null];

async function* inTurn(run: readonly ListedObject[]): AsyncGenerator<ListedObject> {
  yield* run;
}

interface Head {
  object: ListedObject;
  readonly rest: AsyncGenerator<ListedObject>;
}

/** Merges sorted runs; a heap keeps the run with the first key on top. */
async function* merge(runs: readonly AsyncGenerator<ListedObject>[]): AsyncGenerator<ListedObject, void, undefined> {
  const heap: Head[] = [];
  try {
    for (const rest of runs) {
      const { done, value } = await rest.next();
      if (!done) heap.push({ object: value, rest });
    }
    heap.sort((a, b) => byKey(a.object, b.object));
    while (heap.length > 0) {
      const top = heap[0] as Head;
      yield top.object;
      const { done, value } = await top.rest.next();
      if (!done) top.object = value;
      else {
        const last = heap.pop() as Head;
        if (heap.length > 0) heap[0] = last;
      }
      sink(heap);
    }
  } finally {
    await Promise.all(runs.map((run) => run.return(undefined)));
  }
}

/** Moves what is on top down to where it belongs. */
function sink(heap: Head[]): void {
  let at = 0;
  while (true) {
    let first = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      const below = heap[child];
      if (below !== undefined && byKey(below.object, (heap[first] as Head).object) < 0) first = child;
    }
    if (first === at) return;
    [heap[at], heap[first]] = [heap[first] as Head, heap[at] as Head];
    at = first;
  }
}

function byKey(a: ListedObject, b: ListedObject): number {
  return compareKeys(a.key, b.key);
}
