/**
 * The short form of every torture (`npm run torture`); its proofs are in `torture-proofs.test.ts`.
 */

import { describe, test } from 'vitest';
import { expectMet } from './tortures.ts';

// Bulk killed at random points is a test of its own: batch-crash.test.ts. What compares response
// times wants the machine to itself: torture-alone.test.ts.
describe('in short', { timeout: 240_000 }, () => {
  test.each([
    'redis-nodes',
    'model-redis',
    'restore-race',
    'backup',
    'expressions',
    'fuzz',
    'kill',
    'upkeep-kill',
    'stop',
    'full-disk',
    'one-person',
    'feed',
    'fresh-reads',
    'model',
    'expiry',
    'port-race',
    'http-differential',
    'settings',
    'browser',
    'proxy',
  ])('%s', (name) => expectMet(name));
});
