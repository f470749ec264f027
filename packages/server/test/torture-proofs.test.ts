/** Proves that the quick tortures notice their sabotages. */

import { describe, test } from 'vitest';
import { expectNoticed } from './tortures.ts';

describe('a torture of a sabotaged server', { timeout: 240_000 }, () => {
  test.each([
    ['redis-nodes', 'masters-alone'],
    ['port-race', 'blind-locks'],
    ['stopped-worker', 'no-heartbeats'],
    ['idle-clients', 'restless-connections'],
    ['scripts', 'endless-scripts'],
    ['stop', 'write-behind-and-exit'],
    ['backup', 'copy-of-the-live-file'],
    ['kill', 'half-updates'],
    ['upkeep-kill', 'removed-before-copied'],
    ['power-cut', 'lying-disk'],
    ['power-cut', 'write-behind'],
    ['one-person', 'read-then-write'],
    ['feed', 'forgotten-changes'],
    ['fresh-reads', 'shared-snapshots'],
    ['expiry', 'a-millisecond-too-long'],
    ['http-differential', 'lenient-http'],
    ['fuzz', 'crash'],
    ['settings', 'kept-a-moment'],
    ['proxy', 'obeys-proxies'],
    ['browser', 'any-host-any-page'],
  ])('called %s detects %s', (name, sabotage) => expectNoticed(name, sabotage));
});
