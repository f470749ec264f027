/**
 * Tests of the storage contracts of clients and of failed logins, for every engine; see
 * `profile-store-conformance.ts`.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClientRecord, NO_CLIENT_RECORD } from '../kept/client-store.ts';
import { LOGIN_WINDOW_MS, LONGEST_SESSION_MS, MAX_LOGINS_KEPT } from '../kept/login-store.ts';
import type { Stores } from '../stores.ts';
import { type StorePlace, T0 } from './profile-store-conformance.ts';

const RECORD: ClientRecord = {
  revision: 0,
  settings: { json: '{"__proto__":1,"name":"snö \\" \\u0000"}', changedAt: T0 },
  token: { id: 'abc', issuedAt: T0, expiresAt: T0 + 1000 },
  tokenChangedAt: T0,
  debugToken: { id: 'def', issuedAt: T0, expiresAt: T0 + 2000 },
  debugTokenChangedAt: T0 + 1,
};

export function describeClientStore(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine} keeps the storage contract of clients`, () => {
    let place: StorePlace;
    let stores: Stores;
    let other: Stores;
    beforeEach(async () => {
      place = await makePlace();
      stores = await place.open();
      other = await place.open();
    });
    afterEach(async () => place.dispose());

    test('a client without stored settings has an empty record', async () => {
      expect(await stores.clients.find('demo')).toEqual(NO_CLIENT_RECORD);
    });

    test('what one process has replaced, every other process reads exactly', async () => {
      expect(await stores.clients.replace('demo', RECORD)).toBe(true);
      expect(await other.clients.find('demo')).toEqual({ ...RECORD, revision: 1 });
      expect(await other.clients.replace('demo', { ...RECORD, revision: 1, token: undefined })).toBe(true);
      expect(await stores.clients.find('demo')).toEqual({ ...RECORD, revision: 2, token: undefined });
    });

    test('a change based on a record that no longer exists has no effect', async () => {
      await stores.clients.replace('demo', RECORD);
      expect(await stores.clients.replace('demo', { ...RECORD, tokenChangedAt: 1 })).toBe(false);
      expect(await stores.clients.replace('demo', { ...RECORD, revision: 2 })).toBe(false);
      expect(await stores.clients.find('demo')).toEqual({ ...RECORD, revision: 1 });
    });

    test('of many simultaneous changes of one record exactly one succeeds', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? stores : other).clients.replace('demo', { ...RECORD, tokenChangedAt: index }),
        ),
      );
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      expect((await stores.clients.find('demo')).tokenChangedAt).toBe(outcomes.indexOf(true));
    });

    test('clients are kept apart', async () => {
      await stores.clients.replace('demo', RECORD);
      expect(await stores.clients.find('dem')).toEqual(NO_CLIENT_RECORD);
      expect(await stores.clients.find('demo2')).toEqual(NO_CLIENT_RECORD);
    });

    test('any change of a client by any process raises the count of changes, and nothing else does', async () => {
      const { changes } = stores.clients;
      if (!changes) return;
      const seen = [changes()];
      const look = () => seen.push(changes());
      await other.clients.replace('demo', RECORD);
      look();
      await stores.clients.replace('acme', RECORD);
      look();
      await other.clients.replace('demo', { ...RECORD, revision: 1 });
      look();
      expect(new Set(seen).size).toBe(4);
      await other.clients.replace('demo', RECORD);
      await other.logins.fail('::1', T0);
      expect(changes()).toBe(seen.at(-1));
      expect(other.clients.changes?.()).toBe(seen.at(-1));
    });

    test('a session ended by one process has ended for all, and no other session has', async () => {
      const { logins } = stores;
      expect(await other.logins.hasEnded('a')).toBe(false);
      await logins.endSession('a', T0);
      expect(await other.logins.hasEnded('a')).toBe(true);
      expect(await logins.hasEnded('a')).toBe(true);
      expect(await logins.hasEnded('b')).toBe(false);
      for (let n = 1; n <= 50; n += 1) await other.logins.endSession(`s${n}`, T0 + n);
      expect(await logins.hasEnded('a')).toBe(true);
      expect(await logins.endedSessions(T0 + 50, 2)).toEqual([
        { session: 's50', at: T0 + 50 },
        { session: 's49', at: T0 + 49 },
      ]);
      expect(await logins.endedSessions(T0 + 50, 100)).toHaveLength(51);
      expect(await logins.endedSessions(T0 + LONGEST_SESSION_MS + 49, 100)).toHaveLength(1);
    });

    test('a call of another edge cluster can be used only once across all processes', async () => {
      const [one, another] = [stores.spentCalls, other.spentCalls];
      const nonce = (n: number) => `${n}abcdefghijklmnopqrstuvw`.slice(0, 22);
      for (let n = 0; n < 20; n += 1) {
        const spent = await Promise.all(
          [one, another, one, another].map((calls) => calls.spend(nonce(n), T0)),
        );
        expect(spent.filter(Boolean)).toHaveLength(1);
      }
    });

    describe('failed logins', () => {
      test('count for a minute, in every process, for each address separately', async () => {
        expect(await stores.logins.fail('10.0.0.1', T0)).toBe(1);
        expect(await other.logins.fail('10.0.0.1', T0 + 1)).toBe(2);
        expect(await stores.logins.failures('10.0.0.1', T0 + 2)).toBe(2);
        expect(await stores.logins.failures('10.0.0.10', T0 + 2)).toBe(0);
        expect(await stores.logins.failures('10.0.0.1', T0 + LOGIN_WINDOW_MS)).toBe(1);
        expect(await stores.logins.failures('10.0.0.1', T0 + LOGIN_WINDOW_MS + 1)).toBe(0);
      });

      test('are limited in number, for one address and for many', async () => {
        for (let n = 0; n < MAX_LOGINS_KEPT + 5; n += 1) await stores.logins.fail('::1', T0);
        expect(await stores.logins.failures('::1', T0)).toBe(MAX_LOGINS_KEPT);
        for (let n = 0; n < 50; n += 1) await stores.logins.fail(`10.0.0.${n}`, T0 + n * LOGIN_WINDOW_MS);
        expect(await stores.logins.failures('10.0.0.49', T0 + 49 * LOGIN_WINDOW_MS)).toBe(1);
      });

      test('are counted for any text as the address', async () => {
        for (const address of ['', 'x'.repeat(5000), '\u0000', 'ü']) {
          expect(await stores.logins.fail(address, T0)).toBe(1);
        }
      });
    });
  });
}
