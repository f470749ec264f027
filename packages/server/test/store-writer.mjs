/**
 * A process that writes to an embedded store and prints what was acknowledged, one line each. The
 * tests kill it, fill its disk, or let two of them write to one profile. Runs on Bun from the
 * sources and on Node from the built files.
 *
 *   store-writer.mjs FOLDER pairs NAME LANES
 *     every lane updates its own profile, two attributes at once, forever; prints `NAME-lane n`
 *   store-writer.mjs FOLDER one NAME COUNT
 *     sets COUNT attributes named NAME-n of one person, while linking devices
 *   store-writer.mjs FOLDER fill NAME LANES
 *     as pairs, but large values and a new profile each time; prints a refusal as `! code` and
 *     continues
 *   store-writer.mjs FOLDER once NAME VALUE
 *     one update of the profile NAME: its attribute `value` is VALUE
 *   store-writer.mjs FOLDER settled NAME VALUE
 *     as once, and then everything is merged and cleaned
 */
const [, , folder, mode, name, amount] = process.argv;
const [root, ending] = process.versions.bun ? ['../src', 'ts'] : ['../dist', 'js'];
const { openLmdbStores } = await import(`${root}/storage/lmdb/open-lmdb-stores.${ending}`);

// When the disk is full, the engine also rejects a promise that nobody holds.
process.on('unhandledRejection', () => {});

const store = await openLmdbStores({ path: folder });
const moment = () => ({ now: Date.now(), lifetimeDays: 14 });
const person = { kind: 'thirdPartyId', value: 'the-person' };
const tell = (line) => process.stdout.write(`${line}\n`);

async function updatePairs(lane, padding) {
  for (let n = 1; ; n += 1) {
    const id = { kind: 'tntId', value: padding ? `${name}-${lane}-${n}` : `${name}-${lane}` };
    const settings = new Map([
      ['first', `${n}${padding}`],
      ['second', `${n}${padding}`],
    ]);
    try {
      await store.profiles.update('demo', id, settings, moment(), true);
      tell(`${id.value} ${n}`);
    } catch (error) {
      tell(`! ${error.code}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function updateOnePerson(count) {
  for (let n = 0; n < count; n += 1) {
    await store.profiles.update('demo', person, new Map([[`${name}-${n}`, String(n)]]), moment(), true);
    if (n % 20 === 0) {
      const device = { kind: 'tntId', value: `${name}-device-${n}` };
      const settings = new Map([[`${name}-device-${n}`, 'seen']]);
      await store.profiles.visit('demo', { ids: [device], freshTntId: device, settings }, moment());
      await store.profiles.visit(
        'demo',
        { ids: [person, device], freshTntId: device, settings: new Map() },
        moment(),
      );
    }
  }
}

if (mode === 'once' || mode === 'settled') {
  await store.profiles.update(
    'demo',
    { kind: 'tntId', value: name },
    new Map([['value', amount]]),
    moment(),
    true,
  );
  // The second look verifies that nothing more has come.
  for (let look = 0; mode === 'settled' && look < 3; look += 1) while (await store.chores.steps.upkeep());
  await store.close();
} else if (mode === 'one') {
  await updateOnePerson(Number(amount));
  await store.close();
} else {
  const padding = mode === 'fill' ? 'x'.repeat(8000) : '';
  await Promise.all(Array.from({ length: Number(amount) }, (_, lane) => updatePairs(lane, padding)));
}
