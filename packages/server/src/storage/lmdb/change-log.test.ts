import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { changesAfter, describeChangeFeed, KEPT } from '../conformance/change-feed-conformance.ts';
import { testAgainstModel } from '../conformance/model-comparison.ts';
import { at, settings, T0, tnt } from '../conformance/profile-store-conformance.ts';
import type { Stores } from '../stores.ts';
import { makeLmdbPlace } from './conformance/lmdb-place.ts';
import { LmdbEnvironment } from './lmdb-environment.ts';
import { copyEmbeddedStore, renewChangeFeed } from './lmdb-upkeep.ts';
import { openLmdbStores } from './open-lmdb-stores.ts';

const makePlace = () => makeLmdbPlace({ changes: KEPT });

describeChangeFeed('LMDB', makePlace);
testAgainstModel('LMDB with a feed and what follows it', makePlace, 25);

test('many changes of one transaction fill several blocks and are read from any position', async () => {
  const place = await makePlace();
  const { profiles, changes } = await place.open();
  const names = (n: number) => settings({ [`attribute-${n % 3}`.repeat(40)]: '1', b: String(n) });
  const writes = Array.from({ length: 700 }, (_, n) =>
    profiles.update('demo', tnt(`v${n}`), names(n), at(T0 + n), true),
  );
  await Promise.all(writes);
  const { changes: all } = await changesAfter(changes, 'demo', undefined, 1000);
  expect(all.map((change) => change.at)).toEqual(Array.from({ length: 700 }, (_, n) => T0 + n));
  expect(all.map(({ attributes }) => attributes)).toEqual(
    Array.from({ length: 700 }, (_, n) => [...names(n).keys()]),
  );
  for (const from of [0, 1, 341, 698, 699]) {
    const rest = await changesAfter(changes, 'demo', all[from]!.cursor, 77);
    expect(rest.changes).toEqual(all.slice(from + 1));
  }
  expect(await changes.lag(all[650]!.cursor)).toBe(49);
  await place.dispose();
});

test('a feed that was switched off meanwhile has a new id and begins after the gap', async () => {
  const place = await makePlace();
  const write = (stores: Stores, value: string) =>
    stores.profiles.update('demo', tnt(value), settings({ x: '1' }), at(T0), true);
  const on = await place.open();
  await write(on, 'before');
  const cursor = (await on.changes.newest())!;
  await on.close();
  const off = await openLmdbStores({ path: place.path, changes: 'off' });
  await write(off, 'unseen');
  expect(await off.changes.read('demo', cursor, 1)).toBe('off');
  expect(await off.changes.newest()).toBeUndefined();
  await off.close();
  const again = await place.open();
  // A process that was started without a setting for the feed records too, because the store says
  // whether it is on.
  const silent = await openLmdbStores({ path: place.path });
  await write(silent, 'after');
  await silent.close();
  expect(await again.changes.read('demo', cursor, 1)).toBe('gone');
  const { changes } = await changesAfter(again.changes, 'demo');
  expect(changes.map(({ id }) => id.value)).toEqual(['after']);
  await place.dispose();
});

test('a restored copy of the store has a feed with another id', async () => {
  const place = await makePlace();
  const stores = await place.open();
  await stores.profiles.update('demo', tnt('a'), settings({ x: '1' }), at(T0), true);
  const cursor = (await stores.changes.newest())!;
  const copy = join(place.path, 'copy');
  await copyEmbeddedStore(place.path, copy);
  await renewChangeFeed(copy);
  const restored = await openLmdbStores({ path: copy, changes: KEPT });
  expect(await restored.changes.read('demo', cursor, 1)).toBe('gone');
  expect((await changesAfter(restored.changes, 'demo')).changes).toEqual([]);
  await restored.profiles.update('demo', tnt('b'), settings({ x: '1' }), at(T0), true);
  expect((await changesAfter(restored.changes, 'demo')).changes).toHaveLength(1);
  await restored.close();
  await place.dispose();
});

test('a feed that has grown too large loses its oldest changes', async () => {
  const place = await makePlace();
  const path = place.path;
  const stores = await openLmdbStores({ path, changes: { ...KEPT, bytes: 200_000 } });
  for (let n = 0; n < 12_000; n += 400) {
    await Promise.all(
      Array.from({ length: 400 }, (_, k) =>
        stores.profiles.update(
          'demo',
          tnt(`a-visitor-with-a-long-id-${n + k}`),
          settings({ x: '1' }),
          at(T0),
          true,
        ),
      ),
    );
  }
  const before = (await stores.changes.figures())!;
  expect(before.bytes).toBeGreaterThan(300_000);
  while (await stores.changes.upkeep(T0));
  while (await stores.changes.upkeep(T0));
  const after = (await stores.changes.figures())!;
  expect(after.newest).toBe(before.newest);
  expect(after.bytes).toBeLessThan(before.bytes);
  const { changes } = await changesAfter(stores.changes, 'demo', undefined, 1000);
  expect(changes.at(-1)!.id.value).toBe('a-visitor-with-a-long-id-11999');
  expect(changes.length).toBeLessThan(12_000);
  await stores.close();
  // A feed within its limit also loses its oldest changes when the disk is nearly full.
  const roomy = await openLmdbStores({ path, changes: KEPT });
  expect(await roomy.changes.upkeep(T0)).toBe(false);
  for (let n = 0; n < 24_000; n += 800) {
    const names = (k: number) => settings({ [`attribute-${n + k}`.repeat(5)]: '1' });
    await Promise.all(
      Array.from({ length: 800 }, (_, k) =>
        roomy.profiles.update('demo', tnt(`c${n + k}`), names(k), at(T0), true),
      ),
    );
  }
  const full = (await roomy.changes.figures())!;
  expect(full.bytes).toBeGreaterThan(1_200_000);
  const scarce = vi.spyOn(LmdbEnvironment.prototype, 'isSpaceScarce').mockReturnValue(true);
  while (await roomy.changes.upkeep(T0));
  while (await roomy.changes.upkeep(T0));
  scarce.mockRestore();
  expect((await roomy.changes.figures())!.bytes).toBeLessThan(full.bytes);
  expect((await roomy.changes.figures())!.newest).toBe(full.newest);
  await roomy.close();
  await place.dispose();
});
