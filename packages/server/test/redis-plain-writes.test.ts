/**
 * Updates and visits that one script carries out give the same bytes as the rules of the domain, on
 * a real cluster, for any settings.
 */

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Profile } from '../src/domain/profile.ts';
import { newProfile, visitedProfile, withAttributes } from '../src/domain/profile.ts';
import { Cells } from '../src/storage/redis/cells.ts';
import { openRedisStores } from '../src/storage/redis/open-redis-stores.ts';
import type { Stores } from '../src/storage/stores.ts';
import { hasRedis, type RedisNodes, startRedisNodes } from './redis-nodes.ts';

const SEED = process.env.QUIVER_TEST_SEED;
const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('a', 'b', 'c', 'ab', 'firstSessionStart', 'é', 'a"b', '\u{1f600}'),
  },
  { weight: 1, arbitrary: fc.constantFrom('long'.repeat(40), 'x'.repeat(127), 'x'.repeat(128)) },
);
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('', 'v'.repeat(127), 'v'.repeat(128), 'v'.repeat(5000), 'w'.repeat(17_000)),
);
const write = fc.record({
  isVisit: fc.boolean(),
  settings: fc.array(fc.tuple(name, value), { maxLength: 5 }).map((pairs) => new Map(pairs)),
  /** Milliseconds since the write before. */
  later: fc.constantFrom(0, 1, 1000),
});

describe.skipIf(!hasRedis)('plain writes on Redis Cluster', () => {
  let cluster: RedisNodes;
  let stores: Stores;
  beforeAll(async () => {
    cluster = await startRedisNodes();
    const seeds = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
    stores = await openRedisStores({ seeds, connection: {}, prefix: 'plain', changes: 'off' });
  });
  afterAll(async () => {
    await stores?.close();
    await cluster?.stop();
  });

  test('have the same effect as the writes of the domain', async () => {
    const plain = vi.spyOn(Cells.prototype, 'setPlainly');
    await fc.assert(
      fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 8 }), async (writes) => {
        const id = { kind: 'tntId', value: randomBytes(16).toString('hex') } as const;
        const start = Date.now();
        let now = start;
        let expected: Profile | undefined;
        for (const { isVisit, settings, later } of writes) {
          now += later;
          const moment = { now, lifetimeDays: 14 };
          const before: Profile = expected ?? newProfile(id, moment);
          const visit = { ids: [id], freshTntId: id, settings };
          const after = isVisit
            ? visitedProfile(before, visit, moment, false)
            : withAttributes(before, settings, moment);
          const outcome = isVisit
            ? (await stores.profiles.visit('demo', visit, moment)).outcome
            : await stores.profiles.update('demo', id, settings, moment, true);
          const usual = isVisit ? 'visited' : expected ? 'updated' : 'created';
          expect(outcome).toBe(after === 'too-large' ? 'too-large' : usual);
          if (after !== 'too-large') expected = after;
          const found = await stores.profiles.findLinked('demo', id, now, 10);
          expect(found?.profile).toEqual(expected);
          if (found) expect(found.ids).toEqual([{ ...id, since: expect.any(Number) }]);
        }
      }),
      { numRuns: 60, ...(SEED && { seed: Number(SEED) }) },
    );
    // Many of them used the single script.
    const outcomes = await Promise.all(plain.mock.results.map(({ value: outcome }) => outcome));
    expect(outcomes.filter(Boolean).length).toBeGreaterThan(outcomes.length / 10);
  });
});
