import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { describeProfileLists } from '../conformance/profile-lists-conformance.ts';
import { at, settings, T0, tnt } from '../conformance/profile-store-conformance.ts';
import { makeLmdbPlace } from './conformance/lmdb-place.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import { LmdbProfileLists } from './lmdb-profile-lists.ts';
import { LmdbProfileStore } from './lmdb-profile-store.ts';
import { ProfileTables } from './profile-tables.ts';
import { StoreUpkeep } from './store-upkeep.ts';

describeProfileLists('LMDB', makeLmdbPlace, true);
describeProfileLists(
  'LMDB whose index has everything',
  () => makeLmdbPlace({ log: { recentKeys: 0 } }),
  true,
);

test('profiles moved by cleaning are listed after the others, each once', async () => {
  const place = await makeLmdbPlace({ log: { mergeKeys: 1, segmentEntries: 4 } });
  const store = await place.open();
  const write = (id: string, now: number) =>
    store.profiles.update('demo', tnt(id), settings({ now: String(now) }), at(now), true);
  for (let n = 0; n < 6; n += 1) await write(`moved${n}`, T0);
  for (let n = 0; n < 40; n += 1) await write('hot', T0 + n);
  for (let round = 0; round < 5; round += 1) while (await store.chores.steps.upkeep?.(100));
  await write('last', T0 + 50);
  const query = { prefix: undefined, kind: undefined, changedSince: undefined, attribute: undefined };
  const { profiles } = await store.lists.page('demo', { ...query, cursor: undefined, limit: 100 }, T0);
  const ids = profiles.map(({ id }) => id.value);
  expect(ids.slice(0, 2)).toEqual(['last', 'hot']);
  expect(ids.toSorted()).toEqual(['hot', 'last', ...Array.from({ length: 6 }, (_, n) => `moved${n}`)]);
  await place.dispose();
});

test('a page skips segments of moved profiles without reading them', async () => {
  const path = await mkdtemp(join(tmpdir(), 'quiver-lmdb-'));
  const environment = await LmdbEnvironment.open(path);
  const tables = new ProfileTables(environment, { segmentEntries: 4 });
  const store = new LmdbProfileStore(environment, tables);
  const upkeep = new StoreUpkeep(environment, tables.records, { mergeKeys: 1 });
  const write = (id: string, now: number) =>
    store.update('demo', tnt(id), settings({ now: String(now) }), at(now), true);
  await write('before', T0);
  // Each segment has one profile that stays.
  for (let n = 0; n < 60; n += 1) {
    await write(`moved${n}`, T0);
    for (let times = 0; times < 3; times += 1) await write('hot', T0 + n);
  }
  for (let round = 0; round < 5; round += 1) while (await upkeep.step(100));
  await write('last', T0 + 100);
  const readEntries = vi.spyOn(tables.records, 'keptAt');
  const lists = new LmdbProfileLists(environment, tables, undefined as never);
  const query = { prefix: undefined, kind: undefined, changedSince: undefined, attribute: undefined };
  const { profiles } = await lists.page('demo', { ...query, cursor: undefined, limit: 2 }, T0);
  expect(profiles.map(({ id }) => id.value)).toEqual(['last', 'hot']);
  expect(readEntries.mock.calls.length).toBeLessThan(20);
  await environment.close();
  await rm(path, { recursive: true });
});

test('at most two snapshots are kept, and the least recently read one gives way', async () => {
  const place = await makeLmdbPlace();
  const store = await place.open();
  await store.profiles.update('demo', tnt('a'), settings({ x: '1' }), at(T0), true);
  const names = [await store.lists.takeSnapshot(), await store.lists.takeSnapshot()];
  await expect(store.lists.takeSnapshot()).rejects.toMatchObject({
    code: 'unavailable',
    headers: { 'retry-after': '15' },
  });
  const past = new Date(Date.now() - 60_000);
  await utimes(join(place.path, 'snapshots', names[1]!), past, past);
  const third = await store.lists.takeSnapshot();
  expect((await readdir(join(place.path, 'snapshots'))).sort()).toEqual([names[0], third].sort());
  await expect(store.lists.readSnapshot('demo', names[1]!, undefined, T0)).rejects.toMatchObject({
    code: 'not-found',
  });
  await place.dispose();
});
