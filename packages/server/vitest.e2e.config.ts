import { defineConfig } from 'vitest/config';

/** End to end: started servers, killed writers, the real SDK. One file at a time, for each wants the machine to itself. */
export default defineConfig({
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false },
});
