/**
 * Tests of the storage contract, for every engine. An engine's own test file calls
 * {@link describeProfileStore} with a way to open it; nothing here depends on the engine.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAX_ATTRIBUTES_SIZE } from '../../domain/attributes.ts';
import type { WriteMoment } from '../../domain/lifetime.ts';
import type { ProfileLimits } from '../../domain/profile-limits.ts';
import { FIRST_SESSION_START } from '../../domain/session.ts';
import { customerId, type VisitorId } from '../../domain/visitor-id.ts';
import type { ProfileStore } from '../profile-store.ts';
import type { Stores } from '../stores.ts';
import { attributesIn } from './attributes-in.ts';

/** The place of one store. `open` may be called several times, to represent several processes. */
export interface StorePlace {
  open(limits?: ProfileLimits): Promise<Stores>;
  /** Closes everything that was opened and deletes the store. */
  dispose(): Promise<void>;
}

export const DAY = 86_400_000;
export const T0 = Date.UTC(2026, 7, 18, 17, 53, 39, 3);

export const tnt = (value: string): VisitorId => ({ kind: 'tntId', value });
export const ecid = (value: string): VisitorId => ({ kind: 'ecid', value });
export const person = (value: string): VisitorId => ({ kind: 'thirdPartyId', value });
/** A customer id with the alias `crm`, unless another is given. */
export const customer = (id: string, alias = 'crm'): VisitorId => customerId({ alias, id });
export const at = (now: number, lifetimeDays = 14): WriteMoment => ({ now, lifetimeDays });
export const settings = (values: Record<string, string>) => new Map(Object.entries(values));

/** @param freesByItself whether the engine frees expired profiles without being asked to */
export function describeProfileStore(
  engine: string,
  makePlace: () => Promise<StorePlace>,
  freesByItself = false,
): void {
  describe(`${engine} keeps the storage contract`, () => {
    let place: StorePlace;
    let stores: Stores;
    let store: ProfileStore;
    beforeEach(async () => {
      place = await makePlace();
      stores = await place.open();
      store = stores.profiles;
    });
    afterEach(async () => place.dispose());

    const values = async (id: VisitorId, now = T0, client = 'demo') => {
      const profile = await store.find(client, id, now);
      return profile && Object.fromEntries(attributesIn(profile.attributes).map((a) => [a.name, a.value]));
    };
    const visit = (ids: VisitorId[], set: Record<string, string> = {}, now = T0) =>
      store.visit('demo', { ids, freshTntId: tnt('fresh'), settings: settings(set) }, at(now));
    const named = async (id: VisitorId, now = T0) =>
      (await store.findLinked('demo', id, now, 100))?.ids.map(({ kind, value }) => `${kind}:${value}`).sort();

    describe('an update', () => {
      test('creates a profile only when asked to, and says whether it did', async () => {
        expect(await store.update('demo', tnt('a'), settings({ x: '1' }), at(T0), false)).toBe('not-found');
        expect(await values(tnt('a'))).toBeUndefined();
        expect(await store.update('demo', tnt('a'), settings({ x: '1' }), at(T0), true)).toBe('created');
        expect(await store.update('demo', tnt('a'), settings({ y: '2' }), at(T0), false)).toBe('updated');
        expect(await values(tnt('a'))).toEqual({ x: '1', y: '2' });
      });

      test('keeps clients and kinds of id apart', async () => {
        await store.update('demo', tnt('a'), settings({ x: 'demo' }), at(T0), true);
        await store.update('demo2', tnt('a'), settings({ x: 'demo2' }), at(T0), true);
        await store.update('demo', person('a'), settings({ x: 'person' }), at(T0), true);
        expect(await values(tnt('a'))).toEqual({ x: 'demo' });
        expect(await values(tnt('a'), T0, 'demo2')).toEqual({ x: 'demo2' });
        expect(await values(person('a'))).toEqual({ x: 'person' });
        expect(await values(ecid('a'))).toBeUndefined();
        expect(await values(tnt('2a'), T0, 'demo')).toBeUndefined();
      });

      test('is refused when it would exceed 64 KB, and changes nothing', async () => {
        const room = MAX_ATTRIBUTES_SIZE - 2;
        expect(
          await store.update(
            'demo',
            tnt('a'),
            settings({ x: 'é'.repeat((room - 1) / 2 + 0.5) }),
            at(T0),
            true,
          ),
        ).toBe('created');
        const before = await store.find('demo', tnt('a'), T0);
        expect(await store.update('demo', tnt('a'), settings({ yy: 'z' }), at(T0 + 5), true)).toBe(
          'too-large',
        );
        expect(await store.find('demo', tnt('a'), T0)).toEqual(before);
        expect(await store.update('demo', tnt('b'), settings({ x: 'z'.repeat(65_536) }), at(T0), true)).toBe(
          'too-large',
        );
        expect(await values(tnt('b'))).toBeUndefined();
      });

      test('drops the oldest attributes where the client wants that, but never those of the write', async () => {
        const dropping = (now: number): WriteMoment => ({ ...at(now), whenTooLarge: 'drop-oldest' });
        const fill = (length: number) => 'x'.repeat(length);
        const names = async (id: VisitorId) => Object.keys((await values(id)) ?? {});
        const visit = {
          ids: [tnt('a')],
          freshTntId: tnt('fresh'),
          settings: settings({ old: fill(30_000) }),
        };
        await store.visit('demo', visit, at(T0));
        await store.update('demo', tnt('a'), settings({ mid: fill(30_000) }), at(T0 + 1), false);
        const write = settings({ new: fill(20_000) });
        expect(await store.update('demo', tnt('a'), write, dropping(T0 + 2), false)).toBe('updated');
        expect(await names(tnt('a'))).toEqual([FIRST_SESSION_START, 'mid', 'new']);
        const more = { ...visit, settings: settings({ newest: fill(40_000) }) };
        expect(await store.visit('demo', more, dropping(T0 + 3))).toMatchObject({ outcome: 'visited' });
        expect(await names(tnt('a'))).toEqual([FIRST_SESSION_START, 'new', 'newest']);
        const tooMuch = settings({ one: fill(40_000), two: fill(40_000) });
        expect(await store.update('demo', tnt('a'), tooMuch, dropping(T0 + 4), false)).toBe('too-large');
        expect(await names(tnt('a'))).toEqual([FIRST_SESSION_START, 'new', 'newest']);
      });

      test('keeps the longest and strangest ids and names exactly', async () => {
        const longest = person('\u{10ffff}'.repeat(256));
        const strange = { __proto__x: '', constructor: 'c', '1': 'one', ' ': '"\\\u0000\n\u{1f98a}' };
        const set = new Map([['__proto__', 'p'], ...Object.entries(strange)]);
        await store.update('demo', longest, set, at(T0), true);
        const profile = await store.find('demo', longest, T0);
        expect(new Map(attributesIn(profile!.attributes).map((a) => [a.name, a.value]))).toEqual(set);
        const linked = await store.findLinked('demo', longest, T0, 1);
        expect(linked?.profile.thirdPartyId).toBe(longest.value);
      });
    });

    describe('a visit', () => {
      test('creates a visitor, notes the first session once, and starts the lifetime at the last write', async () => {
        expect(await visit([tnt('a')])).toEqual({ outcome: 'visited', tntId: 'a' });
        await visit([tnt('a')], {}, T0 + DAY);
        expect(await values(tnt('a'))).toEqual({ firstSessionStart: String(T0) });
        const profile = await store.find('demo', tnt('a'), T0 + DAY);
        expect(profile?.expiresAt).toBe(T0 + 15 * DAY);
        expect(profile?.modifiedAt).toBe(T0);
      });

      test('answers a visitor without tntId with the oldest one, or with a new one that stays', async () => {
        expect((await visit([person('p')])).tntId).toBe('fresh');
        const again = await store.visit(
          'demo',
          { ids: [person('p')], freshTntId: tnt('second'), settings: new Map() },
          at(T0 + 1),
        );
        expect(again.tntId).toBe('fresh');
        expect(await named(person('p'))).toEqual(['thirdPartyId:p', 'tntId:fresh']);
        await visit([tnt('older')], {}, T0 - 5);
        await visit([ecid('e'), tnt('older')], {}, T0 + 2);
        await visit([person('p'), ecid('e')], {}, T0 + 3);
        expect((await visit([ecid('e')], {}, T0 + 4)).tntId).toBe('older');
      });

      test('merges a device into a person: the stronger value is kept, nothing is lost, every id finds the result', async () => {
        await visit([tnt('d')], { color: 'red', device: 'phone' });
        await visit([person('p'), tnt('x')], { color: 'blue' }, T0 + 1);
        await visit([person('p'), tnt('d')], {}, T0 + 2);
        const expected = { color: 'blue', device: 'phone', firstSessionStart: String(T0 + 1) };
        for (const id of [tnt('d'), tnt('x'), person('p')]) expect(await values(id)).toEqual(expected);
        expect(await named(tnt('d'))).toEqual(['thirdPartyId:p', 'tntId:d', 'tntId:x']);
      });

      test('moves only the shared device: the other person keeps attributes and ids', async () => {
        await visit([tnt('shared')], { first: 'device' });
        await visit([person('ann'), tnt('shared')], { who: 'ann' }, T0 + 1);
        await visit([tnt('anns-phone'), person('ann')], {}, T0 + 2);
        await visit([person('bob'), tnt('shared')], { who: 'bob' }, T0 + 3);
        expect(await named(person('ann'))).toEqual(['thirdPartyId:ann', 'tntId:anns-phone']);
        expect(await named(person('bob'))).toEqual(['thirdPartyId:bob', 'tntId:shared']);
        expect((await values(tnt('anns-phone')))?.who).toBe('ann');
        expect((await values(tnt('anns-phone')))?.first).toBe('device');
        expect(await values(tnt('shared'))).toEqual({ who: 'bob', firstSessionStart: String(T0 + 3) });
      });

      test('moves two devices of one person one after the other', async () => {
        await visit([ecid('e'), tnt('t')]);
        await visit([person('ann'), ecid('e')], { who: 'ann' }, T0 + 1);
        await visit([person('bob'), ecid('e'), tnt('t')], { who: 'bob' }, T0 + 2);
        expect(await named(person('ann'))).toEqual(['thirdPartyId:ann']);
        expect((await values(person('ann')))?.who).toBe('ann');
        expect(await named(person('bob'))).toEqual(['ecid:e', 'thirdPartyId:bob', 'tntId:t']);
      });

      test('with a customer id and its alias names a person, as a thirdPartyId does', async () => {
        await visit([customer('4711'), tnt('a')], { plan: 'gold' });
        expect(await values(customer('4711'))).toMatchObject({ plan: 'gold' });
        expect(await values(customer('4711', 'shop'))).toBeUndefined();
        expect(await values(person('4711'))).toBeUndefined();
        await visit([person('p'), customer('4711')], {}, T0 + 1);
        expect(await values(person('p'))).toMatchObject({ plan: 'gold' });
        await visit([customer('9', 'shop'), tnt('a')], {}, T0 + 2);
        const all = [person('p'), customer('4711'), customer('9', 'shop'), tnt('a')];
        const expected = all.map(({ kind, value }) => `${kind}:${value}`).sort();
        for (const id of all) expect(await named(id)).toEqual(expected);
      });

      test('with a second customer of one alias moves only the device, even from where it was first', async () => {
        await visit([tnt('shared')], { first: 'device' });
        await visit([customer('ann'), ecid('e'), tnt('shared')], { who: 'ann' }, T0 + 1);
        await visit([customer('bob'), tnt('shared')], { who: 'bob' }, T0 + 2);
        await visit([customer('bob'), ecid('e')], {}, T0 + 3);
        expect(await named(customer('ann'))).toEqual(['customerId:crm:ann']);
        expect(await values(customer('ann'))).toMatchObject({ who: 'ann', first: 'device' });
        expect(await named(tnt('shared'))).toEqual(['customerId:crm:bob', 'ecid:e', 'tntId:shared']);
        expect(await values(ecid('e'))).toEqual({ who: 'bob', firstSessionStart: String(T0 + 2) });
      });

      test('moves only the customer id of another person, which stays when its place is taken', async () => {
        await visit([person('p'), tnt('a')], { who: 'p' });
        await visit([person('q'), customer('4711'), tnt('b')], { who: 'q' });
        await visit([person('p'), customer('4711')], {}, T0 + 1);
        expect(await named(person('p'))).toEqual(['customerId:crm:4711', 'thirdPartyId:p', 'tntId:a']);
        expect(await named(person('q'))).toEqual(['thirdPartyId:q', 'tntId:b']);
        expect((await values(person('q')))?.who).toBe('q');
        await visit([person('q'), customer('8')], {}, T0 + 2);
        await visit([person('q'), customer('4711')], {}, T0 + 3);
        await visit([person('q'), customer('new')], {}, T0 + 4);
        expect(await named(person('q'))).toEqual(['customerId:crm:8', 'thirdPartyId:q', 'tntId:b']);
        expect((await values(customer('4711')))?.who).toBe('p');
        expect(await values(customer('new'))).toBeUndefined();
      });

      test('leaves the rest to a person without a thirdPartyId whose first id moves away', async () => {
        await visit([tnt('d')], { who: 'nobody' });
        await visit([tnt('d'), customer('x', 'shop')], { who: 'x' }, T0 + 1);
        await visit([tnt('d'), ecid('e')], {}, T0 + 2);
        await visit([customer('y', 'shop'), tnt('d')], { who: 'y' }, T0 + 3);
        expect(await named(customer('x', 'shop'))).toEqual(['customerId:shop:x', 'ecid:e']);
        expect((await values(ecid('e')))?.who).toBe('x');
        expect((await values(tnt('d')))?.who).toBe('y');
      });

      test('that would exceed 64 KB changes nothing, including links', async () => {
        await visit([tnt('a')], { x: 'y'.repeat(40_000) });
        const answer = await visit([person('p'), tnt('a')], { z: 'y'.repeat(40_000) }, T0 + 1);
        expect(answer.outcome).toBe('too-large');
        expect(await values(person('p'))).toBeUndefined();
        expect(await named(tnt('a'))).toEqual(['tntId:a']);
      });

      test('is never refused for the size of a merge', async () => {
        await visit([tnt('a')], { x: 'y'.repeat(40_000) });
        await visit([person('p')], { z: 'y'.repeat(40_000) });
        expect((await visit([person('p'), tnt('a')], {}, T0 + 1)).outcome).toBe('visited');
        expect(Object.keys((await values(tnt('a')))!).sort()).toEqual(['firstSessionStart', 'x', 'z']);
      });
    });

    describe('the limits on a profile', () => {
      beforeEach(async () => {
        store = (await place.open({ ids: 4, mergedBytes: 65_536 })).profiles;
      });

      test('refuse a visit that would add one id too many, without a change; known ids still work', async () => {
        for (const device of ['a', 'b', 'c']) await visit([person('p'), tnt(device)]);
        const refused = await visit([person('p'), tnt('d')], { x: '1' }, T0 + 1);
        expect(refused).toEqual({ outcome: 'too-many-ids', tntId: '' });
        expect(await values(tnt('d'))).toBeUndefined();
        expect(await values(person('p'))).not.toHaveProperty('x');
        expect((await visit([person('p'), tnt('a')], { x: '2' }, T0 + 2)).outcome).toBe('visited');
        expect(await named(person('p'))).toHaveLength(4);
      });

      test('refuse a merge that would bring too many ids, and keep both profiles', async () => {
        await visit([ecid('e'), tnt('a')]);
        for (const device of ['b', 'c']) await visit([person('p'), tnt(device)], { x: '1' });
        expect((await visit([person('p'), ecid('e')])).outcome).toBe('too-many-ids');
        expect(await named(ecid('e'))).toEqual(['ecid:e', 'tntId:a']);
        expect(await named(person('p'))).toHaveLength(3);
      });

      test('refuse a merge that would be too large, and keep both profiles', async () => {
        await visit([tnt('a')], { x: 'y'.repeat(40_000) });
        await visit([person('p')], { z: 'y'.repeat(40_000) });
        expect((await visit([person('p'), tnt('a')], {}, T0 + 1)).outcome).toBe('merge-too-large');
        expect(Object.keys((await values(tnt('a')))!)).toContain('x');
        expect(Object.keys((await values(person('p')))!)).not.toContain('x');
      });

      test('let a person without a tntId get one only within the number of ids', async () => {
        for (const device of ['a', 'b', 'c']) await visit([person('p'), ecid(device)]);
        expect((await visit([person('p')], {}, T0 + 1)).outcome).toBe('visited');
        expect(await named(person('p'))).toHaveLength(4);
      });
    });

    describe('the lifetime of a profile', () => {
      test('ends for every reader in the same millisecond', async () => {
        await store.update('demo', tnt('a'), settings({ x: '1' }), at(T0, 1), true);
        expect(await values(tnt('a'), T0 + DAY - 1)).toEqual({ x: '1' });
        expect(await values(tnt('a'), T0 + DAY)).toBeUndefined();
        expect(await store.update('demo', tnt('a'), settings({ x: '2' }), at(T0 + DAY), false)).toBe(
          'not-found',
        );
        expect(await store.remove('demo', tnt('a'), T0 + DAY)).toBe(false);
      });

      test('is over for good: an id of it starts anew, and its other ids do not come back', async () => {
        await visit([person('p'), tnt('a')], { old: '1' });
        await visit([tnt('a')], { young: '1' }, T0 + 20 * DAY);
        expect(await values(tnt('a'), T0 + 20 * DAY)).toEqual({
          young: '1',
          firstSessionStart: String(T0 + 20 * DAY),
        });
        expect(await values(person('p'), T0 + 20 * DAY)).toBeUndefined();
      });

      test('after a merge is the later of the two', async () => {
        await store.update('demo', tnt('a'), settings({ x: '1' }), at(T0, 90), true);
        await store.update('demo', person('p'), settings({ y: '1' }), at(T0, 14), true);
        await store.visit(
          'demo',
          { ids: [person('p'), tnt('a')], freshTntId: tnt('f'), settings: new Map() },
          at(T0 + 1, 14),
        );
        expect((await store.find('demo', person('p'), T0))?.expiresAt).toBe(T0 + 90 * DAY);
      });

      test.skipIf(freesByItself)(
        'is enforced by the sweeper, which frees expired profiles in small steps and no others',
        async () => {
          const sweep = stores.chores.steps.sweep!;
          for (let i = 0; i < 25; i += 1)
            await store.update('demo', tnt(`a${i}`), settings({ x: '1' }), at(T0, 1), true);
          await store.update('demo', tnt('a3'), settings({ x: '2' }), at(T0 + 1, 14), true);
          await visit([person('p'), tnt('b'), ecid('e')]);
          expect(await sweep(T0 + DAY - 1, 10)).toEqual({ removed: 0, more: false });
          const steps = [];
          for (let more = true; more; ) {
            const step = await sweep(T0 + DAY + 1, 10);
            steps.push(step.removed);
            more = step.more;
          }
          expect(steps.reduce((a, b) => a + b)).toBe(24);
          expect(Math.max(...steps)).toBeLessThanOrEqual(10);
          expect(await values(tnt('a3'), T0 + DAY + 1)).toEqual({ x: '2' });
          expect((await sweep(T0 + 40 * DAY, 10)).removed).toBe(2);
        },
      );
    });

    describe('a transfer between edge clusters', () => {
      const linked = async (id: VisitorId, now = T0) => (await store.findLinked('demo', id, now, 100))!;
      const handOver = async (id: VisitorId, now = T0) => {
        const handedOver = await linked(id, now);
        expect(await store.release('demo', handedOver, now)).toBe(true);
        return handedOver;
      };

      test('removes the released profile here and adopts it with every id and time there', async () => {
        await visit([person('p'), tnt('a'), ecid('e')], { x: '1' });
        const before = await linked(tnt('a'));
        const handedOver = await handOver(tnt('a'));
        for (const id of [person('p'), tnt('a'), ecid('e')]) expect(await values(id)).toBeUndefined();
        await store.adopt('demo', handedOver, T0 + 5);
        await store.adopt('demo', handedOver, T0 + 6);
        for (const id of [person('p'), tnt('a'), ecid('e')]) expect(await linked(id)).toEqual(before);
        await visit([tnt('a')], { y: '2' }, T0 + 7);
        expect(await values(person('p'))).toMatchObject({ x: '1', y: '2' });
      });

      test('does not release a profile that has changed since it was handed over', async () => {
        await store.update('demo', tnt('a'), settings({ x: '1' }), at(T0), true);
        const handedOver = await linked(tnt('a'));
        await store.update('demo', tnt('a'), settings({ x: '2' }), at(T0 + 1), false);
        expect(await store.release('demo', handedOver, T0 + 1)).toBe(false);
        expect(await values(tnt('a'))).toEqual({ x: '2' });
        await visit([person('p'), tnt('a')], {}, T0 + 2);
        const later = await linked(tnt('a'));
        await visit([ecid('e'), tnt('a')], {}, T0 + 3);
        expect(await store.release('demo', later, T0 + 3)).toBe(false);
        await store.remove('demo', tnt('a'), T0 + 3);
        expect(await store.release('demo', later, T0 + 3)).toBe(true);
      });

      test('merges twins, with the newest value of each name', async () => {
        await store.update('demo', person('p'), settings({ x: 'old', mine: '1' }), at(T0), true);
        const other = await handOver(person('p'));
        await visit([person('p'), tnt('b')], { x: 'new' }, T0 + 9);
        await store.adopt('demo', other, T0 + 10);
        expect(await values(tnt('b'))).toMatchObject({ x: 'new', mine: '1' });
        await store.remove('demo', person('p'), T0 + 10);
        await store.update('demo', person('p'), settings({ x: 'older' }), at(T0 - 5), true);
        await store.adopt('demo', other, T0 + 10);
        expect(await values(person('p'))).toEqual({ x: 'old', mine: '1' });
      });

      test('joins devices that were apart, and lets another person keep theirs', async () => {
        await visit([person('p'), tnt('a'), ecid('e')], { x: '1' });
        const handedOver = await handOver(person('p'));
        await store.update('demo', ecid('e'), settings({ loose: '1' }), at(T0), true);
        await visit([person('q'), tnt('a')], { his: '1' });
        await store.adopt('demo', handedOver, T0 + 1);
        expect(await named(person('p'))).toEqual(['ecid:e', 'thirdPartyId:p']);
        expect(await values(ecid('e'))).toMatchObject({ x: '1', loose: '1' });
        expect(await named(tnt('a'))).toEqual(['thirdPartyId:q', 'tntId:a']);
        expect(await values(tnt('a'))).not.toHaveProperty('x');
      });

      test('takes a customer id along, but not to a person with another one of its alias', async () => {
        await visit([person('p'), customer('old'), tnt('a')], { x: '1' });
        const handedOver = await handOver(person('p'));
        await store.adopt('demo', handedOver, T0 + 1);
        await store.adopt('demo', handedOver, T0 + 2);
        expect(await linked(customer('old'))).toEqual(handedOver);
        await store.remove('demo', person('p'), T0 + 2);
        await visit([person('p'), customer('new')], { y: '2' });
        await store.adopt('demo', handedOver, T0 + 3);
        await store.adopt('demo', handedOver, T0 + 4);
        expect(await values(tnt('a'))).toMatchObject({ x: '1', y: '2' });
        expect(await named(person('p'))).toEqual([
          'customerId:crm:new',
          'thirdPartyId:p',
          'tntId:a',
          'tntId:fresh',
        ]);
        expect(await values(customer('old'))).toBeUndefined();
      });

      test('does not adopt an expired profile', async () => {
        await store.update('demo', tnt('a'), settings({ x: '1' }), at(T0, 1), true);
        const handedOver = await handOver(tnt('a'));
        await store.adopt('demo', handedOver, T0 + DAY);
        expect(await values(tnt('a'), T0)).toBeUndefined();
      });
    });

    describe('a removal', () => {
      test('removes the profile and all its ids', async () => {
        await visit([person('p'), tnt('a'), ecid('e')]);
        expect(await store.remove('demo', ecid('e'), T0)).toBe(true);
        for (const id of [person('p'), tnt('a'), ecid('e')]) expect(await values(id)).toBeUndefined();
        expect(await store.remove('demo', ecid('e'), T0)).toBe(false);
      });

      test('removes one attribute, and reports what was not there', async () => {
        await store.update('demo', tnt('a'), settings({ x: '1', y: '2', z: '3' }), at(T0), true);
        expect(await store.removeAttribute('demo', tnt('a'), 'y', at(T0 + 9))).toBe('removed');
        expect(await values(tnt('a'))).toEqual({ x: '1', z: '3' });
        expect((await store.find('demo', tnt('a'), T0))?.modifiedAt).toBe(T0 + 9);
        expect(await store.removeAttribute('demo', tnt('a'), 'y', at(T0))).toBe('no-attribute');
        expect(await store.removeAttribute('demo', tnt('b'), 'y', at(T0))).toBe('no-profile');
      });
    });

    test('every handle reads at once what another has acknowledged', async () => {
      const other = await place.open();
      for (let i = 0; i < 200; i += 1) {
        await other.profiles.find('demo', tnt('a'), T0);
        await store.update('demo', tnt('a'), settings({ n: String(i) }), at(T0), true);
        const profile = await other.profiles.find('demo', tnt('a'), T0);
        expect(attributesIn(profile!.attributes)[0]?.value).toBe(String(i));
      }
      await other.close();
    });

    test('closing twice is allowed, and acknowledged writes stay', async () => {
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          store.update('demo', tnt(`k${i}`), settings({ x: '1' }), at(T0), true),
        ),
      );
      await stores.close();
      await stores.close();
      store = (await place.open()).profiles;
      for (let i = 0; i < 100; i += 1) expect(await values(tnt(`k${i}`))).toEqual({ x: '1' });
    });
  });
}
