import { defineConfig } from 'vitest/config';

/** Unit tests, beside what they test; run on Bun and on Node. */
export default defineConfig({
  test: { include: ['src/**/*.test.ts'], testTimeout: 20_000, pool: 'forks' },
});
