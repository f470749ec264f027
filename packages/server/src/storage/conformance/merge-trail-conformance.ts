/** Tests of the contract in `merge-trail.ts`, for every engine (contract section 20). */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MergeRecord } from '../../domain/unmerge.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import type { Stores } from '../stores.ts';
import { changesAfter, settle } from './change-feed-conformance.ts';
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

/** How long the stores of these tests keep merges, in milliseconds. */
export const MERGES_KEPT = 20 * DAY;

/** @param makePlace of stores with a change feed, which keep merges for {@link MERGES_KEPT} */
export function describeMergeTrail(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine} keeps merges and undoes them`, () => {
    let place: StorePlace;
    let stores: Stores;
    beforeEach(async () => {
      place = await makePlace();
      stores = await place.open();
    });
    afterEach(() => place.dispose());

    let now = T0;
    const visit = async (ids: readonly VisitorId[], set: Record<string, string> = {}, lifetimeDays = 14) => {
      now += 1000;
      const visited = { ids, freshTntId: tnt(`fresh-${now}`), settings: settings(set) };
      await stores.profiles.visit('demo', visited, at(now, lifetimeDays));
    };
    const merges = (id: VisitorId, when = now) => stores.merges.list('demo', [id], when, 100);
    const only = async (id: VisitorId): Promise<MergeRecord> => {
      const records = await merges(id);
      expect(records).toHaveLength(1);
      return records[0]!;
    };
    const undo = (id: string, isPreview = false) => stores.merges.unmerge('demo', id, now, isPreview);
    const values = async (id: VisitorId) => {
      const found = await stores.profiles.find('demo', id, now);
      if (!found) return undefined;
      const all = Object.entries(JSON.parse(found.attributes) as Record<string, { value: string }>);
      return Object.fromEntries(
        all.flatMap(([name, { value }]) => (name === 'firstSessionStart' ? [] : [[name, value]])),
      );
    };
    const idsOf = async (id: VisitorId) =>
      (await stores.profiles.findLinked('demo', id, now, 100))?.ids.map(({ value }) => value).sort();
    const feed = async () => {
      await settle(stores.changes, now);
      return (await changesAfter(stores.changes, 'demo')).changes;
    };

    /** A device with attributes is linked to a person. */
    async function merge(): Promise<MergeRecord> {
      await visit([tnt('device')], { country: 'france', size: 'L', color: 'red' });
      await visit([person('p'), tnt('other')], { country: 'spain' });
      await visit([person('p'), tnt('device')]);
      return only(person('p'));
    }

    test('a merge is recorded, and found by every id', async () => {
      const record = await merge();
      expect(record).toMatchObject({
        at: now,
        into: person('p'),
        ids: [tnt('device')],
        overruled: ['country', 'firstSessionStart'],
        undoneAt: undefined,
      });
      for (const id of [tnt('device'), person('p')]) expect(await only(id)).toEqual(record);
      expect(await merges(tnt('nobody'))).toEqual([]);
      expect(await stores.merges.list('acme', [tnt('device')], now, 100)).toEqual([]);
    });

    test('what links without a merge is not recorded', async () => {
      await visit([tnt('a')], { size: 'L' });
      await visit([person('p'), tnt('a')]);
      await visit([person('q'), tnt('a')]);
      for (const id of [tnt('a'), person('p'), person('q')]) expect(await merges(id)).toEqual([]);
    });

    test('undoing restores both profiles and tells the feed; a preview changes nothing', async () => {
      const { id } = await merge();
      await stores.profiles.update('demo', person('p'), settings({ color: 'blue' }), at(now + 1), false);
      now += 1000;
      const before = await feed();
      const preview = await undo(id, true);
      expect(preview).toMatchObject({ outcome: 'unmerged', removed: ['size'] });
      expect(await feed()).toEqual(before);
      expect(await values(tnt('device'))).toEqual({ country: 'spain', size: 'L', color: 'blue' });
      expect((await only(tnt('device'))).undoneAt).toBeUndefined();

      expect(await undo(id)).toEqual(preview);
      expect(await values(tnt('device'))).toEqual({ country: 'france', size: 'L', color: 'red' });
      expect(await values(person('p'))).toEqual({ country: 'spain', color: 'blue' });
      expect(await values(tnt('other'))).toEqual({ country: 'spain', color: 'blue' });
      expect(await idsOf(tnt('device'))).toEqual(['device']);
      expect(await idsOf(person('p'))).toEqual(['other', 'p']);
      const told = (await feed()).slice(before.length).map(({ type, id }) => `${type} ${id.value}`);
      expect(told.sort()).toEqual(['created device', 'moved p', 'updated p']);
      expect((await only(tnt('device'))).undoneAt).toBe(now);
      expect(await undo(id)).toMatchObject({
        outcome: 'refused',
        reason: expect.stringContaining('already'),
      });

      await stores.profiles.update('demo', tnt('device'), settings({ size: 'S' }), at(now + 1), false);
      expect(await values(person('p'))).toEqual({ country: 'spain', color: 'blue' });
    });

    test('undoing restores a profile of several ids, and the two may be merged again', async () => {
      await visit([ecid('1'), tnt('a')], { plan: 'gold' });
      await visit([person('q'), tnt('b')], { tier: '1' });
      await visit([person('q'), ecid('1')]);
      const { id } = await only(ecid('1'));
      expect(await undo(id)).toMatchObject({ outcome: 'unmerged' });
      for (const one of [tnt('a'), ecid('1')]) expect(await values(one)).toEqual({ plan: 'gold' });
      for (const one of [tnt('b'), person('q')]) expect(await values(one)).toEqual({ tier: '1' });
      expect(await idsOf(tnt('a'))).toEqual(['1', 'a']);
      await visit([person('q'), tnt('a')]);
      expect(await merges(person('q'))).toHaveLength(2);
      expect(await values(tnt('a'))).toEqual({ plan: 'gold', tier: '1' });
    });

    test.each([
      ['first', ['home', 'q', 'd']],
      ['last', ['home', 'd', 'q']],
    ])(
      'undoing works when the profile is stored under an id that leaves, which came %s',
      async (_, order) => {
        await visit([tnt('home')], { tier: '1' });
        await visit([customer('c'), tnt('home')]);
        // The person's own profile, whose ids have either order.
        const [, older] = order;
        await visit([older === 'q' ? person('q') : tnt('d')], { plan: 'gold' });
        await visit([person('q'), tnt('d')]);
        await visit([customer('c'), tnt('d')]);
        const before = await idsOf(customer('c'));
        const record = (await merges(person('q')))[0]!;
        // Somebody else takes the device under whose id the profile is stored.
        await visit([person('other'), tnt('home')]);
        expect(await idsOf(customer('c'))).toEqual(before!.filter((one) => one !== 'home'));
        expect(await undo(record.id)).toMatchObject({ outcome: 'unmerged' });
        for (const one of record.ids) expect(await values(one)).toEqual({ plan: 'gold' });
        expect(await values(customer('c'))).toEqual({ tier: '1' });
        await visit([person('q')], { plan: 'silver' });
        expect(await values(tnt('d'))).toEqual({ plan: 'silver' });
        expect(await values(customer('c'))).toEqual({ tier: '1' });
      },
    );

    test('the merges of a profile that was merged itself can be undone, newest first', async () => {
      await visit([tnt('a')], { one: '1' });
      await visit([ecid('1')], { two: '2' });
      await visit([ecid('1'), tnt('a')]);
      await visit([person('p')], { three: '3' });
      await visit([person('p'), ecid('1')]);
      const [second, first] = await merges(ecid('1'));
      expect(first!.into).toEqual(ecid('1'));
      expect(await undo(second!.id)).toMatchObject({ outcome: 'unmerged' });
      expect(await values(tnt('a'))).toEqual({ one: '1', two: '2' });
      expect(await undo(first!.id)).toMatchObject({ outcome: 'unmerged' });
      expect(await values(tnt('a'))).toEqual({ one: '1' });
      expect(await values(ecid('1'))).toEqual({ two: '2' });
      expect(await values(person('p'))).toEqual({ three: '3' });
    });

    test('a merge cannot be undone once an id names another profile; nothing changes', async () => {
      const { id } = await merge();
      await visit([person('someone'), tnt('device')], { country: 'italy' });
      const before = await feed();
      expect(await undo(id)).toMatchObject({
        outcome: 'refused',
        reason: expect.stringContaining('another'),
      });
      expect(await feed()).toEqual(before);
      expect(await values(tnt('device'))).toEqual({ country: 'italy' });
      expect(await merges(tnt('device'))).toHaveLength(1);
      for (const other of ['nothing', `${id.slice(0, -1)}~`, 'zzz']) {
        expect(await undo(other)).toEqual({ outcome: 'not-found' });
      }
      expect(await stores.merges.unmerge('acme', id, now, false)).toEqual({ outcome: 'not-found' });
    });

    test('records end with their time', async () => {
      const { id } = await merge();
      const end = now + MERGES_KEPT;
      await visit([person('p')], {}, 90);
      expect(await merges(person('p'), end - 1)).toHaveLength(1);
      expect(await merges(person('p'), end)).toEqual([]);
      expect(await stores.merges.unmerge('demo', id, end, false)).toEqual({ outcome: 'not-found' });
    });

    test('records end with the profile, when it is removed or expires', async () => {
      const { id } = await merge();
      await stores.profiles.remove('demo', tnt('other'), now);
      for (const one of [person('p'), tnt('device')]) expect(await merges(one)).toEqual([]);
      expect(await undo(id)).toEqual({ outcome: 'not-found' });

      const again = await merge();
      now += 15 * DAY;
      // A write that meets the expired profile removes it.
      await visit([person('p'), tnt('device')]);
      for (const one of [person('p'), tnt('device')]) expect(await merges(one)).toEqual([]);
      expect(await undo(again.id)).toEqual({ outcome: 'not-found' });
    });

    test('the records of an id can be erased', async () => {
      const { id } = await merge();
      await undo(id);
      await visit([person('p'), tnt('device')]);
      expect(await stores.merges.eraseFrom('acme', [tnt('device')])).toBe(0);
      expect(await stores.merges.eraseFrom('demo', [tnt('device')])).toBe(2);
      for (const one of [person('p'), tnt('device')]) expect(await merges(one)).toEqual([]);
      expect(await undo(id)).toEqual({ outcome: 'not-found' });
      expect(await stores.merges.eraseFrom('demo', [tnt('device')])).toBe(0);
    });

    test('a profile that another edge cluster hands over may merge two', async () => {
      await visit([tnt('a')], { one: '1' });
      await visit([ecid('1')], { two: '2' });
      const handed = (await stores.profiles.findLinked('demo', tnt('a'), now, 100))!;
      const ids = [...handed.ids, { ...ecid('1'), since: now }];
      await stores.profiles.adopt('demo', { ...handed, ids }, now);
      expect(await only(tnt('a'))).toMatchObject({ into: ecid('1'), ids: [tnt('a')] });
    });

    describe('over two edge clusters', () => {
      let otherPlace: StorePlace;
      let other: Stores;
      beforeEach(async () => {
        otherPlace = await makePlace();
        other = await otherPlace.open();
      });
      afterEach(() => otherPlace.dispose());

      /** A merge, whose profile moves to the other cluster. */
      async function moved(): Promise<MergeRecord> {
        const record = await merge();
        const whole = (await stores.profiles.findLinked('demo', person('p'), now, 100))!;
        await other.profiles.adopt('demo', whole, now);
        expect(await stores.profiles.release('demo', whole, now)).toBe(true);
        return record;
      }

      test('a record is found where it was made after its profile has moved', async () => {
        const record = await moved();
        const { id } = record;
        for (const one of [tnt('device'), person('p')]) {
          expect(await stores.merges.recorded('demo', [one], now, 100)).toEqual([record]);
          expect(await other.merges.recorded('demo', [one], now, 100)).toEqual([]);
          expect(await stores.merges.recorded('acme', [one], now, 100)).toEqual([]);
        }
        expect(await stores.merges.find('demo', id, now)).toEqual(record);
        expect(await stores.merges.find('acme', id, now)).toBeUndefined();
        expect(await stores.merges.find('demo', id, now + MERGES_KEPT)).toBeUndefined();
        expect(await other.merges.find('demo', id, now)).toBeUndefined();
      });

      test('it is undone where the profile lives, once', async () => {
        const record = await moved();
        const gone = { outcome: 'refused', reason: expect.stringContaining('was removed') };
        expect(await stores.merges.undo('demo', record, now, false)).toMatchObject(gone);
        now += 1000;
        const preview = await other.merges.undo('demo', record, now, true);
        expect(preview).toMatchObject({ outcome: 'unmerged', removed: ['size', 'color'] });
        expect(await other.merges.undo('demo', record, now, false)).toEqual(preview);
        const undoneAt = now;
        const found = (id: VisitorId) => other.profiles.findLinked('demo', id, now, 100);
        expect((await found(tnt('device')))?.ids).toEqual(record.ids);
        expect((await found(person('p')))?.ids.map(({ value }) => value).sort()).toEqual(['other', 'p']);

        // The two are merged again, and the record must not undo that.
        now += 1000;
        const ids = [person('p'), tnt('device')];
        const again = { ids, freshTntId: tnt('fresh'), settings: settings({}) };
        await other.profiles.visit('demo', again, at(now, 14));
        now += 1000;
        for (const isPreview of [true, false]) {
          const twice = await other.merges.undo('demo', record, now, isPreview);
          expect(twice).toMatchObject({ outcome: 'refused', undoneAt });
        }
        await stores.merges.noteUndone('demo', record, undoneAt);
        await other.merges.noteUndone('acme', record, undoneAt + 1);
        expect(await stores.merges.find('demo', record.id, now)).toEqual({ ...record, undoneAt });
      });

      test('a note about a merge that is not recorded here has no effect', async () => {
        const record = await moved();
        await other.merges.noteUndone('demo', record, now);
        expect(await other.merges.undo('demo', record, now, true)).toMatchObject({ outcome: 'unmerged' });
      });
    });

    test('a process that opens the store later finds and undoes merges', async () => {
      const { id } = await merge();
      stores = await place.open();
      expect(await only(tnt('device'))).toMatchObject({ id });
      expect(await undo(id)).toMatchObject({ outcome: 'unmerged' });
    });
  });
}
