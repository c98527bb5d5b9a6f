import type { WriteStream } from 'node:tty';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../shared/text/display-width.ts';
import { Progress } from './progress.ts';

/** Returns a bar on a clock that the test moves, and what is to be seen of it. */
function barOn(columns: number, isTTY = true) {
  const clock = { ms: 1000 };
  const written: string[] = [];
  const stream = { isTTY, columns, write: (text: string) => written.push(text) } as unknown as WriteStream;
  const progress = new Progress(stream, 'data-purge', () => clock.ms);
  const pass = (seconds: number) => {
    clock.ms += seconds * 1000;
  };
  return { progress, pass, written, shown: () => (written.at(-1) ?? '').replace('\r\u001b[K', '') };
}

describe('a progress bar', () => {
  it('shows how far each thing is, how fast, and how long it still takes', () => {
    const { progress, pass, shown } = barOn(100);
    progress.update(0, 50_000, 'sessions');
    expect(shown()).toBe('data-purge sessions ░░░░░░░░░░░░░░░░░░░░ 0/50,000');
    pass(5);
    progress.update(10_000, 50_000, 'sessions');
    expect(shown()).toBe('data-purge sessions ████░░░░░░░░░░░░░░░░ 10,000/50,000 2,000/s 20 s left');
  });

  it('goes by how fast the work is now, not by what was done before it began', () => {
    const { progress, pass, shown } = barOn(100);
    progress.update(40_000, 50_000, 'sessions');
    for (let second = 0; second < 60; second += 1) {
      pass(1);
      progress.update(40_000 + second * 100, 50_000, 'sessions');
    }
    expect(shown()).toMatch(/45,900\/50,000 100\/s 41 s left$/);
    pass(100);
    progress.update(45_901, 50_000, 'sessions');
    expect(shown()).toMatch(/45,901\/50,000 0\.0\/s 5 d left$/);
  });

  it('says nothing of what is left when nothing comes forward, or all is done', () => {
    const { progress, pass, shown } = barOn(100);
    progress.update(10, 100);
    pass(20);
    progress.update(10, 100);
    expect(shown()).toBe('data-purge ██░░░░░░░░░░░░░░░░░░ 10/100 0.0/s');
    progress.update(100, 100);
    expect(shown()).not.toContain('left');
  });

  it('shows what was begun first of what goes on side by side, then the next', () => {
    const { progress, pass, shown } = barOn(120);
    progress.update(0, 10, 'sessions');
    pass(1);
    progress.update(0, 10, 'uploads');
    expect(shown()).toMatch(/^data-purge sessions \(\+1\) /);
    pass(1);
    progress.update(10, 10, 'sessions');
    expect(shown()).toMatch(/^data-purge uploads /);
  });

  it('draws no more often than an eye can see, but always the end', () => {
    const { progress, written } = barOn(80);
    for (let done = 1; done <= 1000; done += 1) progress.update(done, 1000);
    expect(written).toHaveLength(2);
    expect(written.at(-1)).toContain('1,000/1,000');
  });

  it.each([200, 80, 40, 24, 12])('keeps to one line of %i columns, whatever it is called', (columns) => {
    const { progress, pass, shown } = barOn(columns);
    progress.update(0, 10_000_000, 'a-policy-with-a-long-name\u001b[2J漢字');
    pass(3);
    progress.update(123_456, 10_000_000, 'a-policy-with-a-long-name\u001b[2J漢字');
    expect(shown()).not.toContain('\u001b');
    expect(displayWidth(shown())).toBeLessThan(columns);
  });

  it('counts what nobody knows the number of', () => {
    const { progress, pass, shown } = barOn(80);
    progress.count(1);
    pass(1);
    progress.count(12_345);
    expect(shown()).toBe('data-purge 12,345');
  });

  it('is taken away, and never there where there is no terminal', () => {
    const { progress, written } = barOn(80);
    progress.update(1, 2);
    progress.clear();
    progress.clear();
    expect(written.at(-1)).toBe('\r\u001b[K');
    expect(written).toHaveLength(2);
    const piped = barOn(80, false);
    piped.progress.update(1, 2);
    piped.progress.count(2);
    piped.progress.clear();
    expect(piped.written).toEqual([]);
  });
});
