/**
 * Tests of the contract in `change-feed.ts`, for every engine, and a follower that knows a store
 * only through its feed.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Change } from '../../domain/change.ts';
import { isExpired } from '../../domain/lifetime.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import type { ChangeFeed, EarlierPage, FeedChange, FeedPage, FeedRetention } from '../change-feed.ts';
import { PlainRows } from '../plain-rows.ts';
import type { LinkedProfile } from '../profile-store.ts';
import type { Stores } from '../stores.ts';
import {
  at,
  customer,
  DAY,
  ecid,
  person,
  type StorePlace,
  settings,
  T0,
  tnt,
} from './profile-store-conformance.ts';

export const KEPT: FeedRetention = { age: 7 * DAY, bytes: 1024 ** 3 };

/** Repeats upkeep until there is nothing left to do. */
export async function settle(feed: ChangeFeed, now = T0): Promise<void> {
  while (await feed.upkeep(now));
}

/** All changes of a client after a cursor, read a few at a time. */
export async function changesAfter(
  feed: ChangeFeed,
  client: string,
  after?: string,
  limit = 3,
): Promise<{ changes: FeedChange[]; next: string }> {
  const changes: FeedChange[] = [];
  for (let from = after; ; ) {
    const page = pageOf(await feed.read(client, from, limit));
    changes.push(...page.changes);
    from = page.next;
    if (!page.more) return { changes, next: page.next };
  }
}

/** Changes of the client `demo` before a cursor that are wanted, newest first. */
async function earlier(
  feed: ChangeFeed,
  limit: number,
  before?: string,
  isWanted: (change: Change) => boolean = () => true,
): Promise<FeedChange[]> {
  const changes: FeedChange[] = [];
  for (let from = before; ; ) {
    const page = await feed.readBefore('demo', from, limit, isWanted);
    if (typeof page === 'string') throw new Error(`the feed is ${page}`);
    changes.push(...page.changes);
    from = page.before;
    if (!page.more) return changes;
  }
}

function pageOf(page: Awaited<ReturnType<ChangeFeed['read']>>): FeedPage {
  if (typeof page === 'string') throw new Error(`the feed is ${page}`);
  return page;
}

const keyOf = ({ kind, value }: VisitorId) => `${kind} ${value}`;

/**
 * A copy of one client's profiles that is made only from the feed and the current state of the
 * profiles that it names.
 */
export class Follower {
  readonly #stores: Stores;
  readonly #client: string;
  readonly #profiles = new Map<string, LinkedProfile>();
  #cursor: string | undefined;

  constructor(stores: Stores, client: string) {
    this.#stores = stores;
    this.#client = client;
  }

  /** Applies the new changes. */
  async follow(now: number): Promise<void> {
    const { changes, next } = await changesAfter(this.#stores.changes, this.#client, this.#cursor);
    this.#cursor = next;
    for (const { type, id, ids } of changes) {
      const found = await this.#stores.profiles.findLinked(this.#client, id, now, 1000);
      this.#forget(id);
      if (type === 'merged') for (const one of ids) this.#forget(one);
      for (const one of found?.ids ?? []) this.#forget(one);
      for (const one of found?.ids ?? []) this.#profiles.set(keyOf(one), found!);
    }
  }

  find(id: VisitorId, now: number): LinkedProfile | undefined {
    const found = this.#profiles.get(keyOf(id));
    return found && !isExpired(found.profile, now) ? found : undefined;
  }

  /** Forgets the whole profile that an id names. */
  #forget(id: VisitorId): void {
    for (const one of this.#profiles.get(keyOf(id))?.ids ?? []) this.#profiles.delete(keyOf(one));
  }
}

/**
 * @param makePlace gives places whose stores keep a feed as {@link KEPT} says
 * @param order whether changes come in the order in which they were acknowledged, or only those of
 *   one profile do
 */
export function describeChangeFeed(
  engine: string,
  makePlace: () => Promise<StorePlace>,
  order: 'of-all' | 'of-a-profile' = 'of-all',
): void {
  describe(`${engine} keeps the contract of the change feed`, () => {
    let place: StorePlace;
    let stores: Stores;
    beforeEach(async () => {
      place = await makePlace();
      stores = await place.open();
    });
    afterEach(async () => place.dispose());

    const told = async (client = 'demo') => {
      await settle(stores.changes);
      return (await changesAfter(stores.changes, client)).changes.map(inShort);
    };
    const update = (id: VisitorId, set: Record<string, string>, now = T0, client = 'demo') =>
      stores.profiles.update(client, id, settings(set), at(now), true);
    const visit = (ids: VisitorId[], set: Record<string, string> = {}, now = T0) =>
      stores.profiles.visit('demo', { ids, freshTntId: tnt('fresh'), settings: settings(set) }, at(now));

    test('reports updates with names but never values, and nothing about refused calls', async () => {
      await update(tnt('a'), { x: 'secret', 'é"\\\n': '1' });
      await stores.profiles.update('demo', tnt('b'), settings({ x: '1' }), at(T0), false);
      await update(tnt('a'), { y: 'z'.repeat(70_000) });
      const through = { ...at(T0 + 1), through: 'console' } as const;
      await stores.profiles.update('demo', tnt('a'), settings({ y: '2' }), through, false);
      await stores.profiles.removeAttribute('demo', tnt('a'), 'y', at(T0 + 2));
      await stores.profiles.removeAttribute('demo', tnt('a'), 'none', at(T0 + 2));
      expect(await told()).toEqual([
        `created tntId:a update ${T0} x,é"\\\n`,
        `updated tntId:a console ${T0 + 1} y`,
        `updated tntId:a removal ${T0 + 2} y`,
      ]);
    });

    test('reports visits: created, linked, merged with the overruled values, moved', async () => {
      await visit([tnt('a')], { x: '1' });
      await visit([tnt('a'), person('p')], {}, T0 + 1);
      await update(ecid('e'), { x: '2', only: '3' }, T0 + 2);
      await visit([person('p'), ecid('e')], { z: '1' }, T0 + 3);
      await visit([person('q'), tnt('a')], {}, T0 + 4);
      expect(await told()).toEqual([
        `created tntId:a visit ${T0} x,firstSessionStart`,
        `linked tntId:a visit ${T0 + 1} + thirdPartyId:p`,
        `updated thirdPartyId:p visit ${T0 + 1}`,
        `created ecid:e update ${T0 + 2} x,only`,
        `merged thirdPartyId:p visit ${T0 + 3} x + ecid:e`,
        `updated thirdPartyId:p visit ${T0 + 3} z`,
        `created thirdPartyId:q visit ${T0 + 4} firstSessionStart`,
        `linked thirdPartyId:q visit ${T0 + 4} + tntId:a`,
        expect.stringMatching(`^moved (thirdPartyId:p|ecid:e) visit ${T0 + 4} \\+ tntId:a$`),
      ]);
    });

    test('lets a follower forget a profile that was linked or merged, and removed before it read that', async () => {
      const follower = new Follower(stores, 'demo');
      const follow = async () => {
        await settle(stores.changes);
        await follower.follow(T0);
      };
      await visit([tnt('a')], { x: '1' });
      await visit([tnt('b')], { x: '1' });
      await visit([person('q')], { y: '1' });
      await follow();
      expect(follower.find(tnt('a'), T0)).toBeDefined();
      await visit([tnt('a'), person('p')]);
      await visit([tnt('b'), person('q')]);
      for (const id of [person('p'), person('q')]) await stores.profiles.remove('demo', id, T0);
      await follow();
      expect([tnt('a'), tnt('b'), person('q')].map((id) => follower.find(id, T0))).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    });

    test('reports rows of batches, removals, and what edge clusters hand over', async () => {
      const updates = ['r1', 'r2', 'r1'].map((value, index) => ({
        ...{ id: tnt(value), rawId: value, line: index + 2, start: index, next: index + 1 },
        settings: settings(index === 2 ? { b: '2' } : { a: '1', b: '1' }),
      }));
      const batch = { client: 'demo', id: 'demo-1-00000001', version: 'v2', acceptedAt: T0 } as const;
      await stores.batches.accept({ ...batch, rows: 3, bytes: 1 });
      await stores.batches.lease('demo', 'test', T0, T0 + 1000);
      await stores.batches.apply({
        ...{
          ...batch,
          holder: 'test',
          leaseUntil: T0 + 1000,
          consumedBefore: 0,
          failures: [],
          appliedElsewhere: 0,
        },
        updates: PlainRows.of(updates, T0),
        after: { offset: 3, line: 5, consumed: 3 },
        isLast: true,
        moment: at(T0),
      });
      const rows = await told();
      // Several rows of one profile may appear as one change.
      expect(rows[0]).toMatch(/^created tntId:r[12] batch \d+ a,b$/);
      expect(rows.filter((one) => one.includes('tntId:r1')).join()).toMatch(/a,b/);
      expect(rows.filter((one) => one.includes('tntId:r2'))).toEqual([`created tntId:r2 batch ${T0} a,b`]);

      await stores.profiles.remove('demo', tnt('r1'), T0);
      await stores.profiles.remove('demo', tnt('r1'), T0);
      const handed = (await stores.profiles.findLinked('demo', tnt('r2'), T0, 10))!;
      await stores.profiles.release('demo', handed, T0 + 1);
      await stores.profiles.adopt('demo', handed, T0 + 2);
      const later = (await told()).slice(rows.length);
      const moves = [`moved tntId:r2 edge ${T0 + 1}`, `created tntId:r2 edge ${T0 + 2} a,b`];
      expect(later.filter((one) => one.includes('tntId:r2'))).toEqual(moves);
      const all = [`removed tntId:r1 removal ${T0}`, ...moves];
      expect([...later].sort()).toEqual([...all].sort());
      if (order === 'of-all') expect(later).toEqual(all);
    });

    test('keeps clients apart, and never repeats a change after a cursor', async () => {
      for (let n = 0; n < 20; n += 1)
        await update(tnt(`a${n % 7}`), { x: String(n) }, T0 + n, n % 2 ? 'demo' : 'acme');
      await settle(stores.changes);
      for (const limit of [1, 3, 100]) {
        const { changes, next } = await changesAfter(stores.changes, 'demo', undefined, limit);
        const times = changes.map((change) => change.at - T0);
        const sorted = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19];
        expect([...times].sort((one, other) => one - other)).toEqual(sorted);
        if (order === 'of-all') expect(times).toEqual(sorted);
        for (let n = 0; n < 7; n += 1) {
          const own = changes.filter(({ id }) => id.value === `a${n}`).map((change) => change.at);
          expect(own).toEqual([...own].sort((one, other) => one - other));
        }
        const behind = await changesAfter(stores.changes, 'demo', changes[4]!.cursor, limit);
        expect(behind.changes).toEqual(changes.slice(5));
        expect((await changesAfter(stores.changes, 'demo', next, limit)).changes).toEqual([]);
        await update(tnt('more'), { x: String(limit) });
        await settle(stores.changes);
        const more = await changesAfter(stores.changes, 'demo', next, limit);
        expect(more.changes.map(inShort)).toEqual([expect.stringMatching(/^(created|updated) tntId:more/)]);
        await stores.profiles.remove('demo', tnt('more'), T0);
        if (limit < 100) break;
      }
    });

    test('shows a second opener the same, and continues after it', async () => {
      await update(tnt('a'), { x: '1' });
      const second = await place.open();
      await second.profiles.update('demo', tnt('b'), settings({ x: '1' }), at(T0 + 1), true);
      await update(tnt('c'), { x: '1' }, T0 + 2);
      await settle(stores.changes);
      const { changes } = await changesAfter(second.changes, 'demo');
      expect(changes.map(({ id }) => id.value).sort()).toEqual(['a', 'b', 'c']);
      expect(await changesAfter(stores.changes, 'demo')).toEqual(await changesAfter(second.changes, 'demo'));
    });

    test('refuses invalid cursors, and says when one belongs to another feed', async () => {
      await update(tnt('a'), { x: '1' });
      await settle(stores.changes);
      for (const text of ['', 'x', 'latest', '1', "'", '-1']) {
        expect(await stores.changes.read('demo', text, 10)).toBe('malformed');
      }
      const newest = (await stores.changes.newest())!;
      const other = newest.replace(/^[0-9a-f]+/, (id) => 'f'.repeat(id.length));
      expect(await stores.changes.read('demo', other, 10)).toBe('gone');
      expect(await stores.changes.read('demo', newest.replace(/[0-9]$/, '$&9999'), 10)).toBe('gone');
    });

    test('reads backwards, newest first, in steps, and continues before any of its changes', async () => {
      for (let n = 0; n < 12; n += 1)
        await update(tnt(`a${n % 3}`), { x: String(n) }, T0 + n, n % 4 === 3 ? 'acme' : 'demo');
      await settle(stores.changes);
      const { changes } = await changesAfter(stores.changes, 'demo');
      const newestFirst = [...changes].reverse();
      const cursor = newestFirst[2]!.cursor;
      for (const limit of [1, 2, 100]) {
        expect(await earlier(stores.changes, limit)).toEqual(newestFirst);
        expect(await earlier(stores.changes, limit, cursor)).toEqual(newestFirst.slice(3));
      }
      const isWanted = ({ id }: Change) => id.value === 'a1';
      const wanted = newestFirst.filter(isWanted);
      expect(wanted.length).toBeGreaterThan(1);
      for (const limit of [1, 100])
        expect(await earlier(stores.changes, limit, undefined, isWanted)).toEqual(wanted);
      await update(tnt('later'), { x: '1' });
      await settle(stores.changes);
      expect(await earlier(stores.changes, 100, cursor)).toEqual(newestFirst.slice(3));
    });

    test('ends a step of reading backwards after some thousand changes', async () => {
      for (let n = 0; n < 6000; n += 500) {
        const some = Array.from({ length: 500 }, (_, k) => update(tnt(`a${n + k}`), { x: '1' }));
        await Promise.all(some);
      }
      await settle(stores.changes);
      const first = (await stores.changes.readBefore('demo', undefined, 10, () => false)) as EarlierPage;
      expect(first).toMatchObject({ changes: [], more: true, examinedTo: T0 });
      expect(first.examined).toBeGreaterThan(100);
      expect(first.examined).toBeLessThan(6000);
      // Pages end within what one transaction has written.
      const cursors = (await earlier(stores.changes, 700)).map(({ cursor }) => cursor);
      expect([cursors.length, new Set(cursors).size]).toEqual([6000, 6000]);
    });

    test('refuses invalid cursors when it reads backwards, and ends at the oldest kept change', async () => {
      await update(tnt('a'), { x: '1' }, T0);
      await settle(stores.changes, T0);
      const readAt = (cursor: string) => stores.changes.readBefore('demo', cursor, 10, () => true);
      for (const text of ['', 'x', 'latest', '1', '-1']) expect(await readAt(text)).toBe('malformed');
      const { cursor } = (await earlier(stores.changes, 1))[0]!;
      expect(await readAt(cursor.replace(/^[0-9a-f]+/, (id) => 'f'.repeat(id.length)))).toBe('gone');
      expect(await readAt(`${cursor}9999`)).toBe('gone');
      for (let n = 0; n < 3; n += 1) await update(tnt('a'), { x: '2' }, T0 + 8 * DAY + n);
      await settle(stores.changes, T0 + 8 * DAY);
      const kept = await earlier(stores.changes, 2);
      expect(kept.map((change) => change.at - T0 - 8 * DAY)).toEqual([2, 1, 0]);
      expect(await readAt(cursor)).toMatchObject({ changes: [], examined: 0, more: false });
    });

    test('forgets old changes, and says that a cursor before them has expired', async () => {
      const start = (await stores.changes.newest())!;
      await update(tnt('a'), { x: '1' }, T0);
      await settle(stores.changes, T0);
      const {
        changes: [first],
      } = await changesAfter(stores.changes, 'demo');
      for (let n = 0; n < 3; n += 1) await update(tnt('a'), { x: '2' }, T0 + 8 * DAY + n);
      await settle(stores.changes, T0 + 8 * DAY);
      const { changes } = await changesAfter(stores.changes, 'demo');
      expect(changes.map((change) => change.at)).toEqual([0, 1, 2].map((n) => T0 + 8 * DAY + n));
      expect(await stores.changes.read('demo', start, 10)).toBe('gone');
      // After the last removed change, nothing is missing.
      expect((await changesAfter(stores.changes, 'demo', first!.cursor)).changes).toHaveLength(3);
      expect(await stores.changes.figures()).toMatchObject({
        oldestAt: T0 + 8 * DAY,
        bytes: expect.any(Number),
      });
    });

    test('contains nothing of an erased person, and loses no other change', async () => {
      await update(tnt('keep'), { a: '1' });
      await update(tnt('gone'), { a: '1' });
      await update(tnt('other'), { a: '1' });
      await visit([person('keeper'), tnt('gone')], { b: '2' });
      await update(tnt('gone'), { c: '3' }, T0, 'acme');
      await settle(stores.changes);
      const before = await changesAfter(stores.changes, 'demo');
      const naming = before.changes.filter((one) => JSON.stringify(one).includes('gone'));
      expect(await stores.changes.eraseFrom('demo', [tnt('gone'), customer('never')])).toBe(naming.length);
      const after = await changesAfter(stores.changes, 'demo');
      expect(after.changes).toEqual(before.changes.filter((one) => !naming.includes(one)));
      expect(after.next).toBe(before.next);
      expect(JSON.stringify(after)).not.toContain('gone');
      expect(await earlier(stores.changes, 2)).toEqual([...after.changes].reverse());
      expect((await changesAfter(stores.changes, 'acme')).changes).toHaveLength(1);
      expect(await stores.changes.eraseFrom('demo', [tnt('gone')])).toBe(0);
      await update(tnt('keep'), { d: '4' }, T0 + 1);
      await settle(stores.changes);
      expect((await changesAfter(stores.changes, 'demo', before.next)).changes.map(inShort)).toEqual([
        `updated tntId:keep update ${T0 + 1} d`,
      ]);
    });
  });
}

function inShort({ type, id, channel, at: when, attributes, ids }: Change): string {
  const names = attributes.length === 0 ? '' : ` ${attributes.join()}`;
  const others = ids.map(({ kind, value }) => ` + ${kind}:${value}`).join('');
  return `${type} ${id.kind}:${id.value} ${channel} ${when}${names}${others}`;
}
