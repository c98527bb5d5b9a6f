import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    // Real databases, sockets and bundles take seconds on a small machine; a hang must still end.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Most of their time they wait for a server: one core less, as is the default, would leave the others idle.
    maxWorkers: '100%',
  },
});
