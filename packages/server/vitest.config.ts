import { defineConfig } from 'vitest/config';

/** Unit tests, beside what they test, those of the client package too; run on Bun and on Node. */
export default defineConfig({
  test: { include: ['src/**/*.test.ts', '../client/src/**/*.test.ts'], testTimeout: 20_000, pool: 'forks' },
});
