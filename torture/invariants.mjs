/** What must hold in every embedded store at every moment, whatever was done to it. */

import { join } from 'node:path';
import { built } from './quiver-process.mjs';

/** Looks at a whole store; every broken rule as a line. */
export async function brokenInvariants(dataDir) {
  const { LmdbEnvironment } = await built('storage/lmdb/lmdb-environment.js');
  const { ProfileTables } = await built('storage/lmdb/profile-tables.js');
  const { parseProfileKey, parseLinkKey } = await built('storage/lmdb/lmdb-keys.js');
  const { decodePointer, decodeProfile, isPointer } = await built('storage/profile-record.js');
  const { readTime } = await built('domain/time-bytes.js');
  const environment = await LmdbEnvironment.open(join(dataDir, 'store'));
  const broken = [];
  try {
    const tables = new ProfileTables(environment);
    // The first look finds that nothing more is written, the next ones bring all records into one table.
    for (let look = 0; look < 2; look += 1) while (await tables.records.settle(10_000));
    const linked = new Map();
    for (const key of tables.links.getKeys({})) {
      const group = readTime(key, 0);
      linked.set(group, [...(linked.get(group) ?? []), nameOf(parseLinkKey(key).id)]);
    }
    const homes = new Map();
    const pointers = [];
    for (const { key, value } of tables.records.tree.getRange({})) {
      const { client, id } = parseProfileKey(Buffer.from(key));
      if (isPointer(value)) pointers.push({ client, id, home: decodePointer(value, value.length).home });
      else homes.set(`${client} ${nameOf(id)}`, { ...decodeProfile(value, value.length), ids: [nameOf(id)] });
    }
    for (const { client, id, home } of pointers) {
      const profile = homes.get(`${client} ${nameOf(home)}`);
      if (profile) profile.ids.push(nameOf(id));
      else broken.push(`${nameOf(id)} points to ${nameOf(home)}, which is no profile`);
    }
    for (const [name, { linkGroup, ids }] of homes) {
      const listed = linkGroup === 0 ? ids.slice(0, 1) : (linked.get(linkGroup) ?? []);
      if (listed.slice().sort().join() !== ids.slice().sort().join()) {
        broken.push(`${name} is named by ${ids}, and its links are ${listed}`);
      }
      linked.delete(linkGroup);
    }
    for (const group of linked.keys()) broken.push(`links of group ${group} lead to no profile`);
    if (tables.count() !== homes.size)
      broken.push(`${homes.size} profiles, and ${tables.count()} in the index of expiry`);
  } finally {
    await environment.close();
  }
  return broken;
}

function nameOf({ kind, value }) {
  return `${kind}:${value}`;
}
