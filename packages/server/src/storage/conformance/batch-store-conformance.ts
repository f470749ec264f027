/**
 * Tests of the storage contract of batches, for every engine; see `profile-store-conformance.ts`.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAX_ATTRIBUTES_SIZE } from '../../domain/attributes.ts';
import { listCustomerAttributes } from '../../domain/customer-attributes.ts';
import type { WriteMoment } from '../../domain/lifetime.ts';
import { STATE } from '../../domain/visitor-state.ts';
import type { RowUpdate } from '../batch-rows.ts';
import type { Batch, BatchProgress, BatchStep, BatchStore, FailedRow } from '../batch-store.ts';
import { PlainRows } from '../plain-rows.ts';
import type { Stores } from '../stores.ts';
import { attributesIn } from './attributes-in.ts';
import { at, customer, DAY, type StorePlace, settings, T0, tnt } from './profile-store-conformance.ts';

const UNSTARTED: BatchProgress = { offset: 0, line: 1, consumed: 0, successful: 0, notFound: 0, failed: 0 };

/** Row `n` of a file whose header and rows have ten bytes each. */
const place = (n: number) => ({ line: n + 1, start: 10 * n, next: 10 * n + 10 });
const row = (n: number, id: string, values: Record<string, string>): RowUpdate => ({
  ...place(n),
  rawId: `${id}.17`,
  id: tnt(id),
  settings: settings(values),
});
const failure = (n: number, reason = 'the id is missing'): FailedRow => ({
  ...place(n),
  id: '',
  reason,
  notFound: false,
});

export function describeBatchStore(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine} keeps the storage contract of batches`, () => {
    let where: StorePlace;
    let stores: Stores;
    let batches: BatchStore;
    beforeEach(async () => {
      where = await makePlace();
      stores = await where.open();
      batches = stores.batches;
    });
    afterEach(async () => where.dispose());

    const accept = (id: string, more: Partial<Batch> = {}) => {
      const { client = 'demo', version = 'v2', acceptedAt = T0, rows = 4, bytes = 50, source } = more;
      return batches.accept({ client, id, version, source, acceptedAt, rows, bytes });
    };
    const lease = (holder = 'me', now = T0) => batches.lease('demo', holder, now, now + 5000);
    const step = (
      id: string,
      consumedBefore: number,
      rows: readonly (RowUpdate | FailedRow)[],
      more: Partial<BatchStep> = {},
    ) => {
      const consumed = consumedBefore + rows.length;
      return batches.apply({
        client: 'demo',
        id,
        holder: 'me',
        leaseUntil: T0 + 5000,
        consumedBefore,
        updates: PlainRows.of(
          rows.filter((one) => 'settings' in one),
          (more.moment ?? at(T0)).now,
        ),
        failures: rows.filter((one) => 'reason' in one),
        appliedElsewhere: 0,
        after: { offset: 10 * consumed + 10, line: consumed + 2, consumed },
        isLast: false,
        moment: at(T0),
        ...more,
      });
    };
    const values = async (id: string, client = 'demo') => {
      const profile = await stores.profiles.find(client, tnt(id), T0);
      return profile && Object.fromEntries(attributesIn(profile.attributes).map((a) => [a.name, a.value]));
    };
    const idOf = async (batch: Promise<Batch | undefined>) => (await batch)?.id;

    test('applies the rows that its collector was lent, cell by cell', async () => {
      await accept('b1');
      await lease();
      const rows = batches.collector('tntId', ['x', 'ü', '"']);
      rows.clear(T0);
      const lent = Buffer.alloc(100);
      const lend = (text: string) => lent.write(text, 10, 'utf8') + 10;
      for (const [id, nth] of [
        ['dropped', 1],
        ['a', 2],
        ['b', 4],
      ] as const) {
        rows.startRow(lent, 10, lend(id));
        if (id === 'b') rows.rawId(lent, 10, lend('b.1_0'));
        rows.addValue(0, lent, 10, lend('plain'), true);
        rows.addValue(1, lent, 10, lend('日 "\u0001\\'), false);
        rows.addValue(2, lent, 10, lend(`${'long '.repeat(8)}${id}`), true);
        if (id !== 'dropped') rows.endRow(nth + 1, 10 * nth, 10 * nth + 10, nth);
      }
      lent.fill(0);
      expect(rows.length).toBe(2);
      const settings = (id: string) =>
        new Map([
          ['x', 'plain'],
          ['ü', '日 "\u0001\\'],
          ['"', `${'long '.repeat(8)}${id}`],
        ]);
      expect([...rows]).toEqual([
        { line: 3, start: 20, next: 30, rawId: 'a', id: tnt('a'), settings: settings('a'), nth: 2 },
        { line: 5, start: 40, next: 50, rawId: 'b.1_0', id: tnt('b'), settings: settings('b'), nth: 4 },
      ]);
      await step('b1', 0, [], { updates: rows });
      expect(await values('a')).toEqual(Object.fromEntries(settings('a')));
      expect(await values('b')).toEqual(Object.fromEntries(settings('b')));
      expect(await values('dropped')).toBeUndefined();
    });

    describe('accepting a batch', () => {
      test('queues it unchanged, in the state waiting', async () => {
        await accept('b1');
        const expected: Batch = {
          client: 'demo',
          id: 'b1',
          version: 'v2',
          acceptedAt: T0,
          rows: 4,
          bytes: 50,
          state: 'waiting',
          progress: UNSTARTED,
          startedAt: undefined,
          finishedAt: undefined,
          reason: undefined,
        };
        for (const found of [await batches.find('demo', 'b1'), await batches.next('demo')]) {
          expect(found).toEqual(expected);
        }
      });

      test('keeps the order of arrival, whatever ids and times say', async () => {
        const ids = ['b9', 'b10', 'a', 'z', 'b1'];
        for (const [n, id] of ids.entries()) await accept(id, { acceptedAt: T0 - n, rows: 0 });
        expect((await batches.list('demo', 3)).map(({ id }) => id)).toEqual(['b1', 'z', 'a']);
        await lease();
        const order: string[] = [];
        for (let next = await batches.next('demo'); next; next = await batches.next('demo')) {
          order.push(next.id);
          await step(next.id, 0, [], { isLast: true });
        }
        expect(order).toEqual(ids);
        expect(await batches.list('demo', 100)).toHaveLength(5);
      });

      test('refuses an id that exists already, and changes nothing', async () => {
        await accept('b1');
        await expect(accept('b1', { rows: 9 })).rejects.toThrow();
        expect(await batches.list('demo', 10)).toHaveLength(1);
        expect((await batches.find('demo', 'b1'))?.rows).toBe(4);
      });

      test('keeps clients apart, even when one name is a prefix of the other', async () => {
        await accept('b1', { client: 'demo2' });
        expect(await batches.find('demo', 'b1')).toBeUndefined();
        expect(await batches.next('demo')).toBeUndefined();
        expect(await batches.list('demo', 10)).toEqual([]);
        expect(await idOf(batches.next('demo2'))).toBe('b1');
        await accept('b1');
        expect((await batches.find('demo', 'b1'))?.client).toBe('demo');
      });

      test('tells which of several clients have a batch queued', async () => {
        expect(await batches.queued(['demo', 'demo2', 'acme'])).toEqual([]);
        await accept('b1', { client: 'demo2' });
        await accept('b2', { client: 'demo2' });
        await accept('b3', { client: 'acme' });
        await accept('b4');
        const queued = async (...clients: string[]) => (await batches.queued(clients)).sort();
        expect(await queued('demo', 'idle', 'demo2', 'acme')).toEqual(['acme', 'demo', 'demo2']);
        expect(await queued('demo2', 'idle')).toEqual(['demo2']);
        await batches.giveUp('demo', 'b4', 'no');
        expect(await queued('demo')).toEqual(['demo']);
      });

      test.each(['', '\0', 'x'.repeat(10_000), '😀', '__proto__'])('makes only that id known', async (id) => {
        await accept('b1');
        expect(await batches.find('demo', id)).toBeUndefined();
        expect(await batches.failures('demo', id, 0, 10)).toEqual([]);
        expect(await batches.retry('demo', id)).toBe(false);
      });
    });

    describe('the lease of a client', () => {
      test('has one holder, until it ends or is released', async () => {
        expect(await lease('me')).toBe(true);
        expect(await lease('you')).toBe(false);
        expect(await lease('me', T0 + 4000)).toBe(true);
        expect(await lease('you', T0 + 8999)).toBe(false);
        expect(await batches.lease('demo2', 'you', T0, T0 + 1)).toBe(true);
        expect(await lease('you', T0 + 9000)).toBe(true);
        await batches.release('demo', 'me');
        expect(await lease('me', T0 + 9001)).toBe(false);
        await batches.release('demo', 'you');
        expect(await lease('me', T0 + 9002)).toBe(true);
      });

      test('excludes other processes', async () => {
        const other = await where.open();
        expect(await lease('me')).toBe(true);
        expect(await other.batches.lease('demo', 'you', T0, T0 + 1)).toBe(false);
      });

      test('goes to exactly one of many that ask at once', async () => {
        const got = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((holder) => lease(holder)));
        expect(got.filter(Boolean)).toHaveLength(1);
      });

      test('is extended by each step', async () => {
        await accept('b1');
        await lease();
        await step('b1', 0, [row(1, 'a', { x: '1' })], { leaseUntil: T0 + 20_000 });
        expect(await lease('you', T0 + 19_999)).toBe(false);
        expect(await lease('you', T0 + 20_000)).toBe(true);
      });
    });

    describe('applying rows', () => {
      test('keeps the order of steps, even when one is requested before the previous one has ended', async () => {
        await accept('b1', { rows: 6 });
        await lease();
        const large = 'x'.repeat(40_000);
        await step('b1', 0, [row(1, 'a', { n: '1' }), row(2, 'full', { one: large })]);
        const steps = await Promise.all([
          step('b1', 2, [row(3, 'a', { n: '2' }), row(4, 'full', { one: 'small' })]),
          // It is too large together with what was stored before.
          step('b1', 4, [row(5, 'a', { n: '3' }), row(6, 'full', { other: large })]),
        ]);
        expect(steps.at(-1)).toMatchObject({ progress: { consumed: 6, successful: 6, failed: 0 } });
        expect(await values('a')).toEqual({ n: '3' });
        expect(await values('full')).toEqual({ one: 'small', other: large });
      });

      test('drops the oldest attributes where the client wants that', async () => {
        const moment: WriteMoment = { ...at(T0 + 1), whenTooLarge: 'drop-oldest' };
        const id = tnt('full');
        await stores.profiles.update('demo', id, settings({ old: 'x'.repeat(40_000) }), at(T0), true);
        await accept('b1', { rows: 2 });
        await lease();
        const rows = [row(1, 'full', { new: 'y'.repeat(40_000) }), row(2, 'full', { more: 'z' })];
        const after = await step('b1', 0, rows, { moment });
        expect(after).toMatchObject({ progress: { successful: 2, failed: 0 } });
        const found = await stores.profiles.find('demo', id, T0 + 1);
        expect(Object.keys(JSON.parse(found!.attributes))).toEqual(['new', 'more']);
      });

      test('follows the order, counts exactly, and returns the batch as it is now', async () => {
        await stores.profiles.update('demo', tnt('full'), settings({ x: 'x'.repeat(40_000) }), at(T0), true);
        await accept('b1', { rows: 6 });
        await lease();
        const big = { y: 'y'.repeat(MAX_ATTRIBUTES_SIZE - 40_000) };
        const first = await step(
          'b1',
          0,
          [row(1, 'a', { x: '1', y: '1' }), failure(2), row(3, 'full', big), row(4, 'a', { x: '2' })],
          { moment: at(T0 + 1) },
        );
        expect(first).toMatchObject({
          state: 'running',
          startedAt: T0 + 1,
          progress: { offset: 50, line: 6, consumed: 4, successful: 2, notFound: 0, failed: 2 },
        });
        expect(first).toEqual(await batches.find('demo', 'b1'));
        // A skipped row is consumed, and counts neither as success nor as failure.
        const last = await step('b1', 4, [row(5, 'b', { x: '3' })], {
          after: { offset: 70, line: 8, consumed: 6 },
          isLast: true,
          moment: at(T0 + 2),
        });
        expect(last).toMatchObject({
          state: 'complete',
          startedAt: T0 + 1,
          finishedAt: T0 + 2,
          progress: { offset: 70, line: 8, consumed: 6, successful: 3, notFound: 0, failed: 2 },
        });
        expect(await batches.next('demo')).toBeUndefined();
        expect([await values('a'), await values('b')]).toEqual([{ x: '2', y: '1' }, { x: '3' }]);
        expect(Object.keys((await values('full'))!)).toEqual(['x']);
        const failures = await batches.failures('demo', 'b1', 0, 10);
        expect(failures).toEqual([
          failure(2),
          { ...place(3), id: 'full.17', reason: expect.stringMatching(/65536/), notFound: false },
        ]);
      });

      test('sets visitor state, such as customer attributes and null values, and keeps the source', async () => {
        const name = (attribute: string) => `${STATE.customerAttribute}crm.${attribute}`;
        const customerRow = (n: number, id: string, state: Record<string, string>): RowUpdate => {
          const named = Object.entries(state).map(([attribute, value]) => [name(attribute), value] as const);
          return {
            ...place(n),
            rawId: id,
            id: customer(id),
            settings: settings({}),
            state: new Map(named),
            nth: n,
          };
        };
        const known = async (id: string) => {
          const found = await stores.profiles.findLinked('demo', customer(id), T0, 10);
          return (
            found && listCustomerAttributes(found.profile.attributes).map((one) => `${one.name}=${one.value}`)
          );
        };
        await stores.profiles.update('demo', customer('old'), settings({ x: '1' }), at(T0), true);
        await accept('b1', { source: 'crm' });
        await lease();
        expect((await batches.find('demo', 'b1'))?.source).toBe('crm');
        const large = 'y'.repeat(40_000);
        const rows = [
          customerRow(1, 'new', { tier: 'gold', city: 'São Paulo' }),
          customerRow(2, 'old', { tier: 'silver' }),
          customerRow(3, 'new', { city: '' }),
          customerRow(4, 'old', { a: large, b: large }),
        ];
        const batch = await step('b1', 0, rows, { isLast: true });
        expect(batch).toMatchObject({ source: 'crm', progress: { successful: 3, failed: 1 } });
        expect(await known('new')).toEqual(['tier=gold']);
        expect(await known('old')).toEqual(['tier=silver']);
        const fetched = async (id: string) =>
          (await stores.profiles.find('demo', customer(id), T0))?.attributes;
        expect(await fetched('new')).toBe('{}');
        const foreign = { client: 'demo', from: 17, batch: 'b2', acceptedAt: T0, moment: at(T0) };
        const updates = PlainRows.of([customerRow(1, 'old', { tier: 'gold' })], T0);
        expect(await batches.applyForeign({ ...foreign, updates })).toEqual(['applied']);
        expect(await known('old')).toEqual(['tier=gold']);
        expect(attributesIn((await fetched('old'))!).map((one) => one.name)).toEqual(['x']);
      });

      test('of version 1 creates nothing, and counts what was not found', async () => {
        await stores.profiles.update('demo', tnt('there'), settings({ x: '0' }), at(T0), true);
        await accept('b1', { version: 'v1', rows: 3 });
        await lease();
        const applied = await step('b1', 0, [
          row(1, 'gone', { x: '1' }),
          row(2, 'there', { x: '1' }),
          failure(3),
        ]);
        expect(applied).toMatchObject({ progress: { consumed: 3, successful: 1, notFound: 1, failed: 1 } });
        expect([await values('gone'), await values('there')]).toEqual([undefined, { x: '1' }]);
        expect(await batches.failures('demo', 'b1', 0, 10)).toEqual([
          { ...place(1), id: 'gone.17', reason: 'no such profile', notFound: true },
          failure(3),
        ]);
      });

      test('out of turn has no effect', async () => {
        const rows = [row(1, 'a', { x: 'wrong' }), failure(2)];
        await accept('b1');
        expect(await step('b1', 0, rows), 'without a lease').toBe('out-of-turn');
        await lease('you');
        expect(await step('b1', 0, rows), 'another holds the lease').toBe('out-of-turn');
        await batches.release('demo', 'you');
        await lease();
        expect(await step('b1', 1, rows), 'too far').toBe('out-of-turn');
        expect(await step('none', 0, rows), 'no such batch').toBe('out-of-turn');
        expect(await step('b1', 0, rows, { client: 'demo2' }), 'of another client').toBe('out-of-turn');
        expect(await values('a')).toBeUndefined();
        expect(await batches.failures('demo', 'b1', 0, 10)).toEqual([]);
        expect((await batches.find('demo', 'b1'))?.progress).toEqual(UNSTARTED);

        await step('b1', 0, [row(1, 'a', { x: 'right' })]);
        expect(await step('b1', 0, rows), 'a step again').toBe('out-of-turn');
        await batches.giveUp('demo', 'b1', 'why');
        expect(await step('b1', 1, rows), 'while stuck').toBe('out-of-turn');
        await batches.retry('demo', 'b1');
        await step('b1', 1, [row(2, 'b', { x: 'right' })], { isLast: true });
        expect(await step('b1', 2, rows), 'after the end').toBe('out-of-turn');
        expect([await values('a'), await values('b')]).toEqual([{ x: 'right' }, { x: 'right' }]);
      });

      test('happens once when two processes apply the same step', async () => {
        await accept('b1');
        await lease();
        const both = await Promise.all([1, 2].map(() => step('b1', 0, [row(1, 'a', { x: '1' })])));
        expect(both.filter((one) => one === 'out-of-turn')).toHaveLength(1);
        expect((await batches.find('demo', 'b1'))?.progress.successful).toBe(1);
      });
    });

    describe('a batch that is stuck', () => {
      test('keeps its place, its progress and the reason, while other batches wait', async () => {
        await accept('b1');
        await accept('b2');
        await lease();
        await step('b1', 0, [row(1, 'a', { x: '1' })]);
        await batches.giveUp('demo', 'b1', 'the file is gone');
        expect(await batches.next('demo')).toMatchObject({
          id: 'b1',
          state: 'stuck',
          reason: 'the file is gone',
          progress: { consumed: 1, successful: 1 },
        });
        expect(await batches.retry('demo', 'b2')).toBe(false);
        expect(await batches.retry('demo2', 'b1')).toBe(false);
        expect(await batches.retry('demo', 'b1')).toBe(true);
        expect(await batches.retry('demo', 'b1')).toBe(false);
        const again = await batches.next('demo');
        expect(again).toMatchObject({ id: 'b1', state: 'running', progress: { consumed: 1 } });
        expect(again?.reason).toBeUndefined();
      });
    });

    describe('listing failed rows', () => {
      test('follows the order of the file, page by page, for that batch only', async () => {
        await accept('b1', { rows: 300 });
        await accept('b2');
        await lease();
        const rows = Array.from({ length: 300 }, (_, n) => failure(n + 1, `reason ${n}`));
        await step('b1', 0, rows, { isLast: true });
        await step('b2', 0, [failure(1)]);
        const lines = async (from: number, limit: number) =>
          (await batches.failures('demo', 'b1', from, limit)).map(({ line }) => line);
        expect(await lines(0, 1000)).toEqual(rows.map(({ line }) => line));
        expect(await lines(256, 3)).toEqual([256, 257, 258]);
        expect(await lines(301, 3)).toEqual([301]);
        expect(await lines(302, 3)).toEqual([]);
      });
    });

    describe('applying rows of a batch from another edge cluster', () => {
      const foreign = (
        rows: RowUpdate[],
        more: { from?: number; batch?: string; acceptedAt?: number } = {},
      ) => {
        const { from = 17, batch = 'b17', acceptedAt = T0 } = more;
        return batches.applyForeign({
          ...{ client: 'demo', from, batch, acceptedAt, moment: at(T0) },
          updates: PlainRows.of(rows, T0),
        });
      };
      const xOf = async (id: string) => {
        const found = await stores.profiles.find('demo', tnt(id), T0);
        return found && attributesIn(found.attributes).find(({ name }) => name === 'x')?.value;
      };
      const set = (id: string, x: string, now = T0) =>
        stores.profiles.update('demo', tnt(id), settings({ x }), at(now), true);

      test('changes existing profiles, in order, and queues nothing', async () => {
        await set('a', '0');
        const rows = [row(1, 'a', { x: '1' }), row(2, 'nobody', { x: '1' }), row(3, 'a', { x: '3' })];
        expect(await foreign(rows)).toEqual(['applied', 'not-found', 'applied']);
        expect(await xOf('a')).toBe('3');
        expect(await xOf('nobody')).toBeUndefined();
        expect(await batches.next('demo')).toBeUndefined();
      });

      test('skips rows that arrive again, alone or among others', async () => {
        await set('a', '0');
        await set('b', '0');
        await foreign([row(1, 'a', { x: '1' }), row(2, 'b', { x: '2' })]);
        await set('a', 'later', T0 + 1);
        await set('b', 'later', T0 + 1);
        expect(await foreign([row(2, 'b', { x: '2' })])).toEqual(['applied']);
        expect(await foreign([row(1, 'a', { x: '1' }), row(2, 'b', { x: '2' })])).toEqual([
          'applied',
          'applied',
        ]);
        expect(await xOf('a')).toBe('later');
        expect(await xOf('b')).toBe('later');
        expect(await foreign([row(2, 'b', { x: '2' }), row(3, 'b', { x: '3' })])).toEqual([
          'applied',
          'applied',
        ]);
        expect(await xOf('b')).toBe('3');
      });

      test('tries rows again that found no profile', async () => {
        expect(await foreign([row(1, 'a', { x: '1' })])).toEqual(['not-found']);
        await set('a', '0');
        expect(await foreign([row(1, 'a', { x: '1' })])).toEqual(['applied']);
        expect(await xOf('a')).toBe('1');
      });

      test('treats rows of another batch or cluster as different rows', async () => {
        await set('a', '0');
        await foreign([row(1, 'a', { x: '1' })]);
        expect(await foreign([row(1, 'a', { x: '2' })], { batch: 'b18', acceptedAt: T0 + 1 })).toEqual([
          'applied',
        ]);
        expect(await xOf('a')).toBe('2');
        expect(await foreign([row(1, 'a', { x: '3' })], { from: 28, acceptedAt: T0 - 9 })).toEqual([
          'applied',
        ]);
        expect(await xOf('a')).toBe('3');
      });
    });

    describe('expiring batches', () => {
      const finish = async (id: string, acceptedAt: number) => {
        await accept(id, { acceptedAt, rows: 1 });
        await lease();
        await step(id, 0, [failure(1)], { isLast: true });
      };

      test('removes completed batches accepted before a time, a few per call, with their failed rows', async () => {
        for (let n = 1; n <= 5; n += 1) await finish(`b${n}`, T0 + n * DAY);
        // Each has one failed row, so four per call are two batches.
        expect(await batches.expire('demo', T0 + 4 * DAY, 4)).toEqual({ gone: ['b1', 'b2'], more: true });
        expect(await batches.expire('demo', T0 + 4 * DAY, 4)).toEqual({ gone: ['b3'], more: false });
        expect(await batches.expire('demo', T0 + 4 * DAY, 4)).toEqual({ gone: [], more: false });
        expect((await batches.list('demo', 10)).map(({ id }) => id)).toEqual(['b5', 'b4']);
        expect(await batches.find('demo', 'b1')).toBeUndefined();
        expect(await batches.failures('demo', 'b1', 0, 10)).toEqual([]);
        expect(await batches.failures('demo', 'b4', 0, 10)).toHaveLength(1);
      });

      test('can remove failed rows of some lines, which stay counted', async () => {
        await accept('b1', { rows: 3 });
        await lease();
        await step('b1', 0, [failure(1), failure(2), failure(3)], { isLast: true });
        for (let time = 0; time < 2; time += 1) await batches.dropFailures('demo', 'b1', [2, 4]);
        await batches.dropFailures('demo', 'nobody', [2]);
        expect((await batches.failures('demo', 'b1', 0, 10)).map(({ line }) => line)).toEqual([3]);
        expect((await batches.find('demo', 'b1'))!.progress.failed).toBe(3);
      });

      test('removes many failed rows in steps, with the batch unknown from the first step', async () => {
        await accept('b1', { rows: 25 });
        await lease();
        await step(
          'b1',
          0,
          Array.from({ length: 25 }, (_, n) => failure(n + 1)),
          { isLast: true },
        );
        await finish('b2', T0 + 9 * DAY);
        expect(await batches.expire('demo', T0 + DAY, 10)).toEqual({ gone: [], more: true });
        expect(await batches.find('demo', 'b1')).toBeUndefined();
        expect((await batches.list('demo', 1)).map(({ id }) => id)).toEqual(['b2']);
        expect((await batches.list('demo', 10)).map(({ id }) => id)).toEqual(['b2']);
        expect(await batches.failures('demo', 'b1', 0, 100)).toEqual([]);
        expect(await batches.retry('demo', 'b1')).toBe(false);
        // Its id may be used again while the rest of the first batch is still being removed.
        await finish('b1', T0 + 9 * DAY);
        const gone: string[] = [];
        for (let more = true; more; ) {
          const one = await batches.expire('demo', T0 + DAY, 10);
          gone.push(...one.gone);
          more = one.more;
        }
        expect(gone).toEqual(['b1']);
        expect((await batches.failures('demo', 'b1', 0, 10)).map(({ line }) => line)).toEqual([2]);
        expect((await batches.list('demo', 10)).map(({ id }) => id)).toEqual(['b1', 'b2']);
      });

      test('spares batches that wait, run or are stuck, however old', async () => {
        await accept('running');
        await lease();
        await step('running', 0, [failure(1)]);
        await accept('waiting');
        expect(await batches.expire('demo', T0 + 100 * DAY, 10)).toEqual({ gone: [], more: false });
        await batches.giveUp('demo', 'running', 'why');
        expect(await batches.expire('demo', T0 + 100 * DAY, 10)).toEqual({ gone: [], more: false });
        expect(await batches.list('demo', 10)).toHaveLength(2);
      });

      test('keeps clients apart, and the order of later batches', async () => {
        await accept('other', { client: 'demo2', rows: 0 });
        await finish('b1', T0);
        expect((await batches.expire('demo2', T0 + DAY, 10)).gone).toEqual([]);
        expect((await batches.expire('demo', T0 + DAY, 10)).gone).toEqual(['b1']);
        await accept('b2');
        await accept('b3');
        expect(await idOf(batches.next('demo'))).toBe('b2');
        // The id of a removed batch may be used again, and nothing of the first one is left.
        await accept('b1');
        expect(await batches.failures('demo', 'b1', 0, 10)).toEqual([]);
      });
    });

    test('everything is still there after the process ends', async () => {
      await accept('b1');
      await accept('b2');
      await lease();
      await step('b1', 0, [row(1, 'a', { x: '1' }), failure(2)]);
      await stores.close();
      stores = await where.open();
      expect(await stores.batches.next('demo')).toMatchObject({
        id: 'b1',
        state: 'running',
        progress: { offset: 30, line: 4, consumed: 2, successful: 1, failed: 1 },
      });
      expect(await stores.batches.failures('demo', 'b1', 0, 10)).toEqual([failure(2)]);
      expect(await stores.batches.lease('demo', 'you', T0, T0 + 1)).toBe(false);
      expect(await values('a')).toEqual({ x: '1' });
    });
  });
}
