import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as lmdb from 'lmdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packSettings } from '../../domain/attributes.ts';
import type { VisitorId } from '../../domain/visitor-id.ts';
import { BatchRows } from '../batch-rows.ts';
import { LmdbEnvironment, type Table } from './lmdb-environment.ts';
import { LmdbProfileStore } from './lmdb-profile-store.ts';
import { ProfileTables } from './profile-tables.ts';
import { RowWriter } from './row-writer.ts';

/** What takes a child transaction back; the library's types leave it out. */
const { ABORT: TAKEN_BACK } = lmdb as unknown as { readonly ABORT: number };
const moment = { now: 1_700_000_000_000, lifetimeDays: 14 };
const tnt = (value: string): VisitorId => ({ kind: 'tntId', value });

let path: string;
let environment: LmdbEnvironment;
let tables: ProfileTables;
let store: LmdbProfileStore;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'quiver-journal-'));
  await open();
});
afterEach(async () => {
  await environment.close();
  await rm(path, { recursive: true });
});

async function open(): Promise<void> {
  environment = await LmdbEnvironment.open(path);
  tables = new ProfileTables(environment);
  store = new LmdbProfileStore(environment, tables);
}

const set = (id: string, value: string) =>
  store.update('demo', tnt(id), new Map([['x', value]]), moment, true);
const current = (id: string) =>
  /"value":"([^"]*)"/.exec(store.find('demo', tnt(id), moment.now)?.attributes ?? '')?.[1];
const entries = () => environment.read(() => environment.table('journal').getKeysCount());
const inTree = () => environment.read(() => tables.records.tree.getKeysCount());

/** What is under way, then a look that may see that more has come, then the rest. */
async function settleAll({ records } = tables): Promise<void> {
  for (let look = 0; look < 3; look += 1) while (await records.settle(2));
}

test('what was written is read from the journal, and from the tree when it is settled', async () => {
  for (const id of ['a', 'b', 'c']) await set(id, `${id}1`);
  await set('b', 'b2');
  expect([entries(), inTree()]).toEqual([4, 0]);
  expect(['a', 'b', 'c'].map(current)).toEqual(['a1', 'b2', 'c1']);
  await settleAll();
  expect([entries(), inTree()]).toEqual([0, 3]);
  expect(['a', 'b', 'c'].map(current)).toEqual(['a1', 'b2', 'c1']);
});

test('a process that opens the store later reads what is in the journal', async () => {
  await set('a', '1');
  await settleAll();
  await set('a', '2');
  await set('b', '1');
  await environment.close();
  await open();
  expect(['a', 'b'].map(current)).toEqual(['2', '1']);
  await set('a', '3');
  expect(current('a')).toBe('3');
  await settleAll();
  expect(['a', 'b'].map(current)).toEqual(['3', '1']);
});

test('a write while records are settled is kept, and what was removed stays removed', async () => {
  for (const id of ['a', 'b', 'c', 'd']) await set(id, '1');
  await tables.records.settle(1);
  expect(await tables.records.settle(1)).toBe(true);
  expect(inTree()).toBe(1);
  await set('a', '2');
  await set('c', '2');
  await store.remove('demo', tnt('d'), moment.now);
  await store.remove('demo', tnt('b'), moment.now);
  await settleAll();
  expect(['a', 'b', 'c', 'd'].map(current)).toEqual(['2', undefined, '2', undefined]);
  expect([entries(), inTree()]).toEqual([0, 2]);
});

test('a process that dies while it settles leaves the rest to the next', async () => {
  for (const id of ['a', 'b', 'c']) await set(id, '1');
  await tables.records.settle(1);
  await tables.records.settle(1);
  await environment.close();
  await open();
  await set('a', '2');
  await settleAll();
  expect(['a', 'b', 'c'].map(current)).toEqual(['2', '1', '1']);
  expect([entries(), inTree()]).toEqual([0, 3]);
});

test('several processes may settle at once, and one that has not looked since finds what they did', async () => {
  const otherEnvironment = await LmdbEnvironment.open(path);
  const other = new ProfileTables(otherEnvironment);
  for (const id of ['a', 'b', 'c']) await set(id, '1');
  expect(current('a')).toBe('1');
  await tables.records.settle(1);
  await tables.records.settle(1);
  await settleAll(other);
  // Its last snapshot has entries that are gone by now.
  await set('b', '2');
  await settleAll(other);
  await settleAll();
  expect(['a', 'b', 'c'].map(current)).toEqual(['1', '2', '1']);
  expect([entries(), inTree()]).toEqual([0, 3]);
  await otherEnvironment.close();
});

test('a batch writes behind what is in the journal, not below it', async () => {
  await set('a', '1');
  const row = { id: tnt('a'), rawId: 'a', line: 2, start: 0, next: 1, settings: new Map([['x', '2']]) };
  const writer = new RowWriter(tables);
  const apply = () => writer.apply('demo', BatchRows.of([row], moment.now), moment, true);
  expect(await environment.write(apply)).toEqual([]);
  expect(current('a')).toBe('2');
  await settleAll();
  expect(current('a')).toBe('2');
});

test('what the engine has not committed is not there, and what comes afterwards is', async () => {
  await set('a', '1');
  const prototype = Object.getPrototypeOf(environment.table('meta')) as Table;
  const transaction = prototype.transaction;
  // The library's own way to take a transaction back; that the disk refuses one cannot be had at will.
  prototype.transaction = async function refused(this: Table, work: () => unknown) {
    await this.childTransaction(() => {
      work();
      return TAKEN_BACK;
    });
    throw new Error('the disk is on fire');
  } as typeof transaction;
  await expect(set('b', '1')).rejects.toMatchObject({ code: 'not-done' });
  prototype.transaction = transaction;
  expect(['a', 'b'].map(current)).toEqual(['1', undefined]);
  await set('c', '1');
  expect(['a', 'b', 'c'].map(current)).toEqual(['1', undefined, '1']);
  await settleAll();
  expect(['a', 'b', 'c'].map(current)).toEqual(['1', undefined, '1']);
});

test('an entry that should be there and is not is an error, never an older record', async () => {
  await set('a', '1');
  await settleAll();
  await set('a', '2');
  expect(current('a')).toBe('2');
  await environment.write(() => environment.table('journal').clearSync());
  expect(() => current('a')).toThrow(expect.objectContaining({ code: 'unavailable' }));
});

test('a record of any size goes through', async () => {
  const long = 'é'.repeat(20_000);
  await set('a', long);
  expect(current('a')).toBe(long);
  await set('b', '1');
  await settleAll();
  expect(current('a')).toBe(long);
  expect(packSettings(new Map([['x', long]]), moment.now).length).toBeGreaterThan(40_000);
});
