import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** On Node a thread that a test starts needs help to run TypeScript. */
const TYPESCRIPT_IN_THREADS =
  'Bun' in globalThis
    ? []
    : ['--import', fileURLToPath(new URL('../../scripts/typescript-in-threads.mjs', import.meta.url))];

/** Unit tests, beside what they test, those of the client package too; run on Bun and on Node. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', '../client/src/**/*.test.ts'],
    testTimeout: 20_000,
    pool: 'forks',
    execArgv: TYPESCRIPT_IN_THREADS,
  },
});
