/**
 * Measures attribute indexes in the embedded store: how long a build takes, what a page costs with
 * and without an index, how fast changes are followed, and the space of two attributes.
 *
 *   node bench/attribute-index.mjs [--profiles 200000]
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildForNode, SERVER } from '../scripts/setup.mjs';

buildForNode();
const built = (path) => import(join(SERVER, 'dist', 'storage', path));
const { AttributeIndexes } = await built('kept/attribute-indexes.js');
const { openLmdbStores } = await built('lmdb/open-lmdb-stores.js');

const at = process.argv.indexOf('--profiles');
const PROFILES = at === -1 ? 200_000 : Number(process.argv[at + 1]);
const CHANGES = 20_000;
const AT_ONCE = 5000;
const RARE = 1000;

const path = await mkdtemp(join(tmpdir(), 'quiver-index-'));
const stores = await openLmdbStores({ path, changes: { age: 7 * 86_400_000, bytes: 512 * 1024 ** 2 } });
const { records, changes: feed, lists, profiles } = stores;
const wantedBy = () => ['plan', 'country'];
const indexes = new AttributeIndexes({ records, feed, lists, profiles, wantedBy, now: Date.now });

async function write(count, valuesOf) {
  for (let from = 0; from < count; from += AT_ONCE) {
    const writes = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, place) => {
      const n = from + place;
      const id = { kind: 'thirdPartyId', value: `crm-${(n * 7919) % PROFILES}` };
      const settings = new Map(Object.entries(valuesOf(n)));
      return profiles.update('demo', id, settings, { now: Date.now(), lifetimeDays: 14 }, true);
    });
    await Promise.all(writes);
  }
}

async function seconds(work) {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function build() {
  while (await indexes.step('demo'));
}

async function allPages(of, value) {
  const query = { limit: 50, attribute: { name: 'plan', value } };
  let count = 0;
  for (let cursor; ; ) {
    const page = await of.page('demo', { ...query, cursor }, Date.now());
    count += page.profiles.length;
    if (page.next === undefined) return count;
    cursor = page.next;
  }
}

const shown = (what, value, unit) => process.stdout.write(`${what.padEnd(44)} ${value.toFixed(2)} ${unit}\n`);
try {
  await write(PROFILES, (n) => ({ plan: n % RARE === 7 ? 'gold' : 'silver', country: `c${n % 200}` }));
  while (await stores.chores.steps.upkeep());
  const before = (await stores.figures()).bytes;
  shown('search for one in 1,000', await seconds(() => allPages(lists, 'gold')), 's');
  shown('build of two indexes', await seconds(build), 's');
  shown('bytes for each profile', ((await stores.figures()).bytes - before) / PROFILES, 'bytes');
  shown('the same through the index', await seconds(() => allPages(indexes, 'gold')), 's');
  const query = { limit: 50, attribute: { name: 'plan', value: 'silver' } };
  const pages = await seconds(async () => {
    for (let n = 0; n < 200; n += 1) await indexes.page('demo', query, Date.now());
  });
  shown('a page of 50 through the index', (pages / 200) * 1000, 'ms');
  await write(CHANGES, (n) => ({ plan: n % 2 ? 'gold' : 'bronze' }));
  shown(`following ${CHANGES} changes of the attribute`, await seconds(build), 's');
} finally {
  await stores.close();
  await rm(path, { recursive: true });
}
