/**
 * A process for the tortures `upkeep-kill` and `power-cut`: it writes to an embedded store, merges
 * and cleans it, and prints what was acknowledged (`name n`) and which upkeep starts (`@merging`,
 * `@cleaning`, `@folding`).
 *
 *   upkeep-writer.mjs FOLDER NAME [WRITES]     ends after so many; never by default
 */
const [, , folder, name, mostWrites = 'Infinity'] = process.argv;
let acknowledged = 0;
const [root, ending] = process.versions.bun ? ['src', 'ts'] : ['dist', 'js'];
const part = (path) =>
  import(new URL(`../packages/server/${root}/storage/lmdb/${path}.${ending}`, import.meta.url));
const { openLmdbStores } = await part('open-lmdb-stores');
const { EntryLog } = await part('entry-log');
const { PROFILE } = await part('record-entry');

const tell = (line) => process.stdout.write(`${line}\n`);
// Printed when a key goes to the index, an entry is removed, or a large profile is written
// completely, in the middle of a transaction.
for (const [method, what] of [
  ['merge', 'merging'],
  ['removeEntry', 'cleaning'],
]) {
  const done = EntryLog.prototype[method];
  EntryLog.prototype[method] = function (...args) {
    tell(`@${what}`);
    return done.apply(this, args);
  };
}
/** The size of a large profile that is written completely rather than as a delta. */
const LARGE_BYTES = 4096;
const { append } = EntryLog.prototype;
EntryLog.prototype.append = function (entry, length, ...rest) {
  if (entry[0] === PROFILE && length > LARGE_BYTES) tell('@folding');
  return append.call(this, entry, length, ...rest);
};

const SMALL = 24;
const LARGE = 6;
const moment = () => ({ now: Date.now(), lifetimeDays: 14 });
// Small segments and frequent merges, so that what takes hours elsewhere happens many times per
// second.
const store = await openLmdbStores({ path: folder, log: { segmentEntries: 64, mergeKeys: 128 } });

function acknowledge({ value }, n) {
  tell(`${value} ${n}`);
  acknowledged += 1;
  if (acknowledged >= Number(mostWrites)) process.exit();
}

async function write(lane) {
  const isLarge = lane >= SMALL;
  const id = { kind: 'tntId', value: `${name}-${lane}` };
  for (let n = 1; ; n += 1) {
    const settings = new Map([
      ['first', String(n)],
      ['second', String(n)],
    ]);
    // A large profile is a complete record and deltas, which soon outweigh it.
    for (let at = 0; isLarge && at < (n === 1 ? 20 : 1); at += 1) {
      settings.set(`more-${(n + at) % 20}`, 'x'.repeat(500));
    }
    await store.profiles.update('demo', id, settings, moment(), true);
    acknowledge(id, n);
    // Written once, so that every cleaned segment contains something live.
    if (n % 4 !== 0 || isLarge) continue;
    const lasting = { kind: 'tntId', value: `${id.value}-${n}` };
    await store.profiles.update('demo', lasting, settings, moment(), true);
    acknowledge(lasting, n);
  }
}

async function keepUp() {
  for (;;) {
    await store.chores.steps.upkeep(48);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

await Promise.all([...Array.from({ length: SMALL + LARGE }, (_, lane) => write(lane)), keepUp()]);
