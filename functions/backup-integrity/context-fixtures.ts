import { anyRun } from '../../shared/run-fixtures.ts';
import { MemoryStateStore } from '../../shared/storage/memory-state-store.ts';
import { configSchema } from './config.ts';
import type { Context } from './context.ts';

/**
 * Returns what tests hand to this task's steps in place of a run: NYCMG's estate of two regions, in whichever account
 * `clients` has the credentials of, with the default configuration, an empty memory, no finished work and no end to its
 * time. `options` replaces any of it.
 */
export function contextFor(options: Partial<Context> & Pick<Context, 'clients' | 'coverage' | 'now'>): Context {
  return {
    ...anyRun(),
    config: configSchema.parse({}),
    estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1', 'us-west-2'], accounts: [] },
    databases: {},
    homeRegion: 'us-east-1',
    scope: {},
    store: new MemoryStateStore(),
    signal: new AbortController().signal,
    work: [],
    timeLeftMs: () => 86_400_000,
    measure: () => {},
    progress: () => {},
    ...options,
  };
}
