import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again and again until there is an answer, and returns it.
 *
 * @param what for the message: `MiniStack to answer`.
 * @throws Error when there is none within `timeoutSeconds`; the signal's reason when aborted.
 */
export async function waitFor<T>(
  what: string,
  options: { readonly timeoutSeconds: number; readonly everyMs?: number; readonly signal: AbortSignal },
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + options.timeoutSeconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${options.timeoutSeconds} s in vain for ${what}`);
    await delay(options.everyMs ?? 250, undefined, { signal: options.signal });
  }
}
