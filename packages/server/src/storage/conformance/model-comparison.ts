/**
 * Random operations on an engine and on the plain model, compared after every step. A failure
 * prints the seed; `QUIVER_TEST_SEED=<seed>` repeats exactly the same run.
 */

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listAttributes, listState } from '../../domain/attributes.ts';
import { expiryOf, type WriteMoment } from '../../domain/lifetime.ts';
import { notesOfLastCall } from '../../domain/visit-notes.ts';
import { ID_KINDS, type VisitorId } from '../../domain/visitor-id.ts';
import { isCountedByte, STATE } from '../../domain/visitor-state.ts';
import type { BatchStore } from '../batch-store.ts';
import { PlainRows } from '../plain-rows.ts';
import type { ProfileStore } from '../profile-store.ts';
import type { Stores } from '../stores.ts';
import { Follower, settle } from './change-feed-conformance.ts';
import { ModelProfileStore } from './model-profile-store.ts';
import { at, DAY, type StorePlace, T0, tnt } from './profile-store-conformance.ts';

const CLIENTS = ['demo', 'demo2'] as const;

/** Of the customer ids, two have one alias and one has another. */
const valuesOf = (kind: VisitorId['kind']) =>
  kind === 'customerId' ? ['crm:a', 'crm:b', 'shop:a'] : ['a', 'b', 'c'];
const idOf = (kind: VisitorId['kind']) =>
  fc.constantFrom(...valuesOf(kind)).map((value): VisitorId => ({ kind, value }));
const anyId = fc.oneof(...ID_KINDS.map(idOf));
/** At most one id of each kind and at least one in all, as a visitor's request can have. */
const visitIds = fc
  .tuple(...ID_KINDS.map((kind) => fc.option(idOf(kind), { nil: undefined })))
  .map((ids) => ids.filter((id) => id !== undefined))
  .filter((ids) => ids.length > 0);
const someSettings = fc
  .array(
    fc.tuple(
      fc.constantFrom('x', 'y', '__proto__', '1', 'é"\\\n'),
      fc.oneof(
        { weight: 20, arbitrary: fc.string({ maxLength: 5, unit: 'grapheme' }) },
        { weight: 1, arbitrary: fc.constant('w'.repeat(30_000)) },
      ),
    ),
    { maxLength: 3 },
  )
  .map((pairs) => new Map(pairs));
/** Often empty, so that visitors with and without notes meet. */
const someSeen = fc.record({
  categories: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 3 }),
  notesSessions: fc.boolean(),
  page: fc.constantFrom(undefined, 'https://a.example/', 'https://b.example/"é'),
});
/** What scripts keep, and customer attributes, of which an empty one is null. */
const someState = fc
  .array(
    fc.tuple(
      fc.constantFrom(`${STATE.scriptLocal}é`, `${STATE.customerAttribute}crm.a`),
      fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom('', '{"l":{"n":1}}', '"é\\') },
        { weight: 1, arbitrary: fc.constant('w'.repeat(20_000)) },
      ),
    ),
    { minLength: 1, maxLength: 2 },
  )
  .map((pairs) => new Map(pairs));
/** A row of a batch that sets nothing is skipped before it reaches a store. */
const rowSettings = someSettings.filter(({ size }) => size > 0);
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('visit' as const),
      ids: visitIds,
      settings: someSettings,
      seen: fc.option(someSeen, { nil: undefined }),
      state: fc.option(someState, { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('update' as const),
      id: anyId,
      settings: someSettings,
      create: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({
        do: fc.constant('batch' as const),
        kind: fc.constantFrom('tntId' as const, 'thirdPartyId' as const),
        rows: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), rowSettings), { minLength: 1, maxLength: 6 }),
        create: fc.boolean(),
      })
      .map(({ kind, rows, ...rest }) => ({
        ...rest,
        rows: rows.map(([value, settings]) => ({ id: { kind, value }, settings })),
      })),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), id: anyId }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('removeAttribute' as const),
      id: anyId,
      name: fc.constantFrom('x', '1'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('sweep' as const), limit: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('upkeep' as const),
      limits: fc.array(fc.integer({ min: 1, max: 3 })),
    }),
  },
);
const step = fc.record({
  operation,
  elapse: fc.oneof(fc.constantFrom(0, 1, 1000, 1_800_000), fc.integer({ min: 0, max: DAY }), fc.constant(-3)),
  lifetimeDays: fc.constantFrom(1, 2, 14),
  client: fc.constantFrom(...CLIENTS),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The follower reads the feed only occasionally. */
const STEPS_PER_FOLLOW = 4;

/**
 * Does every operation of `steps` on both. After each, the results and everything that can be read
 * must be equal. If the stores keep a feed, its follower must be equal at the end.
 */
async function compare(stores: Stores, steps: readonly Step[]): Promise<void> {
  const store = stores.profiles;
  const model = new ModelProfileStore();
  let now = T0;
  let fresh = 0;
  const expiries = new Set<number>();
  const followers =
    (await stores.changes.newest()) === undefined
      ? []
      : CLIENTS.map((client) => new Follower(stores, client));
  let count = 0;
  const follow = async () => {
    if (followers.length > 0) await settle(stores.changes, now);
    for (const follower of followers) await follower.follow(now);
  };
  for (const { operation: op, elapse, lifetimeDays, client } of steps) {
    // Whether an expired profile comes back when the clock is set back before its expiry depends on
    // what was removed by then; both are allowed.
    const wouldRevive = elapse < 0 && [0, 1, 2].some((ms) => expiries.has(now - ms));
    if (!wouldRevive) now += elapse;
    const moment = at(now, lifetimeDays);
    expiries.add(expiryOf(moment));
    if (op.do === 'visit') {
      fresh += 1;
      const { ids, settings, seen, state } = op;
      const visit = { ids, freshTntId: tnt(`fresh${fresh}`), settings, seen, state };
      expect(await store.visit(client, visit, moment)).toEqual(model.visit(client, visit, moment));
    } else if (op.do === 'update') {
      const answer = await store.update(client, op.id, op.settings, moment, op.create);
      expect(answer).toBe(model.update(client, op.id, op.settings, moment, op.create));
    } else if (op.do === 'batch') {
      const outcomes = op.rows.map(({ id, settings }) => {
        const outcome = model.update(client, id, settings, moment, op.create);
        return outcome === 'updated' || outcome === 'created' ? undefined : outcome;
      });
      expect(await applyBatch(stores.batches, client, op, moment)).toEqual(outcomes);
    } else if (op.do === 'remove') {
      expect(await store.remove(client, op.id, now)).toBe(model.remove(client, op.id, now));
    } else if (op.do === 'removeAttribute') {
      const answer = await store.removeAttribute(client, op.id, op.name, moment);
      expect(answer).toBe(model.removeAttribute(client, op.id, op.name, moment));
    } else if (op.do === 'upkeep') {
      // The next operations run on what an interrupted upkeep has left.
      for (const limit of op.limits) await stores.chores.steps.upkeep?.(limit);
    } else {
      await stores.chores.steps.sweep?.(now, op.limit);
    }
    await compareReads(store, model, client, now);
    count += 1;
    if (count % STEPS_PER_FOLLOW === 0) await follow();
  }
  await follow();
  for (const [index, follower] of followers.entries()) {
    const reads = { findLinked: async (_: string, id: VisitorId) => follower.find(id, now) };
    await compareReads(reads, model, CLIENTS[index]!, now);
  }
}

interface BatchOperation {
  readonly rows: readonly { readonly id: VisitorId; readonly settings: ReadonlyMap<string, string> }[];
  readonly create: boolean;
}

/**
 * A batch of one step, from its queue to its end. Returns the outcome of each row, as far as a
 * batch reports it.
 */
async function applyBatch(
  batches: BatchStore,
  client: string,
  { rows, create }: BatchOperation,
  moment: WriteMoment,
) {
  batchCount += 1;
  const id = `batch${batchCount}`;
  const version = create ? 'v2' : 'v1';
  await batches.accept({ client, id, version, acceptedAt: moment.now, rows: rows.length, bytes: 1 });
  // If the clock went back, the lease ends in the future, and this process still holds it.
  await batches.lease(client, 'model', moment.now, moment.now + 1);
  const updates = rows.map((row, index) => ({
    ...{ ...row, rawId: row.id.value, line: index + 2, start: index, next: index + 1 },
  }));
  await batches.apply({
    ...{
      client,
      id,
      holder: 'model',
      leaseUntil: moment.now + 1,
      consumedBefore: 0,
      failures: [],
      appliedElsewhere: 0,
    },
    updates: PlainRows.of(updates, moment.now),
    after: { offset: rows.length, line: rows.length + 2, consumed: rows.length },
    isLast: true,
    moment,
  });
  const failed = await batches.failures(client, id, 0, rows.length);
  const { progress } = (await batches.find(client, id))!;
  expect(progress.successful).toBe(rows.length - failed.length);
  return updates.map(({ line }) => {
    const failure = failed.find((one) => one.line === line);
    return failure && (failure.notFound ? 'not-found' : 'too-large');
  });
}
let batchCount = 0;

async function compareReads(
  store: Pick<ProfileStore, 'findLinked'>,
  model: ModelProfileStore,
  client: string,
  now: number,
) {
  const ids = ID_KINDS.flatMap((kind) => valuesOf(kind).map((value): VisitorId => ({ kind, value })));
  // All at once, because an engine over the network answers them in one round trip.
  const found = await Promise.all(ids.map((id) => store.findLinked(client, id, now, 100)));
  for (const [index, id] of ids.entries()) {
    const linked = found[index];
    const expected = model.find(client, id, now);
    expectAlike(
      linked && readable(linked),
      expected && {
        modifiedAt: expected.modifiedAt,
        expiresAt: expected.expiresAt,
        noted: expected.noted,
        state: [...expected.state].map(([name, one]) => `${name}=${one.value}@${one.modifiedAt}`).sort(),
        attributes: Object.entries(Object.fromEntries(expected.attributes))
          .concat(
            expected.attributes.has('__proto__')
              ? [['__proto__', expected.attributes.get('__proto__')!]]
              : [],
          )
          .map(([name, attribute]) => `${name}=${attribute.value}@${attribute.modifiedAt}`)
          .filter((line, index, all) => all.indexOf(line) === index)
          .sort(),
        ids: expected.ids.map(({ id, since }) => `${id.kind}:${id.value}@${since}`).sort(),
      },
    );
  }
}

/**
 * The test framework describes a difference well but slowly, so it is called only when there is
 * one.
 */
function expectAlike(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected);
}

function readable({ profile, ids }: NonNullable<Awaited<ReturnType<ProfileStore['findLinked']>>>) {
  const attributes = listAttributes(profile.attributes);
  const times = attributes.map(({ modifiedAt }) => modifiedAt);
  expectAlike(
    times,
    [...times].sort((a, b) => a - b),
  );
  return {
    modifiedAt: profile.modifiedAt,
    expiresAt: profile.expiresAt,
    noted: notesOfLastCall(profile.attributes),
    state: listState(profile.attributes)
      .filter(({ name }) => isCountedByte(name.charCodeAt(0)))
      .map(({ name, value, modifiedAt }) => `${name}=${value}@${modifiedAt}`)
      .sort(),
    attributes: attributes.map(({ name, value, modifiedAt }) => `${name}=${value}@${modifiedAt}`).sort(),
    ids: ids.map(({ kind, value, since }) => `${kind}:${value}@${since}`).sort(),
  };
}

/**
 * Compares one long run: `count` operations drawn with `seed`, on empty stores.
 *
 * @throws when a result or anything that can be read differs
 */
export async function compareAtRandom(stores: Stores, seed: number, count: number): Promise<void> {
  await compare(stores, fc.sample(step, { seed, numRuns: count }));
}

/**
 * Adds the model-based test of an engine.
 *
 * @param runs how many random sequences; each opens its own place
 * @param atEnd checks the place after each run, for conditions of a single engine
 */
export function testAgainstModel(
  engine: string,
  makePlace: () => Promise<StorePlace>,
  runs: number,
  atEnd: (store: Stores, place: StorePlace) => Promise<void> = async () => {},
): void {
  test(`${engine} answers as the model does for random operations`, { timeout: 120_000 }, async () => {
    const seed = process.env.QUIVER_TEST_SEED;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
        const place = await makePlace();
        try {
          const store = await place.open();
          await compare(store, steps);
          await atEnd(store, place);
        } finally {
          await place.dispose();
        }
      }),
      { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) },
    );
  });
}
