/** Opens an embedded store that nobody serves, as the next server would. */

import { built } from './quiver-process.mjs';

const SEGMENT_ENTRIES = 64;

/**
 * Opens the store and compares it with the journal of what was acknowledged.
 *
 * @param last `[id, n]` pairs: the last value that was acknowledged for each id
 * @param seen its counts `lost`, `torn` and `damaged` are raised
 */
export async function lookInto(folder, last, seen) {
  const { openLmdbStores } = await built('storage/lmdb/open-lmdb-stores.js');
  if ((await damageOf(folder)).length > 0) seen.damaged += 1;
  const store = await openLmdbStores({
    path: folder,
    log: { segmentEntries: SEGMENT_ENTRIES, mergeKeys: 16 },
  });
  try {
    for (const [id, n] of last) {
      const { first, second } = valuesOf(store, id);
      if (first === undefined || first < n) seen.lost += 1;
      if (first !== second) seen.torn += 1;
    }
  } finally {
    await store.close();
  }
}

/** The findings of the doctor. */
async function damageOf(folder) {
  const { LmdbEnvironment } = await built('storage/lmdb/lmdb-environment.js');
  const { ProfileTables } = await built('storage/lmdb/profile-tables.js');
  const { StoreCheck } = await built('storage/lmdb/store-check.js');
  const environment = await LmdbEnvironment.open(folder);
  try {
    const { records } = new ProfileTables(environment, { segmentEntries: SEGMENT_ENTRIES });
    return new StoreCheck(environment, records).all();
  } catch (error) {
    return [error.message];
  } finally {
    await environment.close();
  }
}

function valuesOf(store, id) {
  try {
    const found = store.profiles.find('demo', { kind: 'tntId', value: id }, Date.now());
    const attributes = found === undefined ? {} : JSON.parse(found.attributes);
    return { first: numberOf(attributes.first), second: numberOf(attributes.second) };
  } catch {
    return { first: undefined, second: undefined };
  }
}

const numberOf = (attribute) => (attribute === undefined ? undefined : Number(attribute.value));
