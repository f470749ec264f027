import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as lmdb from 'lmdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readTime, TIME_BYTES } from '../../domain/time-bytes.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { PlainRows } from '../plain-rows.ts';
import type { EntryLogOptions } from './entry-log.ts';
import type { IndexMergerOptions } from './index-merger.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import type { Table } from './lmdb-internals.ts';
import { idKey, numberKey } from './lmdb-keys.ts';
import { LmdbProfileStore } from './lmdb-profile-store.ts';
import { PackedRows } from './packed-rows.ts';
import { ProfileTables } from './profile-tables.ts';
import { CHANGED, CHANNEL, COPY, changesOf, channelOf, flagsOf, POINTER, PROFILE } from './record-entry.ts';
import { RowWriter } from './row-writer.ts';
import { StoreUpkeep } from './store-upkeep.ts';

/** Rolls a child transaction back; missing in the library's types. */
const { ABORT: TAKEN_BACK } = lmdb as unknown as { readonly ABORT: number };
const moment = { now: 1_700_000_000_000, lifetimeDays: 14 };
const tnt = (value: string): VisitorId => ({ kind: 'tntId', value });
const person = (value: string): VisitorId => ({ kind: 'thirdPartyId', value });

let path: string;
let environment: LmdbEnvironment;
let tables: ProfileTables;
let store: LmdbProfileStore;
let upkeep: StoreUpkeep;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'quiver-log-'));
  await open({ segmentEntries: 4 });
});
afterEach(async () => {
  await environment.close();
  await rm(path, { recursive: true });
});

async function open(options?: EntryLogOptions & IndexMergerOptions): Promise<void> {
  environment = await LmdbEnvironment.open(path);
  tables = new ProfileTables(environment, options);
  store = new LmdbProfileStore(environment, tables);
  upkeep = new StoreUpkeep(environment, tables.records, options);
}

/** Each write is a millisecond after the last: what was set in one millisecond is one change. */
let writes = 0;
const later = () => {
  writes += 1;
  return { ...moment, now: moment.now + writes };
};
const set = (id: string, value: string, name = 'x') =>
  store.update('demo', tnt(id), new Map([[name, value]]), later(), true);
const visit = (ids: VisitorId[], settings: [string, string][] = []) =>
  store.visit('demo', { ids, freshTntId: tnt('fresh'), settings: new Map(settings) }, later());
const current = (id: string, name = 'x') =>
  new RegExp(`"${name}":{"value":"([^"]*)"`).exec(
    store.find('demo', tnt(id), moment.now)?.attributes ?? '',
  )?.[1];
const countIn = (table: string) => environment.read(() => environment.table(table).getKeysCount());
const lengths = () =>
  environment.read(() => Array.from(environment.table('records').getRange({}), ({ value }) => value.length));

/** Finishes current work, looks whether more has come, then does the rest. */
async function settle(of = upkeep, limit = 2): Promise<void> {
  for (let look = 0; look < 3; look += 1) while (await of.step(limit));
}

const rowOf = (line: number, id: string, value: string) => ({
  ...{ line, id: tnt(id), rawId: id, settings: new Map([['x', value]]) },
  ...{ start: 0, next: 0 },
});

/**
 * The live weight of each segment as stored, and as it must be: that of the entries to which the
 * index leads.
 */
function liveWeights(): { readonly live: [number, number][]; readonly indexed: [number, number][] } {
  const { log } = tables.records;
  const weights = new Map<number, number>();
  const add = (value: Buffer, at: number) => {
    const segment = log.segments.of(readTime(value, at));
    weights.set(segment, (weights.get(segment) ?? 0) + value.readUInt16BE(at + TIME_BYTES));
  };
  return environment.read(() => {
    for (const { value } of log.index.table.getRange({})) {
      add(value, 0);
      if (value.length > TIME_BYTES + 2) add(value, TIME_BYTES + 2);
    }
    // The index leads to an entry of a cleaned segment until its copy is merged.
    const segments = log.segments.list();
    return {
      live: segments.map(({ segment, live }) => [segment, live]),
      indexed: segments.map(({ segment }) => [segment, weights.get(segment) ?? 0]),
    };
  });
}

test('a written entry is read from memory, and from the index once it is merged', async () => {
  for (const id of ['a', 'b', 'c']) await set(id, `${id}1`);
  await set('b', 'b2');
  expect([countIn('records'), countIn('index')]).toEqual([4, 0]);
  expect(['a', 'b', 'c'].map((id) => current(id))).toEqual(['a1', 'b2', 'c1']);
  await settle();
  expect(countIn('index')).toBe(3);
  expect(['a', 'b', 'c'].map((id) => current(id))).toEqual(['a1', 'b2', 'c1']);
});

test('a process that opens the store later reads entries that are not merged', async () => {
  await set('a', '1');
  await settle();
  await set('a', '2');
  await set('b', '1');
  await environment.close();
  await open({ segmentEntries: 4 });
  expect(['a', 'b'].map((id) => current(id))).toEqual(['2', '1']);
  await set('a', '3');
  expect(current('a')).toBe('3');
  await settle();
  expect(['a', 'b'].map((id) => current(id))).toEqual(['3', '1']);
});

test('a write during a merge is kept, and a removed record stays removed', async () => {
  for (const id of ['a', 'b', 'c', 'd']) await set(id, '1');
  await upkeep.step(1);
  expect(await upkeep.step(1)).toBe(true);
  expect(countIn('index')).toBe(1);
  await set('a', '2');
  await set('c', '2');
  await store.remove('demo', tnt('d'), moment.now);
  await store.remove('demo', tnt('b'), moment.now);
  await settle();
  expect(['a', 'b', 'c', 'd'].map((id) => current(id))).toEqual(['2', undefined, '2', undefined]);
  expect(countIn('index')).toBe(2);
});

test('when a process dies during a merge or cleaning, the next one finishes', async () => {
  for (let round = 0; round < 5; round += 1) for (const id of ['a', 'b', 'c']) await set(id, `${round}`);
  for (let step = 1; step < 12; step += 1) {
    for (let done = 0; done < step; done += 1) await upkeep.step(1);
    await environment.close();
    await open({ segmentEntries: 4 });
    await set('a', `a${step}`);
    expect(['a', 'b', 'c'].map((id) => current(id))).toEqual([`a${step}`, '4', '4']);
  }
  await settle();
  expect(['a', 'b', 'c'].map((id) => current(id))).toEqual(['a11', '4', '4']);
  expect(countIn('records')).toBeLessThan(12);
});

test('several processes may do upkeep at once, and an idle one finds what they did', async () => {
  const otherEnvironment = await LmdbEnvironment.open(path);
  const other = new ProfileTables(otherEnvironment, { segmentEntries: 4 });
  const otherUpkeep = new StoreUpkeep(otherEnvironment, other.records);
  for (let round = 0; round < 4; round += 1) for (const id of ['a', 'b', 'c']) await set(id, `${round}`);
  expect(current('a')).toBe('3');
  await upkeep.step(1);
  await upkeep.step(1);
  await settle(otherUpkeep);
  // Its last snapshot refers to entries that no longer exist.
  await set('b', '9');
  await settle(otherUpkeep);
  await settle();
  expect(['a', 'b', 'c'].map((id) => current(id))).toEqual(['3', '9', '3']);
  expect(countIn('records')).toBeLessThan(12);
  await otherEnvironment.close();
});

test('a batch reads unmerged entries, and its own entries are found', async () => {
  await set('a', '1');
  const row = { id: tnt('a'), rawId: 'a', line: 2, start: 0, next: 1, settings: new Map([['x', '2']]) };
  const writer = new RowWriter(tables);
  const apply = () =>
    writer.apply('demo', PackedRows.of(PlainRows.of([row], moment.now)), 0, moment, true, () => true);
  expect(await environment.write(apply)).toEqual({ unapplied: [], next: 1 });
  expect(current('a')).toBe('2');
  await settle();
  expect(current('a')).toBe('2');
});

test('entries that the engine has not committed do not exist, and later ones do', async () => {
  await set('a', '1');
  const prototype = Object.getPrototypeOf(environment.table('meta')) as Table;
  const transaction = prototype.transaction;
  // The library's own rollback stands in for a refusal by the disk, which a test cannot cause.
  prototype.transaction = async function refused(this: Table, work: () => unknown) {
    await this.childTransaction(() => {
      work();
      return TAKEN_BACK;
    });
    throw new Error('the disk is on fire');
  } as typeof transaction;
  await expect(set('b', '1')).rejects.toMatchObject({ code: 'not-done' });
  prototype.transaction = transaction;
  expect(['a', 'b'].map((id) => current(id))).toEqual(['1', undefined]);
  await set('c', '1');
  expect(['a', 'b', 'c'].map((id) => current(id))).toEqual(['1', undefined, '1']);
  await settle();
  expect(['a', 'b', 'c'].map((id) => current(id))).toEqual(['1', undefined, '1']);
});

describe('damage is an error, and never shows an older value or nothing', () => {
  const spoil = (number: number, change: (entry: Buffer) => Buffer | undefined) =>
    environment.write(() => {
      const records = environment.table('records');
      const changed = change(Buffer.from(records.getBinary(numberKey(number))!));
      if (changed) records.putSync(numberKey(number), changed);
      else records.removeSync(numberKey(number));
    });
  const unavailable = expect.objectContaining({ code: 'unavailable' });

  beforeEach(async () => {
    await set('a', '1');
    await set('b', '1');
    await settle();
  });

  test.each<[string, (entry: Buffer) => Buffer | undefined]>([
    ['an entry that is gone', () => undefined],
    ['an entry of zeros', (entry) => Buffer.alloc(entry.length)],
    ['an entry that is cut short', (entry) => entry.subarray(0, entry.length - 3)],
    ['no bytes at all', () => Buffer.alloc(0)],
  ])('for %s', async (_, change) => {
    await spoil(1, change);
    expect(() => current('a')).toThrow(unavailable);
    await expect(set('a', '2')).rejects.toMatchObject({ code: 'unavailable' });
    expect(current('b')).toBe('1');
  });

  test('for any flipped bit', async () => {
    const sound = Buffer.from(environment.read(() => environment.table('records').getBinary(numberKey(1))!));
    for (let bit = 0; bit < 8 * sound.length; bit += 1) {
      const flipped = Buffer.from(sound);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await spoil(1, () => flipped);
      expect(() => current('a'), `bit ${bit}`).toThrow(unavailable);
    }
  });

  test('for an entry in the place of another', async () => {
    const [a, b] = environment.read(() =>
      [1, 2].map((number) => Buffer.from(environment.table('records').getBinary(numberKey(number))!)),
    );
    await spoil(1, () => b);
    await spoil(2, () => a);
    expect(() => current('a')).toThrow(unavailable);
    expect(() => current('b')).toThrow(unavailable);
  });

  test('for an index that leads to another entry', async () => {
    const index = environment.table('index');
    const [toA, toB] = environment.read(() =>
      ['a', 'b'].map((id) => Buffer.from(index.getBinary(idKey('demo', tnt(id)))!)),
    );
    await environment.write(() => {
      index.putSync(idKey('demo', tnt('a')), toB!);
      index.putSync(idKey('demo', tnt('b')), toA!);
    });
    expect(() => current('a')).toThrow(unavailable);
  });

  test('for a gap among the unmerged entries, when a process opens the store', async () => {
    for (const id of ['c', 'd', 'e']) await set(id, '1');
    await spoil(4, () => undefined);
    await environment.close();
    await open({ segmentEntries: 4 });
    for (const id of ['a', 'c', 'd', 'e', 'unknown']) expect(() => current(id)).toThrow(unavailable);
    await expect(set('c', '2')).rejects.toMatchObject({ status: 503 });
  });

  test('for a damaged unmerged entry, as soon as it is merged', async () => {
    await set('a', '2');
    await spoil(3, (entry) => Buffer.concat([entry.subarray(0, -1), Buffer.from([0xee])]));
    await settle();
    expect(() => current('a')).toThrow(unavailable);
  });

  test('for a damaged entry of a segment that is cleaned', async () => {
    await spoil(2, (entry) => Buffer.concat([entry.subarray(0, -1), Buffer.from([0xee])]));
    for (let n = 0; n < 20; n += 1) await set('c', `${n}`);
    await settle();
    expect(current('c')).toBe('19');
    expect(() => current('b')).toThrow(unavailable);
    expect(current('a')).toBe('1');
  });
});

describe('a large profile', () => {
  const long = 'é'.repeat(15_000);

  test('costs what changes, when one attribute changes or a visit changes nothing', async () => {
    await set('a', long);
    await visit([tnt('a')]);
    await set('a', '1', 'y');
    await visit([tnt('a')]);
    await visit([tnt('a')]);
    const [whole, ...others] = lengths();
    expect(whole).toBeGreaterThan(30_000);
    for (const length of others) expect(length).toBeLessThan(250);
    expect([current('a'), current('a', 'y')]).toEqual([long, '1']);
  });

  test('is folded when many attributes have changed, and writes cost a fraction until then', async () => {
    await set('a', long);
    const changes = 400;
    for (let n = 0; n < changes; n += 1) await set('a', `value ${n}`, `name${n}`);
    const sizes = lengths().slice(1);
    const folds = sizes.filter((length) => length > 30_000).length;
    expect(folds).toBeGreaterThan(1);
    expect(sizes.reduce((sum, length) => sum + length) / changes).toBeLessThan(4096);
    for (const n of [0, 17, 399]) expect(current('a', `name${n}`)).toBe(`value ${n}`);
  });

  test('writes one heavy change once, and the next changes stay cheap', async () => {
    await set('a', long);
    await set('a', 'z'.repeat(8000), 'big');
    for (let n = 0; n < 5; n += 1) await set('a', `${n}`, 'small');
    const [, heavy, folded, ...light] = lengths();
    expect(heavy).toBeLessThan(9000);
    expect(folded).toBeGreaterThan(38_000);
    for (const length of light) expect(length).toBeLessThan(250);
    expect(current('a', 'small')).toBe('4');
  });

  test('survives separate cleaning of base and delta, and the removal of an attribute', async () => {
    await set('a', long);
    await set('a', '1', 'y');
    for (let n = 0; n < 30; n += 1) {
      await set('b', `${n}`);
      await settle();
    }
    expect([current('a'), current('a', 'y')]).toEqual([long, '1']);
    await store.removeAttribute('demo', tnt('a'), 'x', moment);
    expect([current('a'), current('a', 'y')]).toEqual([undefined, '1']);
    expect(countIn('records')).toBeLessThan(12);
  });

  test('with a damaged base is an error', async () => {
    await set('a', long);
    await set('a', '1', 'y');
    await environment.write(() => environment.table('records').removeSync(numberKey(1)));
    expect(() => current('a')).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });
});

describe('many ids of one person', () => {
  const MANY = 200;
  const device = (n: number) => tnt(`device${n}`);
  beforeEach(async () => {
    for (let n = 0; n < MANY; n += 1) await visit([person('p'), device(n)]);
  });

  test('cost two small entries and two heads when a device moves to another person', async () => {
    const before = countIn('records');
    await visit([person('q'), device(7)]);
    expect(countIn('records') - before).toBeLessThanOrEqual(5);
    const ids = async (id: VisitorId) => (await store.findLinked('demo', id, moment.now, 500))?.ids.length;
    expect([await ids(person('p')), await ids(person('q')), await ids(device(7))]).toEqual([MANY, 2, 2]);
  });

  test('cost one entry on removal; they are unknown at once and cleared little by little', async () => {
    const before = countIn('records');
    expect(await store.remove('demo', device(3), moment.now)).toBe(true);
    expect(countIn('records') - before).toBe(1);
    for (const n of [0, 3, 199]) expect(store.find('demo', device(n), moment.now)).toBeUndefined();
    expect(await store.update('demo', device(5), new Map(), moment, false)).toBe('not-found');
    // An id that is used again before it was cleared belongs to the new profile.
    await visit([device(9)], [['x', 'new']]);
    let steps = 0;
    while ((await store.sweep(moment.now, 50)).more) steps += 1;
    expect(steps).toBeGreaterThanOrEqual(3);
    await settle(upkeep, 1000);
    expect(current('device9')).toBe('new');
    expect([countIn('links'), countIn('orphans'), countIn('index')]).toEqual([0, 0, 1]);
  });

  test('all report an error when their profile is lost', async () => {
    await settle(upkeep, 1000);
    const { homeKey } = environment.read(() => tables.locate('demo', person('p'))!);
    await environment.write(() => environment.table('index').removeSync(homeKey));
    // Another process, because this one may have cached its place.
    await environment.close();
    await open({ segmentEntries: 4 });
    expect(() => store.find('demo', device(0), moment.now)).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
  });
});

test('are stored with what changed and through which channel; a copy says that nothing did', async () => {
  await set('a', '1');
  await visit([tnt('a')]);
  await visit([person('p'), tnt('b')]);
  await store.remove('demo', tnt('a'), moment.now);
  const said = environment.read(() =>
    Array.from(environment.table('records').getRange({}), ({ value }) => [
      value[0],
      channelOf(value),
      changesOf(value),
      flagsOf(value) & COPY,
    ]),
  );
  const { attributes, ids, lifetime, created, removed } = CHANGED;
  expect(said).toEqual([
    [PROFILE, CHANNEL.update, attributes | lifetime | created, 0],
    [PROFILE, CHANNEL.visit, attributes | lifetime, 0],
    [POINTER, CHANNEL.visit, ids, 0],
    [POINTER, CHANNEL.visit, ids, 0],
    [PROFILE, CHANNEL.visit, attributes | lifetime | created, 0],
    [4, CHANNEL.removal, removed, 0],
  ]);
  // Two live entries among many dead ones, so that they are copied.
  for (let n = 0; n < 8; n += 1) await set('z', `${n}`);
  await settle();
  const copies = environment.read(() =>
    Array.from(environment.table('records').getRange({}), ({ value }) => flagsOf(value) & COPY),
  );
  expect(copies.filter((flag) => flag === COPY).length).toBeGreaterThan(0);
});

test('of every form are kept apart and can be read back from their keys', async () => {
  const hex = 'a'.repeat(32);
  const ids = [tnt(hex), tnt(hex.toUpperCase()), person(hex), tnt(`${hex}0`), tnt('ab'.repeat(15))];
  for (const [n, id] of ids.entries()) {
    await store.update('demo', id, new Map([['x', String(n)]]), moment, true);
  }
  await settle();
  for (const [n, id] of ids.entries()) {
    expect(store.find('demo', id, moment.now)?.attributes).toContain(`"value":"${n}"`);
    expect((await store.findLinked('demo', id, moment.now, 9))?.ids).toEqual([{ ...id, since: moment.now }]);
  }
});

test('the live sizes are those of what the index leads to, whichever process merges meanwhile', async () => {
  const other = await LmdbEnvironment.open(path);
  try {
    const otherTables = new ProfileTables(other, { segmentEntries: 4 });
    const otherUpkeep = new StoreUpkeep(other, otherTables.records, { mergeKeys: 4 });
    const otherStore = new LmdbProfileStore(other, otherTables);
    const rowsOf = (ids: string[], value: string, at: number) =>
      PackedRows.of(
        PlainRows.of(
          ids.map((id, line) => rowOf(line, id, value)),
          at,
        ),
      );
    const writers = [
      {
        environment,
        upkeep: new StoreUpkeep(environment, tables.records, { mergeKeys: 4 }),
        rows: new RowWriter(tables),
        store,
      },
      { environment: other, upkeep: otherUpkeep, rows: new RowWriter(otherTables), store: otherStore },
    ];
    let state = 7;
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    const oneOf = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
    let writer = writers[0]!;
    for (let round = 0; round < 400; round += 1) {
      if (random() < 0.3) writer = oneOf(writers);
      const { environment: own, rows, upkeep: merging } = writer;
      const at = later();
      const ids = Array.from({ length: 1 + Math.floor(random() * 3) }, () => oneOf('abcdefghij'.split('')));
      await own.write(() => rows.apply('demo', rowsOf(ids, `v${round}`, at.now), 0, at, true, () => true));
      if (random() < 0.2)
        await oneOf(writers).store.remove('demo', tnt(oneOf('abcdefghij'.split(''))), at.now);
      for (let steps = Math.floor(random() * 4); steps > 0; steps -= 1) await merging.step(1);
      const { live, indexed } = liveWeights();
      expect(live).toEqual(indexed);
    }
  } finally {
    await other.close();
  }
});
