import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, start, stop } from './processes.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caretaker-bench-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function program(text: string): Promise<string> {
  const file = join(folder, 'program.mjs');
  await writeFile(file, text);
  return file;
}

it('says that a program has ended before it was ready, rather than wait for it for ever', async () => {
  await expect(start(await program('process.exit(3)'))).rejects.toThrow('the process has ended before it was done');
});

it('says that a program has ended before it answered', async () => {
  const { child, said } = await start<string>(
    await program(`process.on('message', () => process.exit()); process.send('ready');`),
  );
  expect(said).toBe('ready');
  await expect(ask(child, {})).rejects.toThrow('the process has ended before it was done');
  await stop(child);
});
