/** Conditions that every embedded store must always meet, whatever was done to it. */

import { join } from 'node:path';
import { built } from './quiver-process.mjs';

/** Examines a whole store; returns each broken rule as a line. */
export async function brokenInvariants(dataDir) {
  const { LmdbEnvironment } = await built('storage/lmdb/lmdb-environment.js');
  const { ProfileTables } = await built('storage/lmdb/profile-tables.js');
  const { StoreUpkeep } = await built('storage/lmdb/store-upkeep.js');
  const { StoreCheck } = await built('storage/lmdb/store-check.js');
  const { handleKey, parseKey, parseLinkKey } = await built('storage/lmdb/lmdb-keys.js');
  const { readTime } = await built('domain/time-bytes.js');
  const environment = await LmdbEnvironment.open(join(dataDir, 'store'));
  const broken = [];
  try {
    const tables = new ProfileTables(environment);
    const upkeep = new StoreUpkeep(environment, tables.records);
    // The first step finds that nothing more is written; the next ones merge all keys into the
    // index.
    for (let look = 0; look < 2; look += 1) while (await upkeep.step());
    broken.push(...new StoreCheck(environment, tables.records).all());
    const linked = new Map();
    for (const key of tables.links.getKeys({})) {
      const group = readTime(key, 0);
      linked.set(group, [...(linked.get(group) ?? []), nameOf(parseLinkKey(key).id)]);
    }
    const profiles = new Map();
    const pointers = [];
    for (const key of Array.from(tables.records.log.index.table.getKeys({}), (one) => Buffer.from(one))) {
      const pointer = environment.read(() => tables.records.pointer(key));
      if (pointer) {
        pointers.push({ name: nameOf(parseKey(key).id), home: pointer.homeKey.toString('latin1') });
        continue;
      }
      const located = environment.read(() => tables.locateKey(key));
      const { id } = parseKey(key);
      const ids = id === undefined ? [] : [nameOf(id)];
      if (located) profiles.set(key.toString('latin1'), { ...located, ids });
      else broken.push(`the index leads from ${key.toString('hex')} to nothing`);
    }
    for (const { name, home } of pointers) {
      const profile = profiles.get(home);
      if (profile) profile.ids.push(name);
      else if (!tables.records.isOrphaned(Buffer.from(home, 'latin1'))) {
        broken.push(`${name} points to no profile`);
      }
    }
    for (const { client, linkGroup, idCount, homeKey, ids } of profiles.values()) {
      const name = ids.join();
      const isAtHandle = linkGroup === 0 || handleKey(client, linkGroup).equals(homeKey);
      if (!isAtHandle) broken.push(`${name} is not kept under its handle`);
      const listed = linkGroup === 0 ? ids.slice(0, 1) : (linked.get(linkGroup) ?? []);
      if (listed.slice().sort().join() !== ids.slice().sort().join()) {
        broken.push(`${name} is named by ${ids}, and its links are ${listed}`);
      }
      if (idCount !== ids.length) broken.push(`${name} counts ${idCount} ids`);
      linked.delete(linkGroup);
    }
    for (const group of linked.keys()) {
      if (!tables.records.isOrphaned(handleKey('demo', group))) {
        broken.push(`links of group ${group} lead to no profile`);
      }
    }
    if (tables.count() !== profiles.size)
      broken.push(`${profiles.size} profiles, and ${tables.count()} in the index of expiry`);
    for (const { segment, total, live } of tables.records.log.segments.list()) {
      if (total > 0 && live > total) broken.push(`segment ${segment} has ${live} of ${total} live`);
    }
  } finally {
    await environment.close();
  }
  return broken;
}

function nameOf({ kind, value }) {
  return `${kind}:${value}`;
}
