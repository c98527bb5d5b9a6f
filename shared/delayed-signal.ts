/**
 * Returns a signal that is aborted a while after another one, with its reason: what is under way when the time is up may come to an end.
 * Disposing of it takes its timer away.
 *
 * @param delayMs milliseconds; they begin at once when `signal` is aborted already.
 */
export function delayedSignal(signal: AbortSignal, delayMs: number): { readonly signal: AbortSignal } & Disposable {
  const delayed = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    timer = setTimeout(() => delayed.abort(signal.reason), delayMs);
  };
  if (signal.aborted) start();
  else signal.addEventListener('abort', start, { once: true });
  return {
    signal: delayed.signal,
    [Symbol.dispose]() {
      signal.removeEventListener('abort', start);
      clearTimeout(timer);
    },
  };
}
