import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    // Real databases, sockets and bundles take seconds on a small machine; a hang must still end.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
