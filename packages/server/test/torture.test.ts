/**
 * The short form of every torture (`npm run torture`); its proofs are in `torture-proofs.test.ts`.
 */

import { describe, test } from 'vitest';
import { expectMet } from './tortures.ts';

// Killing bulk updates is a separate test: batch-crash.test.ts. Tortures that compare response
// times are in torture-alone.test.ts.
describe('the short torture', { timeout: 240_000 }, () => {
  test.each([
    'redis-nodes',
    'model-redis',
    'restore-race',
    'backup',
    'expressions',
    'fuzz',
    'kill',
    'upkeep-kill',
    'power-cut',
    'stop',
    'full-disk',
    'one-person',
    'feed',
    'fresh-reads',
    'model',
    'expiry',
    'port-race',
    'stopped-worker',
    'idle-clients',
    'scripts',
    'http-differential',
    'settings',
    'browser',
    'proxy',
  ])('%s passes', (name) => expectMet(name));
});
