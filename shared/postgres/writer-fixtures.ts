import type { WriterOptions } from './writer.ts';

/** Returns what opens a session on a server of this machine, with timeouts that a test can wait for. */
export function writerOptions(url: string, changes: Partial<WriterOptions> = {}): WriterOptions {
  return {
    config: { connectionString: url },
    statementTimeoutSeconds: 5,
    lockTimeoutSeconds: 0.2,
    timeZone: 'UTC',
    signal: new AbortController().signal,
    ...changes,
  };
}
