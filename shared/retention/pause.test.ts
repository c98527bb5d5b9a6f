import { describe, expect, it } from 'vitest';
import { parseDocument } from '../control/control-document.ts';
import { MemoryControlStore } from '../control/memory-control-store.ts';
import { pause, pausedBy, readPause, resume } from './pause.ts';

const said = { by: 'ada@laptop', at: '2026-11-20T12:00:00.000Z', reason: 'the replica lags' };

describe('a pause', () => {
  it('of a task keeps each of its policies, and no other task, until it is resumed', async () => {
    const control = new MemoryControlStore();
    await pause(control, { task: 'data-purge' }, said);
    expect(await pausedBy(control, 'data-purge', 'sessions')).toEqual({
      task: 'data-purge',
      policy: undefined,
      ...said,
    });
    expect(await pausedBy(control, 'data-archival', 'sessions')).toBeUndefined();
    expect(await resume(control, { task: 'data-purge' })).toMatchObject(said);
    expect(await pausedBy(control, 'data-purge', 'sessions')).toBeUndefined();
  });

  it('of a policy keeps that one alone, and stays when the task is resumed', async () => {
    const control = new MemoryControlStore();
    await pause(control, { task: 'data-purge', policy: 'sessions' }, said);
    await pause(control, { task: 'data-purge' }, { ...said, reason: 'all' });
    expect(await pausedBy(control, 'data-purge', 'sessions')).toMatchObject({ policy: 'sessions', ...said });
    expect(await pausedBy(control, 'data-purge', 'uploads')).toMatchObject({ policy: undefined, reason: 'all' });
    await resume(control, { task: 'data-purge' });
    expect(await pausedBy(control, 'data-purge', 'uploads')).toBeUndefined();
    expect(await pausedBy(control, 'data-purge', 'sessions')).toMatchObject(said);
    expect(await readPause(control, { task: 'data-purge' })).toBeUndefined();
  });

  it('that cannot be read is one all the same, and can be ended', async () => {
    const control = new MemoryControlStore();
    await control.write('pause/data-purge/sessions', 'stop!');
    expect(await pausedBy(control, 'data-purge', 'sessions')).toMatchObject({ reason: 'it cannot be read' });
    expect(await resume(control, { task: 'data-purge', policy: 'sessions' })).toBeDefined();
    expect(await pausedBy(control, 'data-purge', 'sessions')).toBeUndefined();
  });

  it('that is not even JSON is one all the same, and one that cannot be asked for is no answer', async () => {
    const control = new MemoryControlStore();
    const written = new Map([['pause/data-purge', '{"half']]);
    control.read = async (key) => parseDocument(key, written.get(key) ?? '7');
    expect(await readPause(control, { task: 'data-purge' })).toMatchObject({ reason: 'it cannot be read' });
    control.read = () => Promise.reject(new Error('nobody answers'));
    await expect(pausedBy(control, 'data-purge', 'sessions')).rejects.toThrow('nobody answers');
  });

  it('that is ended without having been begun is none', async () => {
    expect(await resume(new MemoryControlStore(), { task: 'data-purge' })).toBeUndefined();
  });
});
