/**
 * Tests of attribute indexes (contract section 21) for every engine: what an index finds is what a
 * search through all profiles finds.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { QuiverError } from '../../errors.ts';
import { AttributeIndexes, type AttributeIndexesOptions } from '../kept/attribute-indexes.ts';
import { ATTRIBUTE_INDEXES } from '../kept/index-rows.ts';
import type { ListPage, ListQuery } from '../profile-lists.ts';
import type { Stores } from '../stores.ts';
import { settle } from './change-feed-conformance.ts';
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

const text = ({ kind, value }: VisitorId) => `${kind}:${value}`;
/** Longer than a process is left alone with the work. */
const HELD = 60_000;

/** @param makePlace with a change feed */
export function describeAttributeIndexes(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine} finds profiles through attribute indexes`, () => {
    let place: StorePlace;
    let stores: Stores;
    let wanted: string[];
    let now: number;
    beforeEach(async () => {
      place = await makePlace();
      stores = await place.open();
      wanted = ['plan'];
      now = T0;
    });
    afterEach(async () => place.dispose());

    function indexesOf(over: Stores, parts: Partial<AttributeIndexesOptions> = {}): AttributeIndexes {
      const { records, changes: feed, lists, profiles } = over;
      const wantedBy = () => wanted;
      return new AttributeIndexes({ records, feed, lists, profiles, wantedBy, now: () => now, ...parts });
    }

    const write = (id: VisitorId, set: Record<string, string>, client = 'demo') =>
      stores.profiles.update(client, id, settings(set), at(now), true);
    const link = (...ids: VisitorId[]) =>
      stores.profiles.visit('demo', { ids, freshTntId: tnt('fresh'), settings: settings({}) }, at(now));
    const settled = () => settle(stores.changes, now);
    const keptKeys = async () =>
      (await stores.records.range(ATTRIBUTE_INDEXES, 'demo')).map(({ key, value }) => `${key} ${value}`);

    /** Works until nothing is left to do, or for some steps; as a new process. */
    async function build(steps = Number.POSITIVE_INFINITY): Promise<void> {
      await settled();
      now += HELD;
      const indexes = indexesOf(stores);
      for (let n = 0; n < steps && (await indexes.step('demo')); n += 1);
    }

    function queryOf(value: string, rest: Partial<ListQuery>, name: string): ListQuery {
      const none = { prefix: undefined, kind: undefined, changedSince: undefined, cursor: undefined };
      return { ...none, attribute: { name, value }, limit: 1000, ...rest };
    }

    async function pagesOf(value: string, rest: Partial<ListQuery> = {}, name = 'plan'): Promise<ListPage[]> {
      await settled();
      const pages: ListPage[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await indexesOf(stores).page('demo', queryOf(value, { ...rest, cursor }, name), now);
        pages.push(page);
        if (page.next === undefined) return pages;
        cursor = page.next;
      }
    }

    /** The ids that the complete index finds; they must be those that a search finds. */
    async function found(value: string, rest: Partial<ListQuery> = {}, name = 'plan'): Promise<string[]> {
      const pages = await pagesOf(value, rest, name);
      expect(pages.map(({ index }) => index?.state)).toEqual(pages.map(() => 'complete'));
      const ids = pages.flatMap(({ profiles }) => profiles.map(({ id }) => text(id))).sort();
      expect(ids).toEqual(await searched(value, rest, name));
      return ids;
    }

    async function searched(value: string, rest: Partial<ListQuery> = {}, name = 'plan'): Promise<string[]> {
      const ids: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await stores.lists.page('demo', queryOf(value, { ...rest, cursor }, name), now);
        ids.push(...page.profiles.map(({ id }) => text(id)));
        if (page.next === undefined) return ids.sort();
        cursor = page.next;
      }
    }

    test('is built from what exists, follows what is written, and pages show each profile once', async () => {
      for (let n = 0; n < 250; n += 1) await write(tnt(`t${n}`), { plan: n % 2 ? 'gold' : 'silver' });
      await write(tnt('other'), { plan: 'gold' }, 'demo2');
      await build();
      for (const limit of [7, 64, 1000]) expect(await found('gold', { limit })).toHaveLength(125);
      await write(tnt('t0'), { plan: 'gold' });
      await write(tnt('t1'), { plan: 'silver' });
      await write(tnt('new'), { plan: 'gold' });
      expect(await found('gold')).toHaveLength(126);
      await write(tnt('new'), { other: '1' });
      expect(await found('silver')).toHaveLength(125);
      expect(await found('gol')).toEqual([]);
      now += 1000;
      await write(tnt('t3'), { plan: 'gold' });
      expect(await found('gold', { changedSince: now })).toEqual(['tntId:t3']);
    });

    test('says unfinished, and searches, until it is complete, also for an attribute added later', async () => {
      for (let n = 0; n < 150; n += 1) await write(tnt(`t${n}`), { plan: 'gold', tier: 'one' });
      const states = new Set<string | undefined>();
      for (let step = 0; states.size < 2 && step < 20; step += 1) {
        await build(1);
        const pages = await pagesOf('gold');
        states.add(pages[0]!.index?.state);
        expect(pages.flatMap(({ profiles }) => profiles)).toHaveLength(150);
      }
      expect([...states]).toEqual(['unfinished', 'complete']);
      wanted = ['plan', 'tier'];
      await build(2);
      expect((await pagesOf('one', {}, 'tier'))[0]!.index).toEqual({ state: 'unfinished' });
      expect(await found('gold')).toHaveLength(150);
      await build();
      expect(await found('one', {}, 'tier')).toHaveLength(150);
      expect((await pagesOf('one', {}, 'unindexed'))[0]!.index).toBeUndefined();
    });

    test('continues a build that a process has left, and includes what was written meanwhile', async () => {
      for (let n = 0; n < 350; n += 1) await write(tnt(`t${n}`), { plan: 'gold' });
      await build(2);
      await write(tnt('t1'), { plan: 'silver' });
      await write(tnt('t349'), { plan: 'silver' });
      await write(tnt('late'), { plan: 'gold' });
      stores = await place.open();
      await build(1);
      await stores.profiles.remove('demo', tnt('t2'), now);
      await build();
      expect(await found('gold')).toHaveLength(348);
      expect(await found('silver')).toEqual(['tntId:t1', 'tntId:t349']);
    });

    test('a step that another process has overtaken stores nothing', async () => {
      await write(tnt('a'), { plan: 'gold' });
      await build();
      await write(tnt('a'), { plan: 'silver' });
      await settled();
      now += HELD;
      let overtaken: (() => Promise<void>) | undefined = async () => {
        overtaken = undefined;
        await write(tnt('a'), { plan: 'bronze' });
        await build();
      };
      const slow = indexesOf(stores, {
        profiles: {
          async findLinked(...asked) {
            const linked = await stores.profiles.findLinked(...asked);
            await overtaken?.();
            return linked;
          },
        },
      });
      await slow.step('demo');
      expect(await found('bronze')).toEqual(['tntId:a']);
      expect(await found('silver')).toEqual([]);
    });

    test('finds profiles by their present ids after linking, merging and undoing a merge', async () => {
      await write(tnt('device1'), { plan: 'gold' });
      await write(tnt('device2'), { plan: 'silver' });
      await write(person('p'), { plan: 'gold' });
      await build();
      now += 1000;
      await link(person('p'), tnt('device1'));
      expect(await found('gold')).toHaveLength(1);
      now += 1000;
      await link(person('p'), tnt('device2'), ecid('e'));
      expect(await found('gold')).toHaveLength(1);
      expect(await found('silver')).toEqual([]);
      // The state, and two records of the one profile that is left.
      expect(await keptKeys()).toHaveLength(3);
      await link(customer('c'), tnt('fresh2'));
      await write(customer('c'), { plan: 'gold' });
      expect(await found('gold')).toHaveLength(2);
      const merges = await stores.merges.list('demo', [person('p')], now, 10);
      expect(merges).toHaveLength(2);
      for (const { id } of merges) await stores.merges.unmerge('demo', id, now, false);
      expect(await found('silver')).toEqual(['tntId:device2']);
      await found('gold');
      await build();
      await found('gold');
      await found('silver');
    });

    test('shows a profile once that has got an older id', async () => {
      await write(tnt('old'), { plan: 'silver' });
      now += 1000;
      await write(tnt('young'), { plan: 'gold' });
      now += 1000;
      await link(person('p'), tnt('young'));
      await build();
      expect(await found('gold')).toEqual(['tntId:young']);
      await link(person('p'), tnt('old'));
      expect(await found('gold')).toEqual(['tntId:old']);
    });

    test('finds what a search finds after any sequence of writes, links, removals and steps', async () => {
      wanted = ['plan', 'tier'];
      let seed = 7;
      const pick = (below: number) => {
        seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
        return Math.floor((seed / 2 ** 31) * below);
      };
      const anyId = () => [tnt(`t${pick(12)}`), person(`p${pick(6)}`), ecid(`e${pick(6)}`)][pick(3)]!;
      const values = ['gold', 'silver', 'bronze'];
      for (let n = 0; n < 400; n += 1) {
        now += pick(1000);
        const what = pick(10);
        if (what < 4) await write(anyId(), { [wanted[pick(wanted.length)] ?? 'x']: values[pick(3)]! });
        else if (what < 7) await link(tnt(`t${pick(12)}`), person(`p${pick(6)}`), ecid(`e${pick(6)}`));
        else if (what === 7) await stores.profiles.remove('demo', anyId(), now);
        else if (what === 8) await stores.profiles.removeAttribute('demo', anyId(), 'plan', at(now));
        else await build(pick(4));
        if (n % 100 === 50) wanted = [['plan'], ['tier'], ['plan', 'tier']][pick(3)]!;
        if (n % 20 === 19) {
          if (n % 40 === 39) await build();
          for (const name of wanted) {
            for (const value of values) {
              const pages = await pagesOf(value, { limit: 3 }, name);
              const ids = pages.flatMap(({ profiles }) => profiles.map(({ id }) => text(id))).sort();
              expect(ids).toEqual(await searched(value, {}, name));
              if (n % 40 === 39) expect(pages.every(({ index }) => index?.state === 'complete')).toBe(true);
            }
          }
        }
      }
    });

    test('shows no expired profile, and keeps nothing of profiles that are gone', async () => {
      await write(tnt('expires'), { plan: 'gold' });
      await write(tnt('removed'), { plan: 'gold' });
      await write(tnt('loses'), { plan: 'gold' });
      await build();
      now += 13 * DAY;
      await write(tnt('stays'), { plan: 'gold' });
      now += 3 * DAY;
      expect(await found('gold')).toEqual(['tntId:stays']);
      await write(tnt('expires'), { plan: 'gold' });
      expect(await found('gold')).toEqual(['tntId:expires', 'tntId:stays']);
      await stores.profiles.remove('demo', tnt('expires'), now);
      while ((await stores.chores.steps.sweep?.(now, 100))?.more);
      // The sweep finds what no change has named.
      await build();
      await build();
      await build();
      expect(await found('gold')).toEqual(['tntId:stays']);
      expect((await keptKeys()).filter((key) => /removed|expires|loses/.test(key))).toEqual([]);
      await stores.profiles.removeAttribute('demo', tnt('stays'), 'plan', at(now));
      expect(await found('gold')).toEqual([]);
      expect(await keptKeys()).toHaveLength(1);
    });

    test.each([
      ['of the index', true],
      ['that is new', false],
    ])(
      'forgets an erased person %s at once, though a step has just read the profile',
      async (_, isIndexed) => {
        if (isIndexed) {
          await write(tnt('t'), { plan: 'gold' });
          await write(person('p'), { plan: 'gold' });
          await link(person('p'), tnt('t'));
        }
        await write(tnt('kept'), { plan: 'gold' });
        await build();
        if (isIndexed) await write(person('p'), { plan: 'silver' });
        else {
          await write(person('p'), { plan: 'gold' });
          await link(person('p'), tnt('t'));
        }
        await settled();
        now += HELD;
        let erase: (() => Promise<void>) | undefined = async () => {
          erase = undefined;
          const { ids } = (await stores.profiles.findLinked('demo', person('p'), now, 100))!;
          await stores.profiles.remove('demo', person('p'), now);
          await indexesOf(stores).forget('demo', ids);
        };
        const slow = indexesOf(stores, {
          profiles: {
            async findLinked(...asked) {
              const linked = await stores.profiles.findLinked(...asked);
              await erase?.();
              return linked;
            },
          },
        });
        await slow.step('demo');
        expect((await keptKeys()).filter((key) => !key.startsWith('s ') && !key.includes('kept'))).toEqual(
          [],
        );
        expect(await found('gold')).toEqual(['tntId:kept']);
      },
    );

    test('is removed when no attribute is wanted any more, and rebuilt when it is again', async () => {
      for (let n = 0; n < 120; n += 1) await write(tnt(`t${n}`), { plan: 'gold', tier: 'one' });
      wanted = ['plan', 'tier'];
      await build();
      wanted = ['tier'];
      await build();
      expect(await found('one', {}, 'tier')).toHaveLength(120);
      expect(await keptKeys()).toHaveLength(241);
      const first = await indexesOf(stores).page('demo', queryOf('one', { limit: 5 }, 'tier'), now);
      wanted = [];
      await build();
      expect(await keptKeys()).toEqual([]);
      const again = indexesOf(stores).page('demo', queryOf('one', { cursor: first.next! }, 'tier'), now);
      await expect(again).rejects.toMatchObject({ code: 'bad-request' });
      wanted = ['plan'];
      await build();
      expect(await found('gold')).toHaveLength(120);
    });

    test.each([
      ['partly', 2],
      ['quite', Number.POSITIVE_INFINITY],
    ])('does not call a page complete whose index was %s dropped while it was read', async (_, steps) => {
      for (let n = 0; n < 200; n += 1) await write(tnt(`t${n}`), { plan: 'gold' });
      await build();
      await settled();
      let drop: (() => Promise<void>) | undefined = async () => {
        drop = undefined;
        const names = wanted;
        wanted = [];
        await build(steps);
        wanted = names;
      };
      const indexes = indexesOf(stores, {
        profiles: {
          async findLinked(...asked) {
            await drop?.();
            return stores.profiles.findLinked(...asked);
          },
        },
      });
      const page = await indexes.page('demo', queryOf('gold', {}, 'plan'), now);
      expect(page.index).toEqual({ state: 'unfinished' });
      expect(new Set(page.profiles.map(({ id }) => text(id))).size).toBe(200);
    });

    test('starts again when the feed has lost changes, and finds all the same', async () => {
      for (let n = 0; n < 20; n += 1) await write(tnt(`t${n}`), { plan: 'gold' });
      await build();
      let isGone = true;
      const feed = {
        newest: () => stores.changes.newest(),
        read: (...asked: Parameters<typeof stores.changes.read>) =>
          isGone ? Promise.resolve('gone' as const) : stores.changes.read(...asked),
      };
      await write(tnt('t0'), { plan: 'silver' });
      await write(tnt('new'), { plan: 'gold' });
      await settled();
      const indexes = indexesOf(stores, { feed });
      expect((await indexes.page('demo', queryOf('gold', {}, 'plan'), now)).index?.state).toBe('unfinished');
      now += HELD;
      await indexes.step('demo');
      isGone = false;
      expect((await pagesOf('gold'))[0]!.index?.state).toBe('unfinished');
      await build();
      expect(await found('gold')).toHaveLength(20);
      expect(await found('silver')).toEqual(['tntId:t0']);
      const off = indexesOf(stores, { feed: { newest: async () => undefined, read: async () => 'off' } });
      expect((await off.page('demo', queryOf('gold', {}, 'plan'), now)).index?.state).toBe('unfinished');
    });

    test('says behind when it cannot include the latest changes', async () => {
      await write(tnt('a'), { plan: 'gold' });
      await write(tnt('changes'), { plan: 'gold' });
      await build();
      const upTo = (await pagesOf('gold'))[0]!.index?.upTo;
      await write(tnt('b'), { plan: 'gold' });
      await write(tnt('changes'), { plan: 'silver' });
      await settled();
      const refused = async () => {
        throw new QuiverError('insufficient-storage', 'full');
      };
      const records = {
        get: stores.records.get.bind(stores.records),
        range: stores.records.range.bind(stores.records),
        changeTogether: refused,
      };
      const indexes = indexesOf(stores, { records });
      const page = await indexes.page('demo', queryOf('gold', {}, 'plan'), now);
      expect(page.index).toEqual({ state: 'behind', upTo });
      expect(page.profiles.map(({ id }) => text(id))).toEqual(['tntId:a']);
      expect(await found('gold')).toEqual(['tntId:a', 'tntId:b']);
    });

    test('finds odd names, values and ids, and no value that is only similar', async () => {
      wanted = ['a:b', '"', 'user.x'];
      const long = 'ü'.repeat(200);
      await write(person(long), { 'a:b': '\u{1f600} %:"', '"': '' });
      await write(tnt('t'), { 'a:b': '\u{1f600} %:', '"': 'x' });
      await build();
      expect(await found('\u{1f600} %:"', {}, 'a:b')).toEqual([`thirdPartyId:${long}`]);
      expect(await found('x', {}, '"')).toEqual(['tntId:t']);
    });
  });
}
