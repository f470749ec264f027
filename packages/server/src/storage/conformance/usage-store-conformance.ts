/**
 * Tests of the storage contracts of usage, attribute names and figures, for every engine; see
 * `profile-store-conformance.ts`.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAX_ATTRIBUTE_NAMES } from '../kept/attribute-name-store.ts';
import type { UsageCounts } from '../kept/usage-store.ts';
import type { Stores } from '../stores.ts';
import { at, person, type StorePlace, settings, T0, tnt } from './profile-store-conformance.ts';

export function describeUsageStore(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine} keeps the storage contract of usage`, () => {
    let place: StorePlace;
    let stores: Stores;
    let other: Stores;
    beforeEach(async () => {
      place = await makePlace();
      stores = await place.open();
      other = await place.open();
    });
    afterEach(async () => place.dispose());

    const of = (day: string, counts: UsageCounts, client = 'demo') => ({ client, day, counts });

    test('the counts of all processes are summed for each client, day and kind', async () => {
      await stores.usage.add([
        of('2026-11-23', { mboxCalls: 2, fetches: 1 }),
        of('2026-11-24', { updates: 1 }),
      ]);
      await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          (n % 2 ? stores : other).usage.add([
            of('2026-11-23', { mboxCalls: n }),
            of('2026-11-23', { fetches: 1 }, 'acme'),
          ]),
        ),
      );
      expect(await other.usage.read('demo', '2026-11-23', '2026-11-24')).toEqual([
        of('2026-11-23', { mboxCalls: 192, fetches: 1 }),
        of('2026-11-24', { updates: 1 }),
      ]);
      expect(await stores.usage.read('acme', '2000-01-01', '2100-01-01')).toEqual([
        of('2026-11-23', { fetches: 20 }, 'acme'),
      ]);
    });

    test('a range of days includes both ends', async () => {
      for (const day of ['2026-11-30', '2026-12-01', '2026-12-02'])
        await stores.usage.add([of(day, { fetches: 1 })]);
      const days = async (from: string, to: string) =>
        (await stores.usage.read('demo', from, to)).map((usage) => usage.day);
      expect(await days('2026-11-30', '2026-12-01')).toEqual(['2026-11-30', '2026-12-01']);
      expect(await days('2026-12-02', '2026-12-31')).toEqual(['2026-12-02']);
      expect(await days('2027-01-01', '2027-01-01')).toEqual([]);
      expect(await stores.usage.read('dem', '2000-01-01', '2100-01-01')).toEqual([]);
    });

    test('days that are over are forgotten', async () => {
      await stores.usage.add([
        of('2026-11-23', { fetches: 1 }),
        of('2026-11-24', { fetches: 1 }),
        of('2026-11-23', { fetches: 1 }, 'acme'),
      ]);
      while (await stores.usage.expire('demo', '2026-11-24'));
      expect(await stores.usage.read('demo', '2000-01-01', '2100-01-01')).toHaveLength(1);
      expect(await stores.usage.read('acme', '2000-01-01', '2100-01-01')).toHaveLength(1);
    });

    test('attribute names are noted, whatever they are, for each client separately', async () => {
      const names = ['country', '__proto__', 'ö', '日本', ' ', '\u0000', 'country'];
      await stores.attributeNames.add('demo', names);
      await other.attributeNames.add('demo', ['plan']);
      await stores.attributeNames.add('acme', ['x']);
      expect(await other.attributeNames.list('demo')).toEqual([
        '\u0000',
        ' ',
        '__proto__',
        'country',
        'plan',
        'ö',
        '日本',
      ]);
      expect(await stores.attributeNames.list('acme')).toEqual(['x']);
      expect(await stores.attributeNames.list('dem')).toEqual([]);
    });

    test('no more names are noted than there is room for', async () => {
      const names = Array.from({ length: MAX_ATTRIBUTE_NAMES + 5 }, (_, n) => `n${n}`);
      await stores.attributeNames.add('demo', names.slice(0, 9_999));
      await stores.attributeNames.add('demo', names.slice(9_990));
      expect(await stores.attributeNames.list('demo')).toHaveLength(MAX_ATTRIBUTE_NAMES);
    });

    test('the number of profiles and their size are known', async () => {
      expect((await stores.figures()).profiles).toBe(0);
      for (const n of [1, 2, 3])
        await stores.profiles.update('demo', tnt(`t${n}`), settings({ x: '1' }), at(T0), true);
      const visit = { ids: [person('p'), tnt('t1')], freshTntId: tnt('f'), settings: settings({}) };
      await stores.profiles.visit('acme', visit, at(T0));
      const { profiles, bytes } = await stores.figures();
      expect(profiles).toBe(4);
      expect(bytes).toBeGreaterThan(0);
    });
  });
}
