/**
 * Tests of the contract of lists and exports (`profile-lists.ts`, contract section 21), for every
 * engine.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VisitorId } from '../../domain/visitor-id.ts';
import type { ExportedProfile, ListQuery } from '../profile-lists.ts';
import { isUnchanged } from '../profile-store.ts';
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

const ALL: ListQuery = {
  prefix: undefined,
  kind: undefined,
  changedSince: undefined,
  attribute: undefined,
  cursor: undefined,
  limit: 1000,
};
const HEX = '4c1fd1a0c6b34f2b9d0f3a5e8b7c6d2';
const text = ({ kind, value }: VisitorId) => `${kind}:${value}`;

/**
 * @param isOrdered whether a list without a prefix starts with what was written last, and no page
 *   exceeds its limit
 */
export function describeProfileLists(
  engine: string,
  makePlace: () => Promise<StorePlace>,
  isOrdered: boolean,
): void {
  describe(`${engine} lists and exports profiles`, () => {
    let place: StorePlace;
    let stores: Stores;
    beforeEach(async () => {
      place = await makePlace();
      stores = await place.open();
    });
    afterEach(async () => place.dispose());

    const write = (id: VisitorId, set: Record<string, string>, now = T0, client = 'demo') =>
      stores.profiles.update(client, id, settings(set), at(now), true);
    const link = (ids: VisitorId[], set: Record<string, string> = {}, now = T0) =>
      stores.profiles.visit('demo', { ids, freshTntId: tnt('fresh'), settings: settings(set) }, at(now));

    /** The ids shown by pages of some length, one after the other. */
    async function listed(query: Partial<ListQuery> = {}, now = T0): Promise<string[]> {
      const found: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await stores.lists.page('demo', { ...ALL, ...query, cursor }, now);
        if (isOrdered) expect(page.profiles.length).toBeLessThanOrEqual(query.limit ?? ALL.limit);
        found.push(...page.profiles.map(({ id }) => text(id)));
        if (page.next === undefined) return found;
        cursor = page.next;
      }
    }

    async function exported(now = T0, client = 'demo', snapshot?: string): Promise<ExportedProfile[]> {
      const name = snapshot ?? (await stores.lists.takeSnapshot());
      const found: ExportedProfile[] = [];
      for (let after: string | undefined; ; ) {
        const { profiles, next } = await stores.lists.readSnapshot(client, name, after, now);
        found.push(...profiles);
        if (next === undefined) return found;
        after = next;
      }
    }

    test('lists each profile once, whatever the page size, and none of another client', async () => {
      for (let n = 0; n < 25; n += 1) await write(tnt(`t${n}`), { n: String(n) }, T0 + n);
      await write(tnt('t3'), { again: '1' }, T0 + 100);
      await write(tnt('other'), { x: '1' }, T0, 'demo2');
      await link([person('p1'), tnt('t4')], {}, T0 + 200);
      const all = Array.from({ length: 25 }, (_, n) => `tntId:t${n}`).sort();
      for (const limit of [1, 7, 1000]) expect((await listed({ limit })).sort()).toEqual(all);
      const [first, second] = await listed({ limit: 2 });
      if (isOrdered) expect([first, second]).toEqual(['tntId:t4', 'tntId:t3']);
    });

    test('leaves out what was removed, merged away or expired', async () => {
      await write(tnt('gone'), { x: '1' });
      await write(tnt('kept'), { x: '1' }, T0 + DAY);
      await write(person('p'), { x: '1' }, T0 + DAY);
      await link([person('p'), tnt('kept')], {}, T0 + DAY);
      await write(tnt('removed'), { x: '1' }, T0 + DAY);
      await stores.profiles.remove('demo', tnt('removed'), T0 + DAY);
      expect(await listed({}, T0 + 14 * DAY)).toHaveLength(1);
      expect(await exported(T0 + 14 * DAY)).toHaveLength(1);
    });

    test('lists ids with a prefix in order, each with its profile, including linked ids', async () => {
      for (const n of ['1', '12', '2', '10']) await write(person(`crm-${n}`), { n });
      await write(person('CRM-1'), { n: '1' });
      await write(customer('crm-1', 'crm-'), { n: '1' });
      await write(tnt('crm-t'), { n: '1' });
      await link([person('crm-2'), ecid('crm-e'), tnt('zzz')]);
      const found = await listed({ prefix: 'crm-', limit: 2 });
      expect([...found].sort()).toEqual(
        [
          'thirdPartyId:crm-1',
          'thirdPartyId:crm-10',
          'thirdPartyId:crm-12',
          'thirdPartyId:crm-2',
          'customerId:crm-:crm-1',
          'ecid:crm-e',
          'tntId:crm-t',
        ].sort(),
      );
      if (isOrdered) expect(found.slice(0, 2)).toEqual(['thirdPartyId:crm-1', 'thirdPartyId:crm-10']);
      expect((await listed({ prefix: 'crm-1', kind: 'thirdPartyId' })).sort()).toHaveLength(3);
      expect(await listed({ prefix: 'crm-', kind: 'ecid' })).toEqual(['ecid:crm-e']);
      expect(await listed({ prefix: 'crm-9' })).toEqual([]);
      const page = await stores.lists.page('demo', { ...ALL, prefix: 'crm-e' }, T0);
      expect(page.profiles[0]).toMatchObject({ id: ecid('crm-e'), idCount: 3 });
      expect(page.profiles[0]!.ids.map(text)).toContain('tntId:zzz');
    });

    test('finds hexadecimal tntIds by any number of digits, and takes pattern characters in a prefix literally', async () => {
      for (const last of ['0', '7', 'f']) await write(tnt(HEX + last), { x: '1' });
      await write(tnt('4c1fd'), { x: '1' });
      await write(person('a*b[c]?'), { x: '1' });
      await write(person('axb[c]?'), { x: '1' });
      for (const digits of [1, 4, 5, 31]) {
        expect((await listed({ prefix: HEX.slice(0, digits), kind: 'tntId' })).sort()).toEqual(
          [...['0', '7', 'f'].map((last) => HEX + last), ...(digits < 6 ? ['4c1fd'] : [])]
            .map((id) => `tntId:${id}`)
            .sort(),
        );
      }
      expect(await listed({ prefix: `${HEX}7` })).toEqual([`tntId:${HEX}7`]);
      expect(await listed({ prefix: 'a*b' })).toEqual(['thirdPartyId:a*b[c]?']);
      expect(await listed({ prefix: 'a?b' })).toEqual([]);
    });

    test('filters by time of change and by attribute, and by both at once', async () => {
      await write(tnt('old'), { plan: 'gold' });
      await write(tnt('new'), { plan: 'gold', __proto__x: 'a"b' }, T0 + 1000);
      await write(tnt('silver'), { plan: 'silver' }, T0 + 1000);
      const plan = { name: 'plan', value: 'gold' };
      expect((await listed({ attribute: plan })).sort()).toEqual(['tntId:new', 'tntId:old']);
      expect((await listed({ changedSince: T0 + 1000 })).sort()).toEqual(['tntId:new', 'tntId:silver']);
      expect(await listed({ changedSince: T0 + 1000, attribute: plan })).toEqual(['tntId:new']);
      expect(await listed({ attribute: { name: '__proto__x', value: 'a"b' } })).toEqual(['tntId:new']);
      expect(await listed({ attribute: { name: 'plan', value: 'gol' } })).toEqual([]);
    });

    test('refuses the cursor of another query, and what is no cursor', async () => {
      await write(person('a1'), { x: '1' });
      await write(person('a2'), { x: '1' });
      for (const cursor of ['x', 'w1x', 'kAAAA', `k${Buffer.from('zzz').toString('base64url')}`, '']) {
        const query = { ...ALL, prefix: 'a', cursor };
        await expect(stores.lists.page('demo', query, T0)).rejects.toMatchObject({ code: 'bad-request' });
      }
      await expect(stores.lists.page('demo', { ...ALL, cursor: 'kAAAA' }, T0)).rejects.toMatchObject({
        code: 'bad-request',
      });
    });

    test('exports every profile so that an import restores its ids, times, attributes and lifetimes', async () => {
      await write(tnt('single'), { b: '2', a: '1' });
      await write(tnt('single'), { 1: 'one', a: '3' }, T0 + 1);
      await write(person('p'), { 'é"\n': 'ü\u0001' }, T0 + 5);
      await link([person('p'), customer('4711'), ecid('e'), tnt('t')], { v: '1' }, T0 + 9);
      await link([person('p'), tnt('t2')], {}, T0 + 20);
      await write(tnt('large'), { big: 'x'.repeat(40_000), small: '1' }, T0 + 30);
      await write(tnt('large'), { small: '2' }, T0 + 31);
      const now = T0 + 40;
      const before = await exported(now);
      expect(before).toHaveLength(3);
      const other = await place.open();
      for (const { ids } of before) {
        const found = await stores.profiles.findLinked('demo', ids[0]!, now, 1000);
        expect(before.some((one) => isUnchanged(one, found!))).toBe(true);
        await other.profiles.remove('demo', ids[0]!, now);
      }
      expect(await exported(now)).toEqual([]);
      for (const one of [...before, ...before]) await other.profiles.adopt('demo', one, now);
      const after = await exported(now);
      expect(after).toHaveLength(3);
      for (const one of before) expect(after.some((other) => isUnchanged(one, other))).toBe(true);
    });

    test('continues an export after any position, and refuses invalid positions', async () => {
      for (let n = 0; n < 30; n += 1) await write(tnt(`t${n}`), { n: String(n) });
      const snapshot = await stores.lists.takeSnapshot();
      const whole = await exported(T0, 'demo', snapshot);
      expect(whole).toHaveLength(30);
      const rest: string[] = [];
      for (let after: string | undefined = whole[11]!.position; after !== undefined; ) {
        const step = await stores.lists.readSnapshot('demo', snapshot, after, T0);
        rest.push(...step.profiles.map(({ ids }) => text(ids[0]!)));
        after = step.next;
      }
      const names = whole.map(({ ids }) => text(ids[0]!));
      // Nothing may be missing; duplicates are allowed.
      expect(new Set([...names.slice(0, 12), ...rest])).toEqual(new Set(names));
      if (isOrdered) expect(rest).toEqual(names.slice(12));
      await expect(stores.lists.readSnapshot('demo', snapshot, 'x', T0)).rejects.toMatchObject({
        code: 'bad-request',
      });
      for (const name of ['0123456789abcdef', '../..', '']) {
        await expect(stores.lists.readSnapshot('demo', name, undefined, T0)).rejects.toMatchObject({
          code: 'not-found',
        });
      }
    });

    test.runIf(isOrdered)('exports one moment, whatever is written during the export', async () => {
      for (let n = 0; n < 20; n += 1) await write(tnt(`t${n}`), { n: 'before' });
      const snapshot = await stores.lists.takeSnapshot();
      for (let n = 0; n < 20; n += 1) await write(tnt(`t${n}`), { n: 'after' }, T0 + 1);
      await stores.profiles.remove('demo', tnt('t0'), T0);
      await write(tnt('late'), { n: 'after' });
      const again = await place.open();
      const profiles = await again.lists.readSnapshot('demo', snapshot, undefined, T0);
      expect(profiles.profiles).toHaveLength(20);
      expect(profiles.profiles.every(({ profile }) => profile.modifiedAt === T0)).toBe(true);
    });
  });
}
