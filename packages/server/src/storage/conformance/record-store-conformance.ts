/**
 * Tests of the storage contract of small records, for every engine; see
 * `profile-store-conformance.ts`.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type ChangeRecord,
  MAX_KEY_BYTES,
  MAX_OWNER_BYTES,
  MAX_RECORD_BYTES,
  type RecordKind,
  type RecordStore,
} from '../record-store.ts';
import type { StorePlace } from './profile-store-conformance.ts';

const NOTES: RecordKind = { name: 'test-notes', owner: 'client', purpose: 'ordinary' };
const ACCESS: RecordKind = { name: 'test-access', owner: 'server', purpose: 'access', isCounted: true };
const FEW: RecordKind = { ...NOTES, name: 'test-few', most: 3 };
const SHORT_LIVED: RecordKind = { ...NOTES, name: 'test-short-lived', keptMs: 1 };

const to = (value: string | undefined): ChangeRecord => {
  return () => value;
};
const records = (...keys: string[]) => keys.map((key) => ({ key, value: `value of ${key}` }));

export function describeRecordStore(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine} keeps the storage contract of small records`, () => {
    let place: StorePlace;
    let store: RecordStore;
    let other: RecordStore;
    beforeEach(async () => {
      place = await makePlace();
      store = (await place.open()).records;
      other = (await place.open()).records;
    });
    afterEach(async () => place.dispose());
    const keys = async (kind: RecordKind, owner = 'demo') =>
      (await store.range(kind, owner)).map(({ key }) => key);

    describe('a change of several records', () => {
      test('happens as a whole if the guard is as it was read, and otherwise not at all', async () => {
        await store.add(NOTES, 'demo', records('gone', 'kept'));
        const changes = [
          { key: 'guard', value: 'one' },
          { key: 'gone', value: undefined },
          { key: 'never', value: undefined },
          { key: 'new', value: '' },
        ];
        const guard = { key: 'guard', value: undefined };
        expect(await store.changeTogether(NOTES, 'demo', guard, changes)).toBe(true);
        expect(await keys(NOTES)).toEqual(['guard', 'kept', 'new']);
        expect(await other.get(NOTES, 'demo', 'new')).toBe('');
        expect(await other.changeTogether(NOTES, 'demo', guard, [{ key: 'kept', value: 'x' }])).toBe(false);
        const stale = { key: 'guard', value: 'two' };
        expect(await other.changeTogether(NOTES, 'demo', stale, [{ key: 'kept', value: 'x' }])).toBe(false);
        expect(await store.get(NOTES, 'demo', 'kept')).toBe('value of kept');
        const read = { key: 'guard', value: 'one' };
        expect(await other.changeTogether(NOTES, 'demo', read, [{ key: 'kept', value: 'x' }])).toBe(true);
        expect(await store.get(NOTES, 'demo', 'kept')).toBe('x');
      });

      test('of many at once succeeds once', async () => {
        const guard = { key: 'guard', value: undefined };
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, (_, n) =>
            [store, other][n % 2]!.changeTogether(NOTES, 'demo', guard, [
              { key: 'guard', value: String(n) },
              { key: `by ${n}`, value: String(n) },
            ]),
          ),
        );
        expect(outcomes.filter(Boolean)).toHaveLength(1);
        const winner = await store.get(NOTES, 'demo', 'guard');
        expect(await keys(NOTES)).toEqual([`by ${winner}`, 'guard']);
      });
    });

    describe('a change', () => {
      test('creates, replaces and removes a record, and every process reads it', async () => {
        expect(await store.get(NOTES, 'demo', 'a')).toBeUndefined();
        expect(await store.change(NOTES, 'demo', 'a', to('one'))).toBe('changed');
        expect(await other.get(NOTES, 'demo', 'a')).toBe('one');
        expect(await other.change(NOTES, 'demo', 'a', (kept) => `${kept}, two`)).toBe('changed');
        expect(await store.get(NOTES, 'demo', 'a')).toBe('one, two');
        expect(await store.change(NOTES, 'demo', 'a', to(undefined))).toBe('changed');
        expect(await other.get(NOTES, 'demo', 'a')).toBeUndefined();
        expect(await keys(NOTES)).toEqual([]);
      });

      test('distinguishes an empty record from none, and keeps any text', async () => {
        const text = '\u0000 "ü" \u{1f600} }{ \\';
        expect(await store.change(NOTES, 'demo', 'a', (kept) => (kept === undefined ? '' : 'wrong'))).toBe(
          'changed',
        );
        expect(await store.change(NOTES, 'demo', 'a', (kept) => (kept === '' ? text : 'wrong'))).toBe(
          'changed',
        );
        expect(await other.get(NOTES, 'demo', 'a')).toBe(text);
      });

      test('does not touch a record that stays the same, or one that does not exist', async () => {
        await store.change(NOTES, 'demo', 'a', to('one'));
        expect(await store.change(NOTES, 'demo', 'a', (kept) => kept)).toBe('unchanged');
        expect(await store.change(NOTES, 'demo', 'b', to(undefined))).toBe('unchanged');
      });

      test('has no effect when the decision throws', async () => {
        await store.change(NOTES, 'demo', 'a', to('one'));
        const refuse = () => {
          throw new RangeError('no');
        };
        await expect(store.change(NOTES, 'demo', 'a', refuse)).rejects.toThrow('no');
        expect(await store.get(NOTES, 'demo', 'a')).toBe('one');
      });

      test('is not lost among many simultaneous ones by several processes', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            (n % 2 ? store : other).change(NOTES, 'demo', 'sum', (kept = '0') =>
              String(Number(kept) + n + 1),
            ),
          ),
        );
        expect(new Set(outcomes)).toEqual(new Set(['changed']));
        expect(await store.get(NOTES, 'demo', 'sum')).toBe('210');
      });
    });

    test('kinds, owners and keys are kept apart, whatever their names', async () => {
      const places: [RecordKind, string, string][] = [
        [NOTES, 'demo', 'a'],
        [NOTES, 'demo', ''],
        [NOTES, 'dem', 'oa'],
        [NOTES, 'demo{a}', 'a'],
        [NOTES, '', 'a'],
        [NOTES, '}', '\u0000'],
        [ACCESS, 'demo', 'a'],
        [ACCESS, '\u00ff'.repeat(MAX_OWNER_BYTES / 2), 'k'.repeat(MAX_KEY_BYTES)],
      ];
      for (const [place, [kind, owner, key]] of places.entries()) {
        expect(await store.change(kind, owner, key, to(String(place)))).toBe('changed');
      }
      for (const [place, [kind, owner, key]] of places.entries()) {
        expect(await other.get(kind, owner, key)).toBe(String(place));
      }
      expect(await keys(NOTES)).toEqual(['', 'a']);
      await store.remove(NOTES, 'demo');
      expect(await keys(NOTES, 'dem')).toEqual(['oa']);
    });

    test('what is too long is refused and changes nothing', async () => {
      const long = 'x'.repeat(MAX_RECORD_BYTES);
      expect(await store.change(NOTES, 'demo', 'a', to(long))).toBe('changed');
      expect((await other.get(NOTES, 'demo', 'a'))?.length).toBe(MAX_RECORD_BYTES);
      await expect(store.change(NOTES, 'demo', 'a', to(`${long}x`))).rejects.toThrow(RangeError);
      const tooLong: (() => Promise<unknown>)[] = [
        async () => store.add(NOTES, 'demo', [{ key: 'ü'.repeat(MAX_KEY_BYTES / 2 + 1), value: '' }]),
        async () => store.add(NOTES, 'ü'.repeat(MAX_OWNER_BYTES / 2 + 1), records('a')),
      ];
      for (const attempt of tooLong) await expect(attempt()).rejects.toThrow(RangeError);
      expect(await keys(NOTES)).toEqual(['a']);
    });

    test('adding stores a record that does not exist, and does not touch one that does', async () => {
      expect(await store.add(NOTES, 'demo', records('b', 'a', 'b'))).toBe(2);
      expect(await other.add(NOTES, 'demo', [{ key: 'a', value: 'another' }, ...records('c')])).toBe(1);
      expect(await store.range(NOTES, 'demo')).toEqual(records('a', 'b', 'c'));
      expect(await store.add(NOTES, 'demo', [])).toBe(0);
    });

    test('of several that add one record at the same time, exactly one succeeds', async () => {
      const added = await Promise.all(
        Array.from({ length: 10 }, (_, n) => (n % 2 ? store : other).add(NOTES, 'demo', records('a'))),
      );
      expect(added.filter((count) => count === 1)).toHaveLength(1);
    });

    test('an owner gets no more records than the kind allows', async () => {
      expect(await store.add(FEW, 'demo', records('a', 'b'))).toBe(2);
      expect(await store.add(FEW, 'demo', records('a', 'c', 'd'))).toBe(1);
      expect(await store.change(FEW, 'demo', 'e', to('x'))).toBe('full');
      expect(await store.change(FEW, 'demo', 'a', to('x'))).toBe('changed');
      expect(await store.add(FEW, 'acme', records('a'))).toBe(1);
      expect(await keys(FEW)).toEqual(['a', 'b', 'c']);
      await store.change(FEW, 'demo', 'b', to(undefined));
      expect(await store.change(FEW, 'demo', 'e', to('x'))).toBe('changed');
    });

    describe('a range of records', () => {
      const unordered = ['ö', 'b', '', '日', 'a', 'a\u0000', 'aa', 'Z', '\u{1f600}'];
      const ordered = [...unordered].sort((one, two) => Buffer.from(one).compare(Buffer.from(two)));
      const read = async (range: Parameters<RecordStore['range']>[2]) =>
        (await other.range(NOTES, 'demo', range)).map(({ key }) => key);

      test('is in the byte order of the keys, without its end', async () => {
        await store.add(NOTES, 'demo', records(...unordered));
        expect(await read({})).toEqual(ordered);
        expect(await read({ from: 'a', before: 'b' })).toEqual(['a', 'a\u0000', 'aa']);
        expect(await read({ before: 'a' })).toEqual(['', 'Z']);
        expect(await read({ from: 'ö', limit: 2 })).toEqual(['ö', '日']);
        expect(await read({ from: 'c', before: 'd' })).toEqual([]);
      });

      test('is removed as it would be read', async () => {
        await store.add(NOTES, 'demo', records(...unordered));
        expect(await store.remove(NOTES, 'demo', { from: 'a', before: 'ö', limit: 3 })).toBe(3);
        expect(await read({ from: 'a', before: 'ö' })).toEqual(['b']);
        expect(await store.remove(NOTES, 'demo', { from: 'x', before: 'y' })).toBe(0);
        expect(await other.remove(NOTES, 'demo')).toBe(unordered.length - 3);
        expect(await read({})).toEqual([]);
      });

      test('can be large', async () => {
        const many = Array.from({ length: 1200 }, (_, n) => String(n).padStart(4, '0'));
        expect(await store.add(NOTES, 'demo', records(...many))).toBe(1200);
        expect(await other.range(NOTES, 'demo')).toEqual(records(...many));
      });
    });

    test('a record of a kind with a lifetime is freed after it', async () => {
      await store.add(SHORT_LIVED, 'demo', records('a', 'b', 'c'));
      await store.add(NOTES, 'demo', records('a'));
      await expect
        .poll(async () => {
          await store.add(SHORT_LIVED, 'demo', records('new'));
          return (await keys(SHORT_LIVED)).filter((key) => key !== 'new');
        })
        .toEqual([]);
      expect(await keys(NOTES)).toEqual(['a']);
    });

    test('changes of a kind are counted where that costs nothing, whichever process makes them', async () => {
      expect(store.counter(NOTES)).toBeUndefined();
      const counter = store.counter(ACCESS);
      if (!counter) return;
      const seen = new Set([counter()]);
      await other.change(ACCESS, 'a', '', to('one'));
      seen.add(counter());
      await store.add(ACCESS, 'b', records('x'));
      seen.add(counter());
      await other.remove(ACCESS, 'b');
      seen.add(counter());
      expect(seen.size).toBe(4);
      await other.change(ACCESS, 'a', '', to('one'));
      await other.add(ACCESS, 'a', [{ key: '', value: 'two' }]);
      await other.remove(ACCESS, 'nobody');
      await store.add(NOTES, 'demo', records('a'));
      expect(seen).toContain(counter());
      expect(other.counter(ACCESS)?.()).toBe(counter());
    });
  });
}
