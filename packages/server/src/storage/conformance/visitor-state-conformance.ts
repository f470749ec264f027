/**
 * Tests of visitor state, for every engine: it is kept, merged, moved and removed with the profile
 * (contract sections 14 and 15).
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listAttributes, listState } from '../../domain/attributes.ts';
import { withCustomerAttributes } from '../../domain/customer-attributes.ts';
import { notesAt, type SeenVisit } from '../../domain/visit-notes.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { STATE } from '../../domain/visitor-state.ts';
import type { LinkedProfile } from '../profile-store.ts';
import type { Stores } from '../stores.ts';
import { at, DAY, person, type StorePlace, settings, T0, tnt } from './profile-store-conformance.ts';

const MINUTE = 60_000;
const SHOES: SeenVisit = { categories: ['shoes'], notesSessions: false };

export function describeVisitorState(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine} keeps the state of a visitor`, () => {
    let place: StorePlace;
    let stores: Stores;
    beforeEach(async () => {
      place = await makePlace();
      stores = await place.open();
    });
    afterEach(async () => place.dispose());

    const visit = (ids: ReturnType<typeof tnt>[], seen: SeenVisit | undefined, now: number, set = {}) =>
      stores.profiles.visit(
        'demo',
        { ids, freshTntId: tnt('fresh'), settings: settings(set), seen },
        at(now),
      );
    const linked = (id: string, now: number) => stores.profiles.findLinked('demo', tnt(id), now, 100);
    const scores = async (id: string, now: number) => {
      const found = await linked(id, now);
      return (
        found && notesAt(found.profile.attributes, now)?.affinity.map((one) => `${one.name} ${one.score}`)
      );
    };

    test('through many visits of a small and of a large profile, and shows it in no fetch', async () => {
      for (const [id, length] of [
        ['small', 1],
        ['large', 30_000],
      ] as const) {
        await visit([tnt(id)], SHOES, T0, { x: 'x'.repeat(length) });
        const before = await stores.profiles.find('demo', tnt(id), T0);
        for (let call = 1; call <= 5; call += 1) await visit([tnt(id)], undefined, T0 + call * 20 * MINUTE);
        const now = T0 + 100 * MINUTE;
        const after = await stores.profiles.find('demo', tnt(id), now);
        expect(after).toEqual({ ...before, expiresAt: now + 14 * DAY });
        expect(await scores(id, now)).toEqual(['shoes 10']);
        await visit([tnt(id)], { ...SHOES, categories: ['hats'] }, now + 30 * MINUTE);
        expect(await scores(id, now + 30 * MINUTE)).toEqual(['hats 5', 'shoes 4']);
        expect(notesAt((await linked(id, now))!.profile.attributes, now)?.session).toMatchObject({
          count: 2,
          first: T0,
          previousEnd: now,
        });
      }
    });

    test('including what a visit sets in it, which notes no attribute name', async () => {
      const state = new Map([[`${STATE.scriptLocal}script.n`, '"é"']]);
      const sent = { ids: [tnt('a')], freshTntId: tnt('fresh'), settings: settings({ a: '1' }), state };
      await stores.profiles.visit('demo', sent, at(T0));
      expect(listState((await linked('a', T0))!.profile.attributes)).toEqual([
        { name: `${STATE.scriptLocal}script.n`, value: '"é"', modifiedAt: T0, before: 2 },
      ]);
    });

    test('including customer attributes, which a fetch can be made to show', async () => {
      const state = new Map([
        [`${STATE.customerAttribute}crm.tier`, 'gold'],
        [`${STATE.customerAttribute}crm.gone`, ''],
      ]);
      const sent = { ids: [tnt('a')], freshTntId: tnt('fresh'), settings: settings({ a: '1' }), state };
      await stores.profiles.visit('demo', sent, at(T0));
      const own = settings({ 'crs.crm.tier': 'own', b: '2' });
      await stores.profiles.update('demo', tnt('a'), own, at(T0 + 1), false);
      const { attributes } = (await linked('a', T0 + 1))!.profile;
      const shown = listAttributes(withCustomerAttributes(attributes));
      expect(shown.map(({ name, value }) => `${name}=${value}`)).toEqual([
        ...['a=1', `firstSessionStart=${T0}`, 'crs.crm.tier=gold', 'b=2'],
      ]);
    });

    test('when visitors become one', async () => {
      await visit([tnt('phone'), person('p')], SHOES, T0);
      await visit([tnt('desk')], { ...SHOES, categories: ['hats', 'coats'] }, T0 + 45 * MINUTE);
      await visit([tnt('desk'), person('p')], undefined, T0 + 46 * MINUTE);
      expect(await scores('phone', T0 + 46 * MINUTE)).toEqual(['hats 9', 'coats 5', 'shoes 5']);
    });

    test('when the profile moves to another edge cluster, even twice', async () => {
      await visit([tnt('a')], SHOES, T0, { x: '1' });
      const there = await makePlace();
      try {
        const others = (await there.open()).profiles;
        let handedOver: LinkedProfile | undefined;
        for (const _ of 'twice') {
          handedOver = (await linked('a', T0))!;
          await others.adopt('demo', handedOver, T0);
        }
        const adopted = (await others.findLinked('demo', tnt('a'), T0, 100))!;
        expect(adopted.profile.attributes.equals(handedOver!.profile.attributes)).toBe(true);
        await visit([tnt('a')], undefined, T0 + MINUTE);
        // Only the clock of the session has moved, and that counts as a change.
        expect(await stores.profiles.release('demo', handedOver!, T0)).toBe(false);
        expect(await stores.profiles.release('demo', (await linked('a', T0))!, T0)).toBe(true);
      } finally {
        await there.dispose();
      }
    });

    const sentOf = (ids: VisitorId[], set = {}, state?: Map<string, string>) => ({
      ...{ ids, freshTntId: tnt('fresh'), settings: settings(set), state },
    });
    const shown = async (id: string) =>
      Object.fromEntries(
        listAttributes((await linked(id, T0))!.profile.attributes).map((a) => [a.name, a.value]),
      );

    test('and shows in a preview what a visit builds on, without a change', async () => {
      const { profiles } = stores;
      const none = await profiles.lookAhead('demo', sentOf([tnt('new')]), at(T0));
      expect([listAttributes(none.attributes), none.tntId]).toEqual([[], 'new']);
      expect((await profiles.lookAhead('demo', sentOf([person('p')]), at(T0))).tntId).toBe('fresh');
      expect(await linked('new', T0)).toBeUndefined();
      await visit([tnt('phone'), person('p')], SHOES, T0, { a: '1' });
      await visit([tnt('desk')], undefined, T0, { b: '2' });
      const both = await profiles.lookAhead('demo', sentOf([tnt('desk'), person('p')]), at(T0));
      const names = listAttributes(both.attributes).map(({ name, value }) => `${name}=${value}`);
      expect(names).toEqual(expect.arrayContaining(['a=1', 'b=2']));
      expect(both.tntId).toBe('desk');
      expect(await shown('desk')).not.toHaveProperty('a');
      expect((await profiles.lookAhead('demo', sentOf([person('p')]), at(T0))).tntId).toBe('phone');
      const expired = await profiles.lookAhead('demo', sentOf([tnt('phone')]), at(T0 + 14 * DAY));
      expect(listAttributes(expired.attributes)).toEqual([]);
    });

    test('and stores a visit based on a preview only while the profile is unchanged', async () => {
      const { profiles } = stores;
      const local = (value: string) => new Map([[`${STATE.scriptLocal}s`, value]]);
      for (const [name, ids] of Object.entries({
        one: [tnt('one')],
        merged: [tnt('merged'), person('m')],
      })) {
        await visit([tnt(name)], SHOES, T0, { a: '1' });
        if (ids.length > 1) await visit([tnt('twin'), person('m')], undefined, T0, { b: '2' });
        const basis = await profiles.lookAhead('demo', sentOf(ids), at(T0));
        const first = await profiles.visitFrom(basis, 'demo', sentOf(ids, { n: '1' }, local('1')), at(T0));
        expect(first).toMatchObject({ outcome: 'visited', tntId: name });
        // The profile has changed by then: an attribute, and something that no fetch shows.
        expect(await profiles.visitFrom(basis, 'demo', sentOf(ids, { n: '2' }), at(T0))).toBeUndefined();
        expect(await shown(name)).toMatchObject({ a: '1', n: '1' });
        const next = await profiles.lookAhead('demo', sentOf(ids), at(T0));
        await profiles.visit('demo', sentOf(ids, {}, local('other')), at(T0));
        expect(
          await profiles.visitFrom(next, 'demo', sentOf(ids, { n: '3' }, local('3')), at(T0)),
        ).toBeUndefined();
        expect(await shown(name)).toMatchObject({ n: '1' });
        const kept = listState((await linked(name, T0))!.profile.attributes);
        expect(kept.find((one) => one.name === `${STATE.scriptLocal}s`)?.value).toBe('other');
      }
    });

    test('and stores one of several simultaneous visits based on one preview', async () => {
      const { profiles } = stores;
      for (const id of ['unknown', 'known']) {
        if (id === 'known') await visit([tnt(id)], undefined, T0, { n: '0' });
        const basis = await profiles.lookAhead('demo', sentOf([tnt(id)]), at(T0));
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, (_, n) =>
            profiles.visitFrom(basis, 'demo', sentOf([tnt(id)], { n: `by ${n}` }), at(T0)),
          ),
        );
        expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
        const winner = outcomes.findIndex((outcome) => outcome !== undefined);
        expect(await shown(id)).toMatchObject({ n: `by ${winner}` });
      }
    });

    test('and the values and locals of scripts for as long as the profile', async () => {
      const state = new Map([[`${STATE.scriptLocal}s`, '{"l":{"n":1}}']]);
      await stores.profiles.visit('demo', sentOf([tnt('a')], { 'user.s': '1.0' }, state), at(T0));
      await visit([tnt('a')], undefined, T0 + 14 * DAY);
      const { attributes } = (await linked('a', T0 + 14 * DAY))!.profile;
      expect(listState(attributes)).toEqual([]);
      expect(listAttributes(attributes).map(({ name }) => name)).not.toContain('user.s');
    });

    test('for as long as the profile and no longer', async () => {
      await visit([tnt('a')], SHOES, T0);
      await visit([tnt('a')], undefined, T0 + 14 * DAY);
      expect(await scores('a', T0 + 14 * DAY)).toBeUndefined();
      await visit([tnt('a')], SHOES, T0 + 14 * DAY);
      await stores.profiles.remove('demo', tnt('a'), T0 + 14 * DAY);
      await visit([tnt('a')], undefined, T0 + 14 * DAY);
      expect(listState((await linked('a', T0 + 14 * DAY))!.profile.attributes)).toEqual([]);
    });
  });
}
