import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** What measures memory or time, and so wants the machine to itself. */
const ALONE = ['batch-memory', 'bulk-meanwhile', 'torture-alone'].map((name) => `test/${name}.test.ts`);
/** A thread that a test starts needs help to run TypeScript. */
const execArgv = [
  '--import',
  fileURLToPath(new URL('../../scripts/typescript-in-threads.mjs', import.meta.url)),
];
const common = { testTimeout: 60_000, hookTimeout: 60_000, execArgv };

/**
 * End to end: started servers, killed writers, a real cluster, the real SDK. Most files wait more
 * than they work, so two go side by side.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'side by side',
          include: ['test/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'alone',
          include: ALONE,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
