import { beforeEach, describe, expect, it } from 'vitest';
import type { ControlStore } from './control-store.ts';
import { Hold } from './hold.ts';
import { MemoryControlStore } from './memory-control-store.ts';

let control: ControlStore;
let nowMs: number;
const clock = () => new Date(nowMs);
const minuteMs = 60_000;

beforeEach(() => {
  control = new MemoryControlStore();
  nowMs = Date.parse('2026-11-20T12:00:00Z');
});

const take = (runId: string) => Hold.take(control, 'data-purge/uploads', { runId, actor: 'ada', clock });

describe('a hold', () => {
  it('keeps other runs out until it is let go, and names who has it', async () => {
    const hold = await take('one');
    await expect(take('two')).rejects.toMatchObject({
      reason: 'busy',
      detail: expect.stringContaining('run one of ada'),
    });
    await hold[Symbol.asyncDispose]();
    await take('two');
    await expect(take('one')).rejects.toMatchObject({ reason: 'busy' });
  });

  it('is had by one of many who try at once', async () => {
    const tries = await Promise.allSettled(Array.from({ length: 10 }, (_, index) => take(`run ${index}`)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('of a run that is gone ends by itself, and is had by one of many again', async () => {
    await take('one');
    nowMs += 20 * minuteMs - 1;
    await expect(take('two')).rejects.toMatchObject({ reason: 'busy' });
    nowMs += 1;
    const tries = await Promise.allSettled(Array.from({ length: 10 }, (_, index) => take(`run ${index}`)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('lasts for as long as it is kept', async () => {
    const hold = await take('one');
    for (let minutes = 0; minutes < 60; minutes += 10) {
      nowMs += 10 * minuteMs;
      await hold.keep();
    }
    await expect(take('two')).rejects.toMatchObject({ reason: 'busy' });
  });

  it('goes over to the next attempt of its own run, and the one before hears of it', async () => {
    const first = await take('one');
    const second = await take('one');
    nowMs += minuteMs;
    await expect(first.keep()).rejects.toMatchObject({ reason: 'busy' });
    await second.keep();
    // It is not the first one's to let go.
    await first[Symbol.asyncDispose]();
    await expect(take('two')).rejects.toMatchObject({ reason: 'busy' });
  });

  it('is taken and kept also when an answer is lost', async () => {
    const sound = control;
    const twice: ControlStore = {
      read: (key) => sound.read(key),
      write: (key, value) => sound.write(key, value),
      remove: (key) => sound.remove(key),
      create: async (key, value) => {
        await sound.create(key, value);
        return sound.create(key, value);
      },
      replace: async (key, before, value) => {
        await sound.replace(key, before, value);
        return sound.replace(key, before, value);
      },
    };
    control = twice;
    const hold = await take('one');
    nowMs += minuteMs;
    await hold.keep();
    await hold[Symbol.asyncDispose]();
    await take('two');
  });

  it('is had where nobody can read what is there', async () => {
    await control.write('hold/data-purge/uploads', { nonsense: true });
    await take('one');
    await expect(take('two')).rejects.toMatchObject({ reason: 'busy' });
  });
});
