/**
 * Creates a store, damages a copy of it, and reads the copy. The tests and the torture of damage
 * run it as a separate process, because a damaged file may end the process that reads it. Runs on
 * Bun from the sources and on Node from the built files.
 *
 *   store-damage.mjs make FOLDER
 *     a store with small, large, linked and removed profiles, part of it merged
 *   store-damage.mjs read FOLDER [unchecked]
 *     checks it and reads every profile; prints one JSON line:
 *     { damage, wrong, lost, refused, right }
 */
import { createHash } from 'node:crypto';

const [, , mode, folder, option] = process.argv;
const [root, ending] = process.versions.bun ? ['../src', 'ts'] : ['../dist', 'js'];
const { openLmdbStores } = await import(`${root}/storage/lmdb/open-lmdb-stores.${ending}`);
const PEOPLE = 3000;
const T0 = 1_800_000_000_000;
const moment = (n = 0) => ({ now: T0 + n, lifetimeDays: 90 });
const hex = (n) => createHash('md5').update(String(n)).digest('hex');
const tnt = (n) => ({ kind: 'tntId', value: hex(n) });
const person = (n) => ({ kind: 'thirdPartyId', value: `person-${n}` });
const isLinked = (n) => n % 10 === 0;
const isLarge = (n) => n % 50 === 7;
const valueFor = (n) => `value of ${n}`;

async function make() {
  const stores = await openLmdbStores({ path: folder, log: { mergeKeys: 1 } });
  const { profiles } = stores;
  const writes = [];
  for (let n = 0; n < PEOPLE; n += 1) {
    const settings = new Map([['x', valueFor(n)]]);
    if (isLarge(n)) settings.set('large', 'y'.repeat(9000));
    writes.push(profiles.update('demo', tnt(n), settings, moment(), true));
  }
  await Promise.all(writes);
  while (await stores.chores.steps.upkeep());
  for (let n = 0; n < PEOPLE; n += 1) {
    if (isLarge(n)) await profiles.update('demo', tnt(n), new Map([['later', '1']]), moment(1), false);
    if (isLinked(n)) {
      await profiles.visit(
        'demo',
        { ids: [person(n), tnt(n)], freshTntId: tnt(n), settings: new Map() },
        moment(2),
      );
    }
  }
  for (let n = 0; n < 2; n += 1) while (await stores.chores.steps.upkeep());
  await profiles.update('demo', tnt(0), new Map([['x', valueFor(0)]]), moment(3), false);
  await stores.close();
}

async function read() {
  const seen = { damage: 0, wrong: 0, lost: 0, refused: 0, right: 0 };
  let stores;
  try {
    stores = await openLmdbStores({ path: folder });
  } catch (error) {
    seen.damage = 1;
    seen.reason = error.message;
    return seen;
  }
  for (let found; option !== 'unchecked' && found === undefined; ) {
    try {
      found = await stores.chores.steps.check();
    } catch {
      found = ['the check itself could not go on'];
    }
    seen.damage = found?.length ?? 0;
  }
  const look = (n, id) => {
    try {
      const profile = stores.profiles.find('demo', id, T0 + 10);
      if (profile === undefined) seen.lost += 1;
      else if (isRight(n, profile.attributes)) seen.right += 1;
      else seen.wrong += 1;
    } catch {
      seen.refused += 1;
    }
  };
  for (let n = 0; n < PEOPLE; n += 1) {
    look(n, tnt(n));
    if (isLinked(n)) look(n, person(n));
  }
  return seen;
}

function isRight(n, attributes) {
  const found = JSON.parse(attributes);
  if (found.x?.value !== valueFor(n)) return false;
  return !isLarge(n) || (found.large?.value.length === 9000 && found.later?.value === '1');
}

if (mode === 'make') await make();
else process.stdout.write(`${JSON.stringify(await read())}\n`);
// The damage may also keep the engine from closing.
process.exit(0);
