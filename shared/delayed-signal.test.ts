import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { delayedSignal } from './delayed-signal.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a delayed signal', () => {
  it('follows the other after the delay, with its reason', () => {
    const first = new AbortController();
    using late = delayedSignal(first.signal, 100);
    vi.advanceTimersByTime(1_000);
    expect(late.signal.aborted).toBe(false);
    first.abort(new Error('the time is up'));
    vi.advanceTimersByTime(99);
    expect(late.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(late.signal.reason).toEqual(new Error('the time is up'));
  });

  it('counts from now when the other is aborted already', () => {
    using late = delayedSignal(AbortSignal.abort(), 100);
    vi.advanceTimersByTime(100);
    expect(late.signal.aborted).toBe(true);
  });

  it('leaves no timer behind, and is never aborted, once it is disposed of', () => {
    const first = new AbortController();
    const late = delayedSignal(first.signal, 100);
    first.abort();
    late[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
    const other = new AbortController();
    delayedSignal(other.signal, 100)[Symbol.dispose]();
    other.abort();
    expect(vi.getTimerCount()).toBe(0);
  });
});
